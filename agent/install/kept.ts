/** What `petrel-agent install` leaves as it is on a host that has an agent already, whatever the command says. Pure. */
import { agentProduct } from "./product.ts";

export interface Asked {
  readonly hub: string | null;
  readonly id: string | null;
  /** Whether a token was given. */
  readonly token: boolean;
  readonly enrollAt: string | null;
}

/** URLs as the enrolment left them, and the configuration of before. */
export interface Kept {
  readonly agent: string;
  readonly hub: string;
  readonly enroll: string;
  /** One that is there is never written over; `hub` is what it says. */
  readonly config: { readonly path: string; readonly isThere: boolean; readonly hub: string | null };
}

/** Options that had no effect on this host. A hub that a new configuration will name has one: the agent goes by that. */
export function notUsed(asked: Asked, { agent, hub, enroll, config }: Kept): readonly string[] {
  const isHub = asked.hub === null || isSame(asked.hub, config.hub ?? hub);
  return [
    ...(asked.id !== null && asked.id !== agent ? ["--id"] : []),
    ...(config.isThere && !isHub ? ["--hub"] : []),
    ...(asked.token ? ["--token"] : []),
    ...(asked.enrollAt !== null && !isSame(asked.enrollAt, enroll) ? ["--enroll-at"] : []),
  ];
}

/** For people; `""` when all was used. Only another name takes another identity. */
export function keptText(asked: Asked, kept: Kept): string {
  const options = notUsed(asked, kept);
  if (options.length === 0) return "";
  const { agent, hub, config } = kept;
  const how = [
    `this host is enrolled already, as ${agent} at ${hub}, and stays so: ${options.join(" and ")} ${options.length === 1 ? "was" : "were"} not used`,
    ...(options.includes("--id")
      ? [
          `for another name: \`petrel agent remove ${agent}\` on the hub, then \`petrel-agent uninstall --purge\` here, and install again`,
        ]
      : []),
    ...(options.includes("--hub")
      ? [
          `where the hub has another address: write \`hub: ${JSON.stringify(asked.hub)}\` into ${config.path}, then \`systemctl restart ${agentProduct.unit}\``,
        ]
      : []),
  ];
  return `${how.join("; ")}\n`;
}

/** Of a configuration that was written with another hub than the agent has gone by; `""` otherwise. */
export function movedText(asked: Asked, { hub, config }: Kept): string {
  if (asked.hub === null || config.isThere || isSame(asked.hub, hub)) return "";
  return `the hub is ${asked.hub} from the agent's next start on: systemctl restart ${agentProduct.unit}\n`;
}

function isSame(one: string, other: string): boolean {
  if (one === other) return true;
  if (!URL.canParse(one) || !URL.canParse(other)) return false;
  const [a, b] = [new URL(one), new URL(other)];
  return a.protocol === b.protocol && a.hostname === b.hostname && portOf(a) === portOf(b);
}

const portOf = ({ protocol, port }: URL) => (port !== "" ? port : protocol === "mqtts:" ? "8883" : "1883");

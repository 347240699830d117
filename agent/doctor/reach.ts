/** How far an agent comes on the way to its hub, and what stops it there. Pure. */
import { type Found, fault, note, ok } from "../../shared/doctor/finding.ts";
import type { ConnectionTrouble } from "../../shared/mqtt/connection-trouble.ts";

export type ReachStage = "address" | "name" | "port" | "tls" | "login";

export interface Reach {
  /** As it may be shown. */
  readonly hub: string;
  readonly addresses: readonly string[];
  /** The last stage that was tried. */
  readonly stage: ReachStage;
  /** Why it went no further; `null`: that stage went well. */
  readonly problem: { readonly code: string; readonly message: string } | null;
  /** Of the hub's certificate, ms; `null` where none was shown. */
  readonly serverFrom?: number | null;
  /** Why a login was not tried. */
  readonly noLogin: string | null;
}

const wayOut: Readonly<Record<ReachStage, (hub: string) => string>> = {
  address: () => "mend `hub` of agent.yaml, or enrol: petrel-agent enroll --help",
  name: () => "see that the name is right and that this host resolves it: getent hosts HUB",
  port: (hub) =>
    `see that the hub runs and that no firewall is between: nc -vz ${hub.replace(/^.*:\/\//, "").replace(/:(\d+)$/, " $1")}`,
  tls: () =>
    "see that the address is the hub's, and no proxy opens TLS on the way; compare `petrel hub root show`",
  login: () => "on the hub: petrel agent list, petrel agent pending; its log says why it refused",
};

const byCode: Partial<Record<ConnectionTrouble["code"] | string, string>> = {
  IDENTITY_CLOCK: "let a time service set this host's clock: timedatectl set-ntp true",
  IDENTITY_UNKNOWN:
    "on the hub: petrel agent list; if it was removed, enrol it again with petrel agent token",
  IDENTITY_KEY:
    "another host has enrolled under this id: give one of them another, petrel-agent enroll --id NAME",
  AGENT_CONFLICT: "two machines have this id: docs/guides/conflicts.md",
};

export function reachFound({ hub, addresses, stage, problem, noLogin }: Reach): readonly Found[] {
  const tried = addresses.length === 0 ? "" : ` (${addresses.join(", ")})`;
  if (problem !== null) {
    const what = `${stageText[stage]}: ${problem.code}: ${problem.message}${tried}`;
    return [fault(what, hub, byCode[problem.code] ?? wayOut[stage](hub))];
  }
  if (stage === "login") return [ok(`it lets this agent in${tried}`, hub)];
  const far = stage === "tls" ? "it answers, and proves to be the hub of this fleet" : "something answers";
  return noLogin === null
    ? [ok(`${far}${tried}`, hub)]
    : [ok(`${far}${tried}`, hub), note(`whether it lets this agent in was not tried: ${noLogin}`, hub)];
}

const stageText: Readonly<Record<ReachStage, string>> = {
  address: "it cannot be connected to",
  name: "its name is not resolved",
  port: "it does not answer",
  tls: "it is not trusted, or does not trust this host",
  login: "it does not let this agent in",
};

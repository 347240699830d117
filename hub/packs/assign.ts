/** Which packs an agent is to run, and what has to be said to it so that it does. */
import { createHash } from "node:crypto";
import type { JsonObject } from "../../shared/json.ts";
import type { AgentRecord } from "../../shared/model/agent.ts";
import type { LabelSelector, PackRecord } from "../../shared/model/pack.ts";
import { canonicalText, type RuleTrigger } from "../../shared/model/rule-trigger.ts";
import { hasLabels } from "../executions/place.ts";
import { configFor } from "./layers.ts";

/** One thing to tell an agent: run this version with this configuration, or (`digest: null`) no longer. */
export interface Assigned {
  readonly pack: string;
  readonly digest: string | null;
  readonly size: number;
  readonly config: JsonObject;
  /** Of version and configuration; an agent that is told to let go needs none. */
  readonly fingerprint?: string;
  /** Those with parameters that rules want; left out when there are none. */
  readonly triggers?: readonly RuleTrigger[];
}

/** What was said to an agent, by pack: a fingerprint of version and configuration, and one of triggers. Bound to one incarnation of its store. */
export interface Told {
  readonly incarnation: string | null;
  readonly packs: Readonly<Record<string, string>>;
}

export const nothingTold: Told = { incarnation: null, packs: {} };

/** In place of a fingerprint, while the agent still reports a pack that it was told to let go. */
const takenAway = "-";

/** Names what an agent with these labels is to run: the pack's version, and its own configuration of it. */
export function fingerprintFor(pack: PackRecord, labels: LabelSelector): string {
  const named = { digest: pack.digest, config: configFor(pack, labels) };
  return createHash("sha256").update(JSON.stringify(named)).digest("hex");
}

const digestOf = (triggers: readonly RuleTrigger[]) =>
  createHash("sha256")
    .update(triggers.map(({ type, parameters }) => canonicalText([type, parameters])).join("\n"))
    .digest("hex");

export function isAssigned(
  pack: Pick<PackRecord, "assigned_to">,
  { labels }: Pick<AgentRecord, "labels">,
): boolean {
  return pack.assigned_to.some((selector) => hasLabels(labels, selector));
}

/**
 * What still has to be said. An agent whose store is new is told everything again. Saying a thing twice is
 * harmless: on the agent the newest assignment of a pack counts.
 */
export function untold(
  agent: Pick<AgentRecord, "labels" | "incarnation" | "packs">,
  packs: readonly PackRecord[],
  told: Told,
  triggersOf: (pack: PackRecord) => readonly RuleTrigger[] = () => [],
): { readonly say: readonly Assigned[]; readonly told: Told } {
  const before = new Map(told.incarnation === agent.incarnation ? Object.entries(told.packs) : []);
  const after = new Map<string, string>();
  const say: Assigned[] = [];
  for (const pack of packs) {
    if (!isAssigned(pack, agent)) continue;
    const fingerprint = fingerprintFor(pack, agent.labels);
    const triggers = triggersOf(pack);
    const name = triggers.length === 0 ? fingerprint : `${fingerprint} ${digestOf(triggers)}`;
    after.set(pack.ref, name);
    if (before.get(pack.ref) !== name) {
      const config = configFor(pack, agent.labels);
      const { ref, digest, size } = pack;
      say.push({ pack: ref, digest, size, config, fingerprint, ...(triggers.length > 0 && { triggers }) });
    }
  }
  // Also what it was told by somebody that this hub does not remember: itself, before it was restored from a backup.
  for (const ref of new Set([...before.keys(), ...Object.keys(agent.packs)])) {
    if (after.has(ref)) continue;
    if (before.get(ref) !== takenAway) say.push({ pack: ref, digest: null, size: 0, config: {} });
    if (Object.hasOwn(agent.packs, ref)) after.set(ref, takenAway);
  }
  return { say, told: { incarnation: agent.incarnation, packs: Object.fromEntries(after) } };
}

/** Which packs an agent is to run, and what has to be said to it so that it does. */
import { createHash } from "node:crypto";
import type { JsonObject } from "../../shared/json.ts";
import type { AgentRecord } from "../../shared/model/agent.ts";
import type { LabelSelector, PackRecord } from "../../shared/model/pack.ts";
import { canonicalText, type RuleTrigger } from "../../shared/model/rule-trigger.ts";
import type { SwitchedSensor } from "../../shared/wire/messages.ts";
import { hasLabels } from "../executions/place.ts";
import type { ConfigOf } from "./agent-config.ts";
import { configFor } from "./layers.ts";

/** One thing to tell an agent: run this version with this configuration, or (`digest: null`) no longer. */
export interface Assigned {
  readonly pack: string;
  readonly digest: string | null;
  readonly size: number;
  readonly config: JsonObject;
  /** Of version and configuration; an agent that is told to let go needs none. */
  readonly fingerprint?: string;
  /** Those that overrides switch otherwise than the pack's files say; left out when there are none. */
  readonly sensors?: readonly SwitchedSensor[];
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
export function fingerprintFor(
  pack: PackRecord,
  labels: LabelSelector,
  configOf: ConfigOf = configFor,
): string {
  return fingerprintOf(pack, configOf(pack, labels));
}

/** Sensors that an agent would start, or leave, by the pack's files alone. */
function switchedSensors({ pack, published = [] }: PackRecord): readonly SwitchedSensor[] {
  const switched = new Set(published.filter(({ kind }) => kind === "sensors").map(({ ref }) => ref));
  return pack.sensors
    .filter(({ ref }) => switched.has(ref))
    .map(({ ref: sensor, enabled }) => ({ sensor, enabled }));
}

function fingerprintOf(pack: PackRecord, config: JsonObject): string {
  const sensors = switchedSensors(pack);
  const named = { digest: pack.digest, config, ...(sensors.length > 0 && { sensors }) };
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

export interface Saying {
  readonly triggersOf?: (pack: PackRecord) => readonly RuleTrigger[];
  readonly configOf?: ConfigOf;
}

/**
 * What still has to be said. An agent whose store is new is told everything again. Saying a thing twice is
 * harmless: on the agent the newest assignment of a pack counts. A pack whose configuration cannot be made stays as
 * the agent has it, and is among `broken`.
 */
export function untold(
  agent: Pick<AgentRecord, "labels" | "incarnation" | "packs">,
  packs: readonly PackRecord[],
  told: Told,
  { triggersOf = () => [], configOf = configFor }: Saying = {},
): {
  readonly say: readonly Assigned[];
  readonly told: Told;
  readonly broken: readonly { readonly pack: string; readonly error: unknown }[];
} {
  const before = new Map(told.incarnation === agent.incarnation ? Object.entries(told.packs) : []);
  const after = new Map<string, string>();
  const say: Assigned[] = [];
  const broken: { pack: string; error: unknown }[] = [];
  for (const pack of packs) {
    if (!isAssigned(pack, agent)) continue;
    let config: JsonObject;
    try {
      config = configOf(pack, agent.labels);
    } catch (error) {
      broken.push({ pack: pack.ref, error });
      const known = before.get(pack.ref);
      if (known !== undefined) after.set(pack.ref, known);
      continue;
    }
    const fingerprint = fingerprintOf(pack, config);
    const triggers = triggersOf(pack);
    const name = triggers.length === 0 ? fingerprint : `${fingerprint} ${digestOf(triggers)}`;
    after.set(pack.ref, name);
    if (before.get(pack.ref) !== name) {
      const { ref, digest, size } = pack;
      const sensors = switchedSensors(pack);
      say.push({
        ...{ pack: ref, digest, size, config, fingerprint },
        ...(sensors.length > 0 && { sensors }),
        ...(triggers.length > 0 && { triggers }),
      });
    }
  }
  // Also what it was told by somebody that this hub does not remember: itself, before it was restored from a backup.
  for (const ref of new Set([...before.keys(), ...Object.keys(agent.packs)])) {
    if (after.has(ref) || broken.some(({ pack }) => pack === ref)) continue;
    if (before.get(ref) !== takenAway) say.push({ pack: ref, digest: null, size: 0, config: {} });
    if (Object.hasOwn(agent.packs, ref)) after.set(ref, takenAway);
  }
  return { say, told: { incarnation: agent.incarnation, packs: Object.fromEntries(after) }, broken };
}

/** The promises, held against what is there in the end: each finding names one that was broken. Pure. */
import type { Json } from "../../shared/json.ts";
import type { Execution } from "../../shared/model/execution.ts";
import type { TriggerInstance } from "../../shared/model/trigger.ts";
import type { AgentEvidence, Evidence } from "./evidence.ts";

/** MiB of resident memory: a process of ours that needs more is not bounded by what waits. */
const mostMemory = { hub: 420, agent: 320 } as const;
/** Findings of one kind that are listed; the rest is counted. */
const shown = 5;

const finals: ReadonlySet<string> = new Set(["succeeded", "failed", "timeout", "abandoned", "canceled"]);
/** By action of the stream. */
const rules = {
  append: "on_number_append",
  append_again: "on_number_append_again",
  large: "on_number_large",
};

/** What was found broken; empty when every promise was kept. */
export function broken(found: Evidence): readonly string[] {
  const evidence = { ...found, executions: found.executions.map((each) => asReported(each, found)) };
  return [
    ...evidence.agents.flatMap((agent) => [
      ...taken(agent, evidence),
      ...inOrder(agent, evidence),
      ...drained(agent),
    ]),
    ...unionFindings(evidence),
    ...judged(evidence),
    ...ran(evidence),
    ...runsByHand(evidence),
    ...toldOnce(evidence),
    ...sameEndings(evidence),
    ...settled(evidence),
  ];
}

/** What an operator reads once a report that had been set aside was tried again: how it ended stands beside the failure. */
function asReported(execution: Execution, { retried }: Evidence): Execution {
  const late = execution.late_result as Pick<Execution, "status" | "result"> | null;
  const wasRetried = retried.some(
    ({ entry }) => (entry as { execution?: Json } | null)?.execution === execution.id,
  );
  return wasRetried && late !== null ? { ...execution, status: late.status, result: late.result } : execution;
}

const numberOf = ({ payload }: TriggerInstance) => (payload as { readonly number: number }).number;
const isLarge = ({ payload }: TriggerInstance) => (payload as { readonly large: boolean }).large;

/** Every number that the sensor was told is accepted is in the history, once, and none is skipped. */
function taken({ id, accepted }: AgentEvidence, { instances }: Evidence): readonly string[] {
  const numbers = instances.filter(({ origin }) => origin.agent === id).map(numberOf);
  const there = new Set(numbers);
  const missing = [...new Set(accepted)].filter((number) => !there.has(number));
  const most = Math.max(0, ...numbers);
  const skipped = Array.from({ length: most }, (_, at) => at + 1).filter((number) => !there.has(number));
  return [
    ...some(missing, (list) => `${id}: accepted from the sensor and not on the hub: ${list}`),
    ...some(twice(numbers), (list) => `${id}: on the hub more than once: ${list}`),
    ...some(skipped, (list) => `${id}: skipped in the history: ${list}`),
  ];
}

/** Within one epoch the hub took triggers in the order in which the agent wrote them. */
function inOrder({ id, outbox }: AgentEvidence, { instances, retried }: Evidence): readonly string[] {
  const place = new Map(instances.map((instance, at) => [instance.id, at]));
  const late = new Set(retried.map((letter) => letter.id));
  return outbox.flatMap(({ epoch, entries }) => {
    const places = entries
      .filter((entry) => entry.kind === "trigger" && !late.has(entry.id))
      .map((entry) => place.get(entry.id))
      .filter((at) => at !== undefined);
    const wrong = places.filter((at, i) => i > 0 && at < (places[i - 1] ?? 0));
    return some(wrong, (list) => `${id}: taken in another order than epoch ${epoch} has: places ${list}`);
  });
}

/** Nothing waits any more, in either direction. What a stopping agent says of itself last may. */
function drained({ id, outbox, open, down }: AgentEvidence): readonly string[] {
  const waiting = outbox.flatMap(({ mark, entries }) =>
    entries.filter(({ n, kind }) => n > mark && (kind === "trigger" || kind === "execution-update")),
  );
  return [
    ...some(
      waiting.map((entry) => `${entry.kind} ${entry.id}`),
      (list) => `${id}: still in the outbox: ${list}`,
    ),
    ...some(open, (list) => `${id}: not settled in the journal: ${list}`),
    ...(down > 0 ? [`${id}: ${down} entries are still in its down ledger`] : []),
  ];
}

/** The hub has what the agents wrote, and nothing else. */
function unionFindings({ agents, instances, letters }: Evidence): readonly string[] {
  const sent = agents.flatMap(({ outbox }) => outbox.flatMap(({ entries }) => entries));
  const numbers = new Set(sent.filter(({ trigger }) => trigger === "chaos.number").map(({ id }) => id));
  const there = new Set(instances.map(({ id }) => id));
  const aside = new Set(letters.map(({ id }) => id));
  return [
    ...some(
      [...numbers].filter((id) => !there.has(id) && !aside.has(id)),
      (list) => `in an outbox and not on the hub: ${list}`,
    ),
    ...some(
      [...there].filter((id) => !numbers.has(id)),
      (list) => `on the hub and in no outbox: ${list}`,
    ),
  ];
}

/** Each instance is processed and has, for each rule that wants it, one enforcement with one execution. */
function judged({ instances, enforcements, executions }: Evidence): readonly string[] {
  const unjudged = instances.filter(({ status }) => status !== "processed");
  const wanted = instances.flatMap((instance) =>
    Object.entries(rules)
      .filter(([action]) => action !== "large" || isLarge(instance))
      .map(([action, rule]) => ({
        family: `${instance.id} chaos.${rule}`,
        run: `${instance.id} chaos.${action}`,
      })),
  );
  const found = enforcements.map(({ trigger_instance, rule }) => `${trigger_instance} ${rule}`);
  const fruitless = enforcements.filter(
    (each) => each.status !== "succeeded" || each.executions.length !== 1,
  );
  const made = executions
    .filter(({ trigger_instance }) => trigger_instance !== null)
    .map(({ trigger_instance, action }) => `${trigger_instance} ${action}`);
  return [
    ...some(
      unjudged.map(({ id, status, reason }) => `${id} ${status} ${reason}`),
      (list) => `not processed: ${list}`,
    ),
    ...differences(
      "enforcements",
      wanted.map(({ family }) => family),
      found,
    ),
    ...differences(
      "executions",
      wanted.map(({ run }) => run),
      made,
    ),
    ...some(
      fruitless.map(({ id, failure_reason }) => `${id} ${failure_reason}`),
      (list) => `enforcements without their one execution: ${list}`,
    ),
  ];
}

/** At most once, or at least once; and where something is missing, the record says so. */
function ran({ executions, lines, large }: Evidence): readonly string[] {
  const findings: string[] = [];
  for (const action of Object.keys(rules)) {
    const written = lines.get(action) ?? new Map<string, number>();
    const all = executions.filter((execution) => execution.action === `chaos.${action}`);
    const known = new Set(all.map(({ id }) => id));
    const times = ({ id }: Execution) => written.get(id) ?? 0;
    const list = (which: readonly Execution[], what: string) =>
      findings.push(...some(which.map(named), (text) => `${action}: ${what}: ${text}`));
    findings.push(
      ...some(
        [...written.keys()].filter((id) => !known.has(id)),
        (text) => `${action}: ran for executions that the hub does not have: ${text}`,
      ),
    );
    if (action === "append_again") {
      list(
        all.filter(({ status }) => status !== "succeeded"),
        "idempotent and did not succeed",
      );
      list(
        all.filter((each) => times(each) < 1),
        "idempotent and never ran",
      );
      continue;
    }
    list(
      all.filter((each) => times(each) > 1),
      "ran more than once",
    );
    list(
      all.filter((each) => each.status === "succeeded" && times(each) !== 1),
      "succeeded without having run once",
    );
    list(
      all.filter(({ status }) => status !== "succeeded" && status !== "abandoned"),
      "neither succeeded nor abandoned",
    );
  }
  findings.push(
    ...some(
      [...large].filter(([, length]) => length === null).map(([id]) => id),
      (text) => `large results that never came: ${text}`,
    ),
    ...some(
      [...large]
        .filter(([, length]) => length !== null && length !== 150_000)
        .map(([id, length]) => `${id} ${length}`),
      (text) => `large results of another length: ${text}`,
    ),
  );
  return findings;
}

/** What the API has said is made exists, came to an end, and ran at most once. */
function runsByHand({ made, executions, lines }: Evidence): readonly string[] {
  const byId = new Map(executions.map((execution) => [execution.id, execution]));
  const written = lines.get("weigh") ?? new Map<string, number>();
  return made.flatMap(({ execution: id, name, length, canceled }) => {
    const execution = byId.get(id);
    if (execution === undefined) return [`made by hand and not on the hub: ${id}`];
    const { status, result } = execution;
    if (canceled) return status === "failed" || status === "timeout" ? [`canceled: ${named(execution)}`] : [];
    const times = name === null ? 0 : (written.get(name) ?? 0);
    if (times > 1) return [`made by hand and ran ${times} times: ${named(execution)}`];
    if (status === "abandoned") return [];
    const inner = (result as { readonly result?: { readonly length?: unknown } } | null)?.result?.length;
    if (status === "succeeded" && times === 1 && inner === length) return [];
    return [`made by hand, ran ${times} times, length ${inner}: ${named(execution)}`];
  });
}

/** What the hub was asked to tell, perhaps twice, is there once, and is what each answer named. */
function toldOnce({ told, toldInstances }: Evidence): readonly string[] {
  const counts = toldInstances.map(({ payload }) => (payload as { readonly count: number }).count);
  const ids = new Map(toldInstances.map(({ id }, at) => [counts[at], id]));
  const other = told.filter(
    ({ count, answered, again }) => ids.get(count) !== again || (answered ?? again) !== again,
  );
  const asked = new Set(told.map(({ count }) => count));
  const open = toldInstances.filter(({ status }) => status !== "processed");
  return [
    ...some(twice(counts), (list) => `told by one request and there more than once: ${list}`),
    ...some(
      other.map(
        ({ count, answered, again }) =>
          `${count} (answered ${answered}, then ${again}, is ${ids.get(count)})`,
      ),
      (list) => `told by request and not what the answer said: ${list}`,
    ),
    ...some(
      counts.filter((count) => !asked.has(count)),
      (list) => `told and never asked for: ${list}`,
    ),
    ...some(
      open.map(({ id, status }) => `${id} ${status}`),
      (list) => `told by request and not processed: ${list}`,
    ),
  ];
}

/** What an agent's journal says of how an execution ended is what the hub's history says. */
function sameEndings({ agents, executions }: Evidence): readonly string[] {
  const byId = new Map(executions.map((execution) => [execution.id, execution]));
  const other = agents.flatMap(({ id: agent, results }) =>
    [...results].flatMap(([id, status]) => {
      const execution = byId.get(id);
      if (execution?.status === status) return [];
      return [
        `${id} on ${agent} ${status}, on the hub ${execution === undefined ? "unknown" : named(execution)}`,
      ];
    }),
  );
  return some(other, (list) => `ended otherwise than the hub has it: ${list}`);
}

function settled({ executions, letters, gaps, orphans, memory, noiseLeft }: Evidence): readonly string[] {
  const open = executions.filter(({ status }) => !finals.has(status));
  const nameless = executions.filter(({ status, reason }) => status === "abandoned" && reason === null);
  return [
    ...some(open.map(named), (list) => `executions without an end: ${list}`),
    ...some(nameless.map(named), (list) => `abandoned without a reason: ${list}`),
    ...some(
      letters.map(({ id, reason }) => `${id} ${reason}`),
      (list) => `dead letters: ${list}`,
    ),
    ...some(
      gaps.map(
        ({ agent, direction, epoch, from, to, reason }) =>
          `${agent} ${direction} ${epoch} ${from}-${to} ${reason}`,
      ),
      (list) => `gaps: ${list}`,
    ),
    ...some(orphans, (list) => `processes left behind: ${list}`),
    ...(memory.hub > mostMemory.hub ? [`the hub grew to ${memory.hub} MiB`] : []),
    ...(memory.agent > mostMemory.agent ? [`an agent grew to ${memory.agent} MiB`] : []),
    ...(noiseLeft === 0 ? ["the campaign's own mistake: the purge has gone beyond what it was given"] : []),
  ];
}

const named = ({ id, action, agent, status, reason }: Execution) =>
  `${id} ${action} on ${agent} ${status}: ${reason}`;

function differences(what: string, wanted: readonly string[], found: readonly string[]): readonly string[] {
  const expected = new Set(wanted);
  const there = new Set(found);
  return [
    ...some(
      wanted.filter((each) => !there.has(each)),
      (list) => `${what} missing: ${list}`,
    ),
    ...some(twice(found), (list) => `${what} made twice: ${list}`),
    ...some(
      found.filter((each) => !expected.has(each)),
      (list) => `${what} that nothing asked for: ${list}`,
    ),
  ];
}

function twice<T>(items: readonly T[]): readonly T[] {
  const seen = new Set<T>();
  return items.filter((item) => seen.has(item) || !seen.add(item));
}

/** One finding for all items of a kind; none without items. */
function some(items: readonly unknown[], say: (list: string) => string): readonly string[] {
  if (items.length === 0) return [];
  const more = items.length > shown ? `; and ${items.length - shown} more` : "";
  return [say(`${items.slice(0, shown).join("; ")}${more}`)];
}

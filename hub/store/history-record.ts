/** Writing history: instances, what they led to, and the family that ties them together. */
import { PetrelError } from "../../shared/errors.ts";
import type { Execution } from "../../shared/model/execution.ts";
import type { Enforcement } from "../../shared/model/rule.ts";
import type { TriggerInstance, TriggerInstanceStatus } from "../../shared/model/trigger.ts";
import { isFinal } from "../executions/life.ts";
import { dropOver, type LedgerRules } from "./down-ledger.ts";
import type { Draft } from "./draft.ts";
import { addName, putExecution } from "./execution-record.ts";
import { heldBack } from "./held-requests.ts";
import { enforcementRows, instanceRows, moveRows } from "./index-rows.ts";
import { keys } from "./keys.ts";
import type { Occurrence, Teller } from "./occurrence.ts";
import type { DeadLetter, GapRecord } from "./port/history.ts";
import type { Outcome } from "./port/intake.ts";
import type { Dispatch } from "./port/ledgers.ts";
import type { DigestOutcome, ThrottleWindow } from "./port/throttles.ts";
import { send } from "./send-request.ts";
import { addCounts, countIn } from "./tally-record.ts";
import { throttled, throttleReads } from "./throttle-windows.ts";

/** What belongs to one instance, and goes with it. */
export interface Family {
  /** Where the instance is; `null` when only executions name it so far. */
  readonly place: string | null;
  /** It still has to be judged. */
  readonly pending: boolean;
  readonly enforcements: readonly string[];
  readonly executions: readonly string[];
}

export interface HistoryRules extends LedgerRules {
  readonly teller: Teller;
}

const noFamily: Family = { place: null, pending: false, enforcements: [], executions: [] };
const judged: ReadonlySet<TriggerInstanceStatus> = new Set(["processed", "processing_failed"]);

export const familyOf = (draft: Draft, instance: string) =>
  draft.get<Family>(keys.family(instance)) ?? noFamily;

/** Keys that taking in this instance will look at. */
export const instanceReads = (id: string) => [keys.family(id), keys.tally()];

export function outcomeReads(outcome: Outcome): string[] {
  return [
    ...instanceReads(outcome.instance.id),
    ...outcome.dispatches.map(({ agent }) => keys.head(agent)),
    ...throttleReads(outcome),
  ];
}

/** Writes the pending instances that this leads to; without a listener nothing is read or written. */
export function occurred(draft: Draft, rules: HistoryRules, occurrence: Occurrence): void {
  if (!rules.teller.wants(occurrence.type)) return;
  for (const instance of rules.teller.tell(occurrence)) putInstance(draft, rules, instance);
}

/** An execution as it is from now on: its end, or a result that comes after it, may be news. */
export function tellExecution(
  draft: Draft,
  rules: HistoryRules,
  before: Execution | null,
  execution: Execution,
): void {
  if (isFinal(execution.status) && (before === null || !isFinal(before.status))) {
    occurred(draft, rules, { type: "ended", execution });
  } else if (execution.late_result !== null && before !== null && before.late_result === null) {
    occurred(draft, rules, { type: "late-result", execution });
  }
}

/** Takes in a new instance; one that is known already stays as it is. */
export function putInstance(draft: Draft, rules: HistoryRules, instance: TriggerInstance): boolean {
  return takeInOutcome(draft, rules, { instance, enforcements: [], executions: [], dispatches: [] });
}

/** Takes in a new instance together with what it led to. */
export function takeInOutcome(draft: Draft, rules: HistoryRules, outcome: Outcome): boolean {
  const { instance } = outcome;
  const known = familyOf(draft, instance.id);
  if (known.place !== null) return false;
  const pending = !judged.has(instance.status);
  const place = countIn(draft, instance.received_at, pending);
  draft.put(keys.instance(place), instance);
  moveRows(draft, [], instanceRows(instance, place));
  draft.change({ type: "instance", instance });
  if (instance.re_emit_of !== null) addName(draft, instance.re_emit_of, instance.id);
  // Ids of its executions follow from its time of receipt: what it has led to, if anything, is in its family.
  const isKnown = ({ id }: Execution) => known.executions.includes(id);
  writeJudgement(draft, rules, outcome, { ...known, place, pending }, isKnown);
  return true;
}

/** Writes what a pending instance led to; false when it is pending no longer. */
export function settleInstance(draft: Draft, rules: HistoryRules, outcome: Outcome): boolean {
  const { instance } = outcome;
  const family = familyOf(draft, instance.id);
  if (family.place === null || !family.pending) return false;
  const before = draft.get<TriggerInstance>(keys.instance(family.place));
  const pending = !judged.has(instance.status);
  draft.put(keys.instance(family.place), instance);
  moveRows(
    draft,
    before === null ? [] : instanceRows(before, family.place),
    instanceRows(instance, family.place),
  );
  draft.change({ type: "instance", instance });
  if (!pending) addCounts(draft, { pending: -1 });
  writeJudgement(draft, rules, outcome, { ...family, pending }, isStored(draft, outcome.executions));
  return true;
}

function writeJudgement(
  draft: Draft,
  rules: HistoryRules,
  given: Outcome,
  family: Family,
  isKnown: IsKnown,
): void {
  const outcome = given.throttles === undefined ? given : throttled(draft, given);
  for (const enforcement of outcome.enforcements) putEnforcement(draft, enforcement);
  const made = putExecutions(draft, rules, outcome, isKnown);
  draft.put(keys.family(outcome.instance.id), {
    place: family.place,
    pending: family.pending,
    enforcements: union(
      family.enforcements,
      outcome.enforcements.map(({ id }) => id),
    ),
    executions: union(
      family.executions,
      made.map(({ id }) => id),
    ),
  } satisfies Family);
}

/** The digest of a closed window joins the family of the newest instance it tells of; false when there is none. */
export function putDigest(draft: Draft, rules: HistoryRules, window: string, digest: DigestOutcome): boolean {
  const { enforcement, executions } = digest;
  const closed = draft.get<ThrottleWindow>(keys.throttleWindow(window));
  if (closed === null || !closed.isClosed) return false;
  draft.remove(keys.throttleWindow(window));
  putEnforcement(draft, enforcement);
  const made = putExecutions(draft, rules, digest, isStored(draft, executions));
  const family = familyOf(draft, enforcement.trigger_instance);
  draft.put(keys.family(enforcement.trigger_instance), {
    ...family,
    enforcements: union(family.enforcements, [enforcement.id]),
    executions: union(
      family.executions,
      made.map(({ id }) => id),
    ),
  } satisfies Family);
  return true;
}

function putEnforcement(draft: Draft, enforcement: Enforcement): void {
  draft.put(keys.enforcement(enforcement.id), enforcement);
  moveRows(draft, [], enforcementRows(enforcement));
  draft.change({ type: "enforcement", enforcement });
}

/** Executions made by hand; those that name an instance join its family. */
export function createByHand(
  draft: Draft,
  rules: HistoryRules,
  executions: readonly Execution[],
  dispatches: readonly Dispatch[],
): void {
  const made = putExecutions(draft, rules, { executions, dispatches }, isStored(draft, executions));
  for (const { id, trigger_instance } of made) {
    if (trigger_instance === null) continue;
    const family = familyOf(draft, trigger_instance);
    draft.put(keys.family(trigger_instance), {
      ...family,
      executions: union(family.executions, [id]),
    } satisfies Family);
  }
}

type IsKnown = (execution: Execution) => boolean;

/** Of executions that may be there without a family that tells of them. */
function isStored(draft: Draft, executions: readonly Execution[]): IsKnown {
  draft.need(executions.map(({ id }) => keys.execution(id)));
  return ({ id }) => draft.get(keys.execution(id)) !== null;
}

/** Writes executions that do not exist yet, with their dispatches, and answers which these were. */
function putExecutions(
  draft: Draft,
  rules: HistoryRules,
  { executions, dispatches }: Pick<Outcome, "executions" | "dispatches">,
  isKnown: IsKnown,
): Execution[] {
  const given = new Map(executions.map((execution) => [execution.id, execution]));
  const fresh = new Map<string, Execution>();
  for (const execution of executions) if (!isKnown(execution)) fresh.set(execution.id, execution);
  for (const each of dispatches) {
    const id = "execution" in each.entry ? each.entry.execution : null;
    if (id !== null && given.has(id) && !fresh.has(id)) continue;
    const execution = (id !== null && fresh.get(id)) || null;
    const held = execution === null ? null : heldBack(draft, rules, each, execution);
    const waits = held ?? send(draft, rules, each, execution);
    if (waits !== null) fresh.set(waits.id, waits);
  }
  for (const execution of fresh.values()) {
    putExecution(draft, null, execution);
    tellExecution(draft, rules, null, execution);
  }
  return [...fresh.values()];
}

/** Replaces an execution that still has `expectRev`, and dispatches; false when it has changed. */
export function replaceExecution(
  draft: Draft,
  rules: HistoryRules,
  execution: Execution,
  expectRev: number,
  dispatches: readonly Dispatch[] = [],
): boolean {
  const before = draft.get<Execution>(keys.execution(execution.id));
  if (before === null || before.rev !== expectRev) return false;
  if (execution.rev !== expectRev + 1) {
    throw new PetrelError("INTERNAL", `execution ${execution.id} must carry revision ${expectRev + 1}`);
  }
  let next = execution;
  for (const each of dispatches) {
    const isOwn = "execution" in each.entry && each.entry.execution === execution.id;
    next = send(draft, rules, each, isOwn ? next : null) ?? next;
  }
  putExecution(draft, before, next);
  tellExecution(draft, rules, before, next);
  if (before.status === "delayed" && isFinal(next.status)) dropOver(draft, rules, next.agent);
  return true;
}

/** A letter that is there already stays as it is. */
export function putLetter(draft: Draft, rules: HistoryRules, letter: DeadLetter): void {
  if (draft.get(keys.letter(letter.id)) !== null) return;
  draft.put(keys.letter(letter.id), letter);
  draft.row(keys.letterOrder(Date.parse(letter.received_at), letter.id));
  addCounts(draft, { dead_letters: 1 });
  occurred(draft, rules, { type: "dead-letter", letter });
}

export function removeLetter(draft: Draft, letter: DeadLetter): void {
  draft.remove(keys.letter(letter.id));
  draft.dropRow(keys.letterOrder(Date.parse(letter.received_at), letter.id));
  addCounts(draft, { dead_letters: -1 });
}

export function putGap(draft: Draft, gap: GapRecord): void {
  draft.put(keys.gap(Date.parse(gap.recorded_at), gap.id), gap);
}

function union(some: readonly string[], others: readonly string[]): readonly string[] {
  return [...new Set([...some, ...others])];
}

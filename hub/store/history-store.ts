/** Instances, enforcements, executions, dead letters and gaps: writing them by intent, reading them by filter. */
import { encodeTime } from "../../shared/ids.ts";
import type { Execution } from "../../shared/model/execution.ts";
import type { Enforcement } from "../../shared/model/rule.ts";
import type { TriggerInstance } from "../../shared/model/trigger.ts";
import { isFinal } from "../executions/life.ts";
import {
  createByHand,
  type Family,
  type HistoryRules,
  outcomeReads,
  putDigest,
  removeLetter,
  replaceExecution,
  settleInstance,
  takeInOutcome,
} from "./history-record.ts";
import { indexes, isOpen } from "./index-rows.ts";
import { keys, part, time, within } from "./keys.ts";
import { listPage, pageLimit, pageOfFamily, pageOfMany } from "./page-store.ts";
import type { ExecutionStore } from "./port/executions.ts";
import type { DeadLetter, GapRecord, HistoryStore } from "./port/history.ts";
import type { IntakeStore } from "./port/intake.ts";
import type { ThrottleStore } from "./port/throttles.ts";
import type { RecordWriter, Rows } from "./records.ts";
import { selectEnforcements, selectExecutions, selectInstances } from "./selection.ts";
import { readTally } from "./tally-record.ts";
import { closeWindow } from "./throttle-windows.ts";

export interface HistoryParts {
  readonly database: { readonly level: Rows };
  readonly writer: RecordWriter;
  readonly rules: HistoryRules;
}

type Histories = HistoryStore & ExecutionStore & ThrottleStore & Omit<IntakeStore, "marks" | "takeIn">;

/** Records read at once: bounds what a long list holds in memory. */
const chunk = 500;

export function createHistoryStore({ database, writer, rules }: HistoryParts): Histories {
  const { level } = database;
  const load = <T>(key: (place: string) => string) => {
    return (places: readonly string[]) => writer.readMany<T>(places.map(key));
  };
  const loadInstances = load<TriggerInstance>(keys.instance);
  // Places in these indexes are ids in the spelling of keys.
  const loadExecutions = load<Execution>((id) => `e/${id}`);
  const loadEnforcements = load<Enforcement>((id) => `n/${id}`);
  const loadLetters = load<DeadLetter>((place) => `l/${place.slice(place.indexOf("/") + 1)}`);
  const all = { keep: () => true, placeOfTime: time };
  /** In the spelling of keys, by agent. */
  const allOpen = async function* () {
    const rows = level.iterator({ ...within(indexes.allOpenExecutions()), values: false });
    try {
      for (let some = await rows.nextv(chunk); some.length > 0; some = await rows.nextv(chunk)) {
        yield some.map(([key]) => key.slice(key.lastIndexOf("/") + 1));
      }
    } finally {
      await rows.close();
    }
  };
  const familyOf = (instance: string) => writer.read<Family>(keys.family(instance));

  return {
    emit: (outcome) =>
      writer.submit({
        source: outcome.instance.origin.agent ?? "",
        weight: 1 + outcome.executions.length,
        reads: outcomeReads(outcome),
        plan: (draft) => takeInOutcome(draft, rules, outcome),
      }),

    process: (outcome) =>
      writer.submit({
        source: outcome.instance.origin.agent ?? "",
        weight: 1 + outcome.executions.length,
        reads: outcomeReads(outcome),
        plan: (draft) => settleInstance(draft, rules, outcome),
      }),

    closeThrottle: (window, now) =>
      writer.submit({
        source: "",
        reads: [keys.throttleWindow(window)],
        plan: (draft) => closeWindow(draft, window, now),
      }),

    deliverDigest: (window, digest) =>
      writer.submit({
        source: "",
        weight: 1 + digest.executions.length,
        reads: [
          keys.throttleWindow(window),
          keys.family(digest.enforcement.trigger_instance),
          ...digest.executions.map(({ id }) => keys.execution(id)),
          ...digest.dispatches.map(({ agent }) => keys.head(agent)),
        ],
        plan: (draft) => putDigest(draft, rules, window, digest),
      }),

    async pendingInstances(limit) {
      const prefix = indexes.instancesByStatus("pending");
      const rows = await level.keys({ ...within(prefix), limit: pageLimit(limit) }).all();
      const found = await loadInstances(rows.map((key) => key.slice(prefix.length)));
      return found.filter((instance) => instance !== null);
    },

    createExecutions: (executions, dispatches) =>
      writer.submit({
        source: "",
        weight: executions.length,
        // Each one that is missing has the plan run again from its start: of a thousand agents, a thousand times.
        reads: [
          ...executions.map(({ id }) => keys.execution(id)),
          ...dispatches.map(({ agent }) => keys.head(agent)),
        ],
        plan: (draft) => createByHand(draft, rules, executions, dispatches),
      }),

    updateExecution: (execution, expectRev, dispatches = []) =>
      writer.submit({
        source: execution.agent,
        reads: [keys.execution(execution.id), ...dispatches.map(({ agent }) => keys.head(agent))],
        plan: (draft) => replaceExecution(draft, rules, execution, expectRev, dispatches),
      }),

    execution: (id) => writer.read<Execution>(keys.execution(id)),

    async executions(filter, page) {
      const listing = { ...selectExecutions(filter), load: loadExecutions, placeOfTime: encodeTime };
      const { ids, trigger_instance: instance } = filter;
      if (ids !== undefined) return pageOfFamily([...new Set(ids)].map(part), listing, page);
      if (instance !== undefined) {
        return pageOfFamily((await familyOf(instance))?.executions.map(part) ?? [], listing, page);
      }
      const { status, parent, agent } = filter;
      const isScattered =
        status !== undefined && isOpen(status) && agent === undefined && parent === undefined;
      return isScattered ? pageOfMany(allOpen(), listing, page) : listPage(level, listing, page);
    },

    async openExecutions(agent) {
      const prefix = indexes.openExecutions(agent);
      const ids = (await level.keys(within(prefix)).all()).map((key) => key.slice(prefix.length));
      const open: Execution[] = [];
      for (let start = 0; start < ids.length; start += chunk) {
        for (const execution of await loadExecutions(ids.slice(start, start + chunk))) {
          // It may have ended since its row was read.
          if (execution !== null && !isFinal(execution.status)) open.push(execution);
        }
      }
      return open;
    },

    async instance(id) {
      const place = (await familyOf(id))?.place ?? null;
      return place === null ? null : writer.read<TriggerInstance>(keys.instance(place));
    },

    instances: (filter, page) =>
      listPage(level, { ...selectInstances(filter), load: loadInstances, placeOfTime: time }, page),

    enforcement: (id) => writer.read<Enforcement>(keys.enforcement(id)),

    async enforcements(filter, page) {
      const listing = { ...selectEnforcements(filter), load: loadEnforcements, placeOfTime: encodeTime };
      if (filter.trigger_instance === undefined) return listPage(level, listing, page);
      const family = await familyOf(filter.trigger_instance);
      return pageOfFamily(family?.enforcements.map(part) ?? [], listing, page);
    },

    deadLetters: (page) =>
      listPage(level, { ...all, prefix: "lr/", isPrimary: false, load: loadLetters }, page),

    deadLetter: (id) => writer.read<DeadLetter>(keys.letter(id)),

    dropDeadLetter: (id) =>
      writer.submit({
        source: "",
        reads: [keys.letter(id), keys.tally()],
        plan: (draft) => {
          const letter = draft.get<DeadLetter>(keys.letter(id));
          if (letter === null) return false;
          removeLetter(draft, letter);
          return true;
        },
      }),

    gaps: (page) =>
      listPage(level, { ...all, prefix: "g/", isPrimary: true, load: async () => [] as GapRecord[] }, page),

    counts: async () => (await readTally(writer)).counts,
  };
}

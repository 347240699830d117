/** What waits for room in a down ledger whose agent never comes back. */
import { expect, test } from "vitest";
import {
  type DownHead,
  dispatch,
  dropOver,
  headOf,
  type LedgerRules,
  refill,
} from "../../../../hub/store/down-ledger.ts";
import type { Draft } from "../../../../hub/store/draft.ts";
import { replaceExecution } from "../../../../hub/store/history-record.ts";
import { keys } from "../../../../hub/store/keys.ts";
import { silentTeller } from "../../../../hub/store/occurrence.ts";
import type { Status } from "../../../../shared/model/execution.ts";
import type { ActionRequestEntry, ControlEntry } from "../../../../shared/wire/messages.ts";
import { anExecution, noon } from "../../../support/records.ts";

const rules: LedgerRules = {
  run: "run",
  newEpochId: () => "E",
  now: () => noon,
  maxEntries: 1,
  maxBytes: 1_000_000,
};

/** Keeps everything in memory, as one batch sees it. */
function memoryDraft() {
  const records = new Map<string, unknown>();
  const draft: Draft = {
    get: <T>(key: string) => (records.get(key) ?? null) as T | null,
    need: () => {},
    put: (key, value) => void records.set(key, value),
    putLate: (key, value) => void records.set(key, value),
    remove: (key) => void records.delete(key),
    row: () => {},
    dropRow: () => {},
    change: () => {},
    audit: () => {},
    whenCommitted: () => {},
    refuse: (result) => result,
  };
  const waiting = () => [...records.keys()].filter((key) => key.startsWith("o/"));
  return { draft, waiting };
}

/** One request in the ledger, which is full by that, and one that waits for each status. */
function fullLedger(statuses: readonly Status[]) {
  const { draft, waiting } = memoryDraft();
  for (const [n, status] of (["scheduled", ...statuses] as const).entries()) {
    const execution = anExecution({ id: `x${n}`, status });
    draft.put(keys.execution(execution.id), execution);
    const entry = { kind: "action-request", id: `x${n}`, execution: `x${n}` } as ActionRequestEntry;
    dispatch(draft, rules, { agent: "web-1", entry }, true);
  }
  return { draft, waiting };
}

test("a request is forgotten when its execution has ended, even though the ledger is full for good", () => {
  const { draft, waiting } = fullLedger(["timeout", "canceled", "delayed", "timeout"]);
  expect(waiting()).toHaveLength(4);
  dropOver(draft, rules, "web-1");
  expect(waiting()).toEqual([keys.waiting("web-1", 3), keys.waiting("web-1", 4)]);
});

test("an execution that ends while its request waits takes it out of the queue", () => {
  const { draft, waiting } = fullLedger(["delayed", "delayed"]);
  const ended = anExecution({ id: "x1", status: "timeout", rev: 2 });
  const history = { ...rules, teller: silentTeller };
  expect(replaceExecution(draft, history, ended, 1)).toBe(true);
  expect(waiting()).toEqual([keys.waiting("web-1", 2)]);
});

test("a request that still waits keeps those behind it waiting", () => {
  const { draft, waiting } = fullLedger(["delayed", "timeout"]);
  dropOver(draft, rules, "web-1");
  expect(waiting()).toHaveLength(2);
});

test("a control entry that an older version let wait goes on, though there is no room for the request behind it", () => {
  const { draft, waiting } = fullLedger(["delayed"]);
  const entry: ControlEntry = { id: "c", at: "2026-01-01T00:00:00Z", kind: "cancel", execution: "x0" };
  draft.put(keys.waiting("web-1", 0), { entry, delays: false });
  const head = headOf(draft, "web-1");
  draft.put(keys.head("web-1"), { ...head, waiting: { ...head.waiting, first: 0 } } satisfies DownHead);
  expect(refill(draft, rules, "web-1")).toBe(false);
  expect(waiting()).toEqual([keys.waiting("web-1", 1)]);
  expect(headOf(draft, "web-1").epochs).toMatchObject([{ last: 1 }, { last: 1, isControl: true }]);
});

/** What waits for room in a down ledger whose agent never comes back. */
import { expect, test } from "vitest";
import { dispatch, dropOver, type LedgerRules } from "../../../../hub/store/down-ledger.ts";
import type { Draft } from "../../../../hub/store/draft.ts";
import { replaceExecution } from "../../../../hub/store/history-record.ts";
import { keys } from "../../../../hub/store/keys.ts";
import { silentTeller } from "../../../../hub/store/occurrence.ts";
import type { Status } from "../../../../shared/model/execution.ts";
import type { ActionRequestEntry } from "../../../../shared/wire/messages.ts";
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
    remove: (key) => void records.delete(key),
    row: () => {},
    dropRow: () => {},
    change: () => {},
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
  const history = { ...rules, saw: () => {}, teller: silentTeller };
  expect(replaceExecution(draft, history, ended, 1)).toBe(true);
  expect(waiting()).toEqual([keys.waiting("web-1", 2)]);
});

test("a request that still waits keeps those behind it waiting", () => {
  const { draft, waiting } = fullLedger(["delayed", "timeout"]);
  dropOver(draft, rules, "web-1");
  expect(waiting()).toHaveLength(2);
});

/** How an execution's end is written: whatever its result, it has one, and its slot is free afterwards. */
import { expect, onTestFinished, test } from "vitest";
import { type AppendUp, JournalStore } from "../../../../agent/actions/journal-store.ts";
import { maxInlineResultBytes } from "../../../../agent/actions/result.ts";
import { Worker } from "../../../../agent/actions/worker-process.ts";
import { openAgentStore } from "../../../../agent/store/agent-store.ts";
import { PetrelError } from "../../../../shared/errors.ts";
import { ulidSource } from "../../../../shared/ids.ts";
import { silentLogger } from "../../../../shared/log.ts";
import { systemClock, systemRandom, systemTimers } from "../../../../shared/system-process.ts";
import { actionRequest } from "../../../support/runner-settings.ts";
import { tempFolder } from "../../../support/temp-folder.ts";

async function worker(append: (real: AppendUp) => AppendUp = (real) => real) {
  const newId = ulidSource(systemClock, systemRandom);
  const store = await openAgentStore({
    data: await tempFolder("settle"),
    newId,
    now: () => Date.now(),
    log: silentLogger,
  });
  onTestFinished(() => store.close());
  const { level, committer } = store.database;
  const journal = new JournalStore({
    level,
    committer,
    append: append((entries, ops) => store.outbox.append(entries, ops)),
    rows: store.rows,
    newId,
    now: () => Date.now(),
  });
  const nothing = () => Promise.reject(new Error("nothing here asks for it"));
  const blobs: number[] = [];
  const made = new Worker({
    journal,
    runners: new Map(),
    packs: { ensurePack: nothing, packConfig: nothing },
    datastore: nothing,
    blobs: {
      put: async ({ length: size }) => {
        blobs.push(size);
        return { digest: `sha256:${"0".repeat(64)}`, size };
      },
    },
    fetchBlob: nothing,
    onOutput: () => {},
    clock: systemClock,
    hubNow: () => Date.now(),
    timers: systemTimers,
    jitter: () => 0,
    drainMs: 0,
    passPoint: () => {},
    log: silentLogger,
  });
  const accept = async (secret: boolean) => {
    const request = actionRequest(secret ? { secret: ["result"] } : {});
    const { ops, open } = journal.acceptOps(request);
    await store.outbox.append([], ops);
    journal.noteAccepted(open);
    return request.execution;
  };
  const state = async (execution: string) => (await journal.states([execution])).get(execution);
  return { worker: made, accept, state, blobs };
}

/** Six bytes of JSON each. */
const longReason = "\u0001".repeat(5_000);

test.each([
  ["open", false, maxInlineResultBytes, false],
  ["secret", true, maxInlineResultBytes * 0.75, false],
  ["secret and just too large to be encrypted in its entry", true, maxInlineResultBytes * 0.75 + 1, true],
  ["secret and as large as an open one may be", true, maxInlineResultBytes, true],
])("a result that is %s is stored, whatever else is to be told", async (_, isSecret, size, isBlob) => {
  const { worker: made, accept, state, blobs } = await worker();
  const execution = await accept(isSecret);
  const result = "x".repeat(size - 2);
  await made.settle(execution, { status: "failed", result, reason: longReason }, "2026-01-01T00:00:00.000Z");
  expect(await state(execution)).toMatchObject({ phase: "settled", result: { status: "failed" } });
  expect(blobs).toHaveLength(isBlob ? 1 : 0);
});

test.each(["LINK_ENTRY_TOO_LARGE", "WIRE_PACKET"] as const)(
  "a result of which the link says %s fails its execution, and is not tried for ever",
  async (code) => {
    const {
      worker: made,
      accept,
      state,
    } = await worker((real) => async (entries, ops) => {
      if (JSON.stringify(entries).includes("too much")) throw new PetrelError(code, "it can be sent never");
      return real(entries, ops);
    });
    const execution = await accept(false);
    await made.settle(execution, { status: "succeeded", result: "too much" });
    expect(await state(execution)).toMatchObject({
      phase: "settled",
      result: { status: "failed", reason: expect.stringContaining(code) },
    });
  },
);

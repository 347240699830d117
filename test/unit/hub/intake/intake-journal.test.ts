/** What becomes of an entry that has killed the hub three times. */
import { describe, expect, test } from "vitest";
import { createIntakeJournal, type IntakeJournalOptions } from "../../../../hub/intake/intake-journal.ts";
import type { TakeIn } from "../../../../hub/store/port/intake.ts";
import { PetrelError } from "../../../../shared/errors.ts";
import { silentLogger } from "../../../../shared/log.ts";
import type { Execution } from "../../../../shared/model/execution.ts";
import type { ExecutionUpdateEntry, UpEntry } from "../../../../shared/wire/messages.ts";
import { anExecution, noon } from "../../../support/records.ts";
import { testSealer } from "../../../support/test-sealer.ts";

const at = new Date(noon).toISOString();

async function effectsOf(entry: UpEntry, known: Execution | null, parts: Partial<IntakeJournalOptions> = {}) {
  const takes: TakeIn[] = [];
  const journal = createIntakeJournal({
    sealer: testSealer(),
    agent: "web-1",
    claim: () => ({ hub: "h", agent: "web-1", fence: 1, epoch: "d", until: noon }),
    records: { read: () => null, write: async () => {} },
    store: {
      execution: async () => known,
      takeIn: async (take) => {
        takes.push(take);
        return { done: true };
      },
    },
    now: () => noon,
    newId: () => "letter",
    log: silentLogger,
    ...parts,
  });
  const outcome = await journal.deadLetter("e", 4, { n: 5, last: 5, size: 1, entry }, "in intake");
  expect(outcome).toEqual({ taken: true, upTo: 5 });
  expect(takes).toMatchObject([{ epoch: "e", expectMark: 4, newMark: 5 }]);
  expect(takes[0]?.effects[0]).toMatchObject({
    type: "dead-letter",
    letter: { id: "letter", agent: "web-1" },
  });
  const [letter, ...effects] = takes[0]?.effects ?? [];
  return { letter, effects };
}

const report = (status: ExecutionUpdateEntry["status"]): ExecutionUpdateEntry => {
  return { kind: "execution-update", id: "u", at, execution: "x", status };
};

describe("a dead letter", () => {
  const running = anExecution({ id: "x", agent: "web-1", status: "running" });

  test("that told how an execution ended, fails it in the same batch", async () => {
    const { effects } = await effectsOf(report("succeeded"), running);
    expect(effects).toMatchObject([
      { type: "execution", execution: { id: "x", status: "failed", rev: 2 }, expectRev: 1 },
    ]);
  });

  test.each<[string, UpEntry, Execution | null]>([
    ["that told of its start", report("running"), running],
    ["that told of its acceptance", report("accepted"), running],
    ["about another agent's", report("failed"), { ...running, agent: "web-2" }],
    ["about one that has ended", report("failed"), { ...running, status: "succeeded" }],
    ["about one that is not known", report("failed"), null],
    [
      "of another kind",
      { kind: "trigger", id: "t", at, trigger: "a.b", payload: null, sensor: null },
      running,
    ],
  ])("%s leaves every execution as it is", async (_, entry, known) => {
    expect((await effectsOf(entry, known)).effects).toEqual([]);
  });

  test("whose secret result cannot be encrypted says so, in itself and in the log", async () => {
    const seal = () => {
      throw new PetrelError("KEY_FILE", "datastore.key is missing");
    };
    const told: unknown[] = [];
    const { letter } = await effectsOf({ ...report("succeeded"), secret: true, result: "s3cret" }, running, {
      sealer: { ...testSealer(), seal },
      log: { ...silentLogger, error: (news, fields) => void told.push([news, fields]) },
    });
    expect(letter).toMatchObject({
      letter: { left_out: [{ field: "result", what: "whole", code: "KEY_FILE" }] },
    });
    expect(told).toEqual([
      [
        expect.stringContaining("lost"),
        { letter: "letter", agent: "web-1", code: "KEY_FILE", why: "datastore.key is missing" },
      ],
    ]);
    expect(JSON.stringify([letter, told])).not.toContain("s3cret");
  });
});

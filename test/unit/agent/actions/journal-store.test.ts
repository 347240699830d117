/** The journal on a real database: what it gives back after a restart, what it forgets. */
import { describe, expect, it, onTestFinished } from "vitest";
import type { ResultRecord } from "../../../../agent/actions/journal.ts";
import { JournalStore } from "../../../../agent/actions/journal-store.ts";
import { openAgentStore } from "../../../../agent/store/agent-store.ts";
import { agentKey, agentKeys } from "../../../../agent/store/keys.ts";
import { timestamp } from "../../../../shared/clock.ts";
import { silentLogger } from "../../../../shared/log.ts";
import { actionRequest } from "../../../support/runner-settings.ts";
import { tempFolder } from "../../../support/temp-folder.ts";

const hour = 3_600_000;

async function journal(retention = { ageMs: 24 * hour, records: 100, bytes: 1_000_000 }) {
  let now = Date.parse("2026-01-01T00:00:00Z");
  let ids = 0;
  const newId = () => `ID${++ids}`;
  const store = await openAgentStore({
    data: await tempFolder("journal"),
    newId,
    now: () => now,
    log: silentLogger,
  });
  onTestFinished(() => store.close());
  const { level, committer } = store.database;
  const open = async () => {
    const opened = new JournalStore({
      level,
      committer,
      append: (entries, ops) => store.outbox.append(entries, ops),
      rows: store.rows,
      newId,
      now: () => now,
      retention,
    });
    await opened.load();
    return opened;
  };
  let current = await open();
  const accept = async (changes = {}) => {
    const request = actionRequest(changes);
    const { ops, open: row } = current.acceptOps(request);
    await store.outbox.append([], ops);
    current.noteAccepted(row);
    return request;
  };
  const result = (): ResultRecord => ({ status: "succeeded", result: 1, ended_at: timestamp(now) });
  const settled = async () => {
    const { execution } = await accept();
    await current.settle(execution, result());
    return execution;
  };
  const phase = async (execution: string) => (await current.states([execution])).get(execution)?.phase;
  return {
    store,
    level,
    accept,
    settled,
    result,
    phase,
    get journal() {
      return current;
    },
    reopen: async () => {
      current = await open();
    },
    pass: (ms: number) => {
      now += ms;
    },
  };
}

describe("the journal", () => {
  it("gives back after a restart what was promised and not settled", async () => {
    const kept = await journal();
    const waiting = await kept.accept();
    const running = await kept.accept({ pack_digest: "sha256:77", rule: "p.r", trigger_instance: "T" });
    const group = { pgid: 7, start_ticks: 8, boot_id: "b" };
    await kept.journal.started(running.execution, group);
    const { ops } = kept.journal.cancelOps(running.execution, "enough", false);
    await kept.store.outbox.append([], ops);
    await kept.settled();
    await kept.reopen();
    expect(kept.journal.openExecutions()).toEqual([
      {
        execution: waiting.execution,
        size: expect.any(Number),
        packDigest: "sha256:00",
        action: "bench.act",
        byHand: true,
        started: null,
        cancel: null,
      },
      {
        execution: running.execution,
        size: expect.any(Number),
        packDigest: "sha256:77",
        action: "bench.act",
        byHand: false,
        started: { at: "2026-01-01T00:00:00.000Z", group, attempt: 1 },
        cancel: { at: "2026-01-01T00:00:00.000Z", reason: "enough" },
      },
    ]);
    expect(await kept.journal.request(running.execution)).toEqual(running);
  });

  it("knows the class and the action of what an earlier version has promised", async () => {
    const kept = await journal();
    const { execution } = await kept.accept({ action: "backup.full", rule: "p.r", trigger_instance: "T" });
    const key = agentKey(agentKeys.open, execution);
    const { size, packDigest } = JSON.parse((await kept.level.get(key)) ?? "");
    await kept.level.put(key, JSON.stringify({ size, packDigest }));
    await kept.reopen();
    expect(kept.journal.openExecutions()).toMatchObject([
      { execution, size, packDigest, action: "backup.full", byHand: false },
    ]);
  });

  it("counts the starts of an idempotent action across restarts", async () => {
    const kept = await journal();
    const { execution } = await kept.accept();
    await kept.journal.started(execution, null);
    await kept.reopen();
    expect((await kept.journal.started(execution, null)).attempt).toBe(2);
  });

  it("lets the first last word stand", async () => {
    const kept = await journal();
    const execution = await kept.settled();
    await kept.journal.settle(execution, { status: "abandoned", ended_at: "2026-01-02T00:00:00.000Z" });
    const state = (await kept.journal.states([execution])).get(execution);
    expect(state).toMatchObject({ phase: "settled", result: { status: "succeeded" } });
  });

  it("forgets settled executions when they are old enough, and nothing else", async () => {
    const kept = await journal();
    const waiting = await kept.accept();
    const old = await kept.settled();
    const early = kept.journal.cancelOps("EARLY", "enough", true);
    await kept.store.outbox.append([], early.ops);
    kept.journal.noteCanceled("EARLY", early.cancel);
    kept.pass(20 * hour);
    const young = await kept.settled();
    expect(await kept.journal.prune()).toBe(0);
    kept.pass(5 * hour);
    expect(await kept.journal.prune()).toBe(2);
    expect(await kept.phase(old)).toBe("unknown");
    expect(await kept.phase("EARLY")).toBe("unknown");
    expect(await kept.phase(young)).toBe("settled");
    expect(await kept.phase(waiting.execution)).toBe("accepted");
    kept.pass(24 * hour);
    expect(await kept.journal.prune()).toBe(1);
    const left = (await kept.level.keys().all()).filter((key) => key.startsWith("journal-"));
    expect(left).toEqual([
      `journal-accepted!${waiting.execution}`,
      `journal-open!${waiting.execution}`,
      `journal-purpose!${waiting.execution.slice(10)}`,
    ]);
  });

  it.each([
    ["records", { ageMs: 24 * hour, records: 3, bytes: 1_000_000 }],
    ["bytes", { ageMs: 24 * hour, records: 100, bytes: 250 }],
  ])("forgets the oldest beyond its cap of %s, also after a restart", async (_what, retention) => {
    const kept = await journal(retention);
    const executions: string[] = [];
    for (let at = 0; at < 5; at++) {
      executions.push(await kept.settled());
      kept.pass(1_000);
    }
    await kept.reopen();
    expect(kept.journal.isOverCap).toBe(true);
    expect(await kept.journal.prune()).toBe(2);
    expect(kept.journal.isOverCap).toBe(false);
    const phases = await Promise.all(executions.map((execution) => kept.phase(execution)));
    expect(phases).toEqual(["unknown", "unknown", "settled", "settled", "settled"]);
  });

  it("takes an early cancel's place in its caps back when the request comes", async () => {
    const kept = await journal();
    const early = kept.journal.cancelOps("EARLY", "enough", true);
    await kept.store.outbox.append([], early.ops);
    kept.journal.noteCanceled("EARLY", early.cancel);
    kept.pass(hour);
    const { ops, size } = kept.journal.settleOps("EARLY", kept.result(), early.cancel);
    await kept.store.outbox.append([], ops);
    kept.journal.noteSettled("EARLY", size, early.cancel);
    kept.pass(23.5 * hour);
    // The cancel is old enough by now, the result is not.
    expect(await kept.journal.prune()).toBe(0);
    expect(await kept.phase("EARLY")).toBe("settled");
  });

  it("does not deny what it has on disk, under none of its ids, also after a restart; what is new it does", async () => {
    const kept = await journal();
    const other = (id: string) => `01ABCDEFGH${id.slice(10)}`;
    const [early, refused] = ["01KDW9T8000EARLY0000000000", "01KDW9T8000REFVSED00000000"];
    const waiting = await kept.accept();
    const running = await kept.accept();
    await kept.journal.started(running.execution, null);
    const settled = await kept.settled();
    const { ops: cancels, cancel } = kept.journal.cancelOps(early, "enough", true);
    await kept.store.outbox.append([], cancels);
    kept.journal.noteCanceled(early, cancel);
    const { ops, size } = kept.journal.settleOps(refused, kept.result());
    await kept.store.outbox.append([], [...ops, kept.journal.purposeOp(refused)]);
    kept.journal.noteSettled(refused, size);
    for (let life = 0; life < 2; life++) {
      for (const id of [waiting.execution, running.execution, settled, early, refused]) {
        expect(kept.journal.mayKnow(id)).toBe(true);
        expect(kept.journal.mayKnow(other(id))).toBe(true);
      }
      expect(kept.journal.mayKnow("01KDW9T8000NEW000000000000")).toBe(false);
      await kept.reopen();
    }
  });

  it("denies nothing before it has read what is there, and nothing of a batch that failed", async () => {
    const kept = await journal();
    const { level, committer } = kept.store.database;
    const { rows } = kept.store;
    const append = () => Promise.reject(new Error("no disk"));
    const unread = new JournalStore({ level, committer, append, rows, newId: () => "ID", now: () => 0 });
    expect(unread.mayKnow("01KDW9T8000NEW000000000000")).toBe(true);
    await unread.load();
    expect(unread.mayKnow("01KDW9T8000NEW000000000000")).toBe(false);
    const request = actionRequest();
    unread.acceptOps(request);
    await unread.load();
    expect(unread.mayKnow(request.execution)).toBe(true);
  });

  it("tells of a secret result that cannot be opened how it ended and why the rest is missing, and of others all", async () => {
    const kept = await journal();
    const secret = async () => {
      const { execution } = await kept.accept({ secret: ["result"] });
      await kept.journal.settle(execution, { ...kept.result(), status: "failed" });
      return execution;
    };
    const [damaged, older, torn, whole, plain] = [
      await secret(),
      await secret(),
      await secret(),
      await secret(),
      await kept.settled(),
    ];
    const row = (execution: string) => agentKey(agentKeys.result, execution);
    const [of, other] = (await kept.level.getMany([row(damaged), row(whole)])).map((text) =>
      JSON.parse(text ?? ""),
    );
    // Sealed for another place, as a row that was put back in the wrong one.
    await kept.level.put(row(damaged), JSON.stringify({ ...of, sealed: other.sealed }));
    await kept.level.put(row(older), JSON.stringify({ sealed: other.sealed }));
    await kept.level.put(row(torn), "{");
    const states = await kept.journal.states([damaged, older, torn, whole, plain]);
    const { ended_at } = kept.result();
    const reason = expect.stringMatching(new RegExp(`^KEY_UNREADABLE: .*\\(.*${damaged}\\)$`));
    expect(states.get(damaged)).toEqual({
      phase: "settled",
      result: { status: "failed", secret: true, reason, ended_at },
    });
    const unknown = { status: "abandoned", secret: true, ended_at };
    expect(states.get(older)).toMatchObject({
      result: { ...unknown, reason: expect.stringContaining("KEY_UNREADABLE") },
    });
    expect(states.get(torn)).toMatchObject({ phase: "settled", result: unknown });
    expect(states.get(whole)).toMatchObject({ result: { status: "failed", result: 1 } });
    expect(states.get(plain)).toMatchObject({ result: { status: "succeeded", result: 1 } });
  });
});

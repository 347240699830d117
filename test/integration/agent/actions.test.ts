/** The action side on a real database, with real processes; only the hub is played. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { Actions, type ActionsOptions } from "../../../agent/actions/actions-process.ts";
import { groupAlive } from "../../../agent/actions/group-process.ts";
import { JournalStore } from "../../../agent/actions/journal-store.ts";
import { statOf } from "../../../agent/actions/proc-fs.ts";
import { openAgentStore } from "../../../agent/store/agent-store.ts";
import { agentKeys, agentRange } from "../../../agent/store/keys.ts";
import { PetrelError } from "../../../shared/errors.ts";
import { ulidSource } from "../../../shared/ids.ts";
import type { JsonObject } from "../../../shared/json.ts";
import { silentLogger } from "../../../shared/log.ts";
import { systemClock, systemRandom, systemTimers } from "../../../shared/system-process.ts";
import type {
  ActionRequestEntry,
  AssignmentEntry,
  ControlEntry,
  DownEntry,
  ExecutionUpdateEntry,
  UpEntry,
} from "../../../shared/wire/messages.ts";
import { guardWrites } from "../../support/guarded-writes.ts";
import { actionRequest, allRunners } from "../../support/runner-settings.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { waitUntil } from "../../support/wait-until.ts";

const finals = ["succeeded", "failed", "timeout", "abandoned", "canceled"];

async function agent(changes: Partial<ActionsOptions> = {}, folder?: string) {
  const home = folder ?? (await tempFolder("actions"));
  const newId = ulidSource(systemClock, systemRandom);
  const store = await openAgentStore({
    data: home,
    newId,
    now: systemClock.now,
    log: silentLogger,
  });
  const updates: UpEntry[] = [];
  const blobs: Uint8Array[] = [];
  const faults = { append: null as PetrelError | null, delay: null as (() => Promise<void>) | null };
  const append: ActionsOptions["append"] = async (entries, ops) => {
    await faults.delay?.();
    if (faults.append !== null) throw faults.append;
    await store.outbox.append(entries, ops);
    updates.push(...entries);
  };
  const actions = new Actions({
    level: store.database.level,
    committer: store.database.committer,
    append,
    marks: store.marks,
    rows: store.rows,
    newId,
    runners: allRunners(home, { termGraceMs: 300 }),
    limits: { concurrency: 2, actions: {}, maxOpen: 100, maxOpenBytes: 1_000_000 },
    refusing: () => null,
    onAssignments: () => {},
    onRoom: () => {},
    log: silentLogger,
    packs: {
      ensurePack: async (ref) => {
        throw new PetrelError("PACK_MISSING", `no pack ${ref}`);
      },
      packConfig: async () => ({}),
    },
    datastore: async () => null,
    blobs: {
      put: async (bytes) => {
        blobs.push(bytes);
        return { digest: `sha256:${String(blobs.length).padStart(64, "0")}`, size: bytes.length };
      },
    },
    fetchBlob: async () => new TextEncoder().encode('{"from": "blob"}'),
    onOutput: () => {},
    clock: systemClock,
    hubNow: systemClock.now,
    timers: systemTimers,
    jitter: () => 0,
    drainMs: 100,
    passPoint: () => {},
    ...changes,
  });
  let last = 0;
  const take = (...entries: DownEntry[]) => {
    const first = last + 1;
    last += entries.length;
    return actions.inbox.take(
      "EPOCH",
      first - 1,
      entries.map((entry, at) => ({ n: first + at, last: first + at, entry, size: 100 })),
    );
  };
  const of = (execution: string) =>
    updates.filter(
      (entry): entry is ExecutionUpdateEntry =>
        entry.kind === "execution-update" && entry.execution === execution,
    );
  const final = (execution: string) =>
    waitUntil("a last word", () => of(execution).find(({ status }) => finals.includes(status)));
  const stop = async () => {
    await actions.stop();
    await store.close();
  };
  let stopped: Promise<void> | null = null;
  const stopOnce = () => (stopped ??= stop());
  onTestFinished(stopOnce);
  return { actions, store, home, updates, blobs, faults, take, of, final, stop: stopOnce };
}

const shell = (cmd: string, changes: Parameters<typeof actionRequest>[0] = {}) =>
  actionRequest({ runner: "local-shell-cmd", runner_parameters: { cmd }, ...changes });
const control = (kind: ControlEntry["kind"], execution: string, reason?: string): ControlEntry => ({
  id: `C${execution}`,
  at: "2026-01-01T00:00:00.000Z",
  kind,
  execution,
  ...(reason !== undefined && { reason }),
});
/** The process id that an action wrote into the file `pid`. */
const pidIn = (home: string): Promise<number> =>
  waitUntil("it runs", () => {
    const text = existsSync(join(home, "pid")) ? readFileSync(join(home, "pid"), "utf8") : "";
    return text.endsWith("\n") ? Number(text) : 0;
  });
const statusesOf = (updates: readonly ExecutionUpdateEntry[]) => updates.map(({ status }) => status);

describe("a request", () => {
  it("that does nothing is taken in, starts and ends in one batch, and says all that in one entry", async () => {
    const { actions, take, final, of, store } = await agent();
    await actions.start();
    const before = store.database.committer.figures().commits;
    const request = actionRequest({ runner: "noop" });
    await take(request);
    const { started_at, ended_at } = await final(request.execution);
    expect(store.database.committer.figures().commits - before).toBe(1);
    const { action, trigger_instance } = request;
    expect(of(request.execution)).toMatchObject([{ status: "succeeded", action, trigger_instance }]);
    expect(Date.parse(started_at ?? "")).toBeLessThanOrEqual(Date.parse(ended_at ?? ""));
    const rows = await store.database.level.keys(agentRange("journal-open")).all();
    expect(rows).toEqual([]);
  });

  it("that does nothing, and whose result is a secret, keeps and reports it as one", async () => {
    const { actions, take, of, store } = await agent();
    await actions.start();
    const request = actionRequest({ runner: "noop", secret: ["result"] });
    await take(request);
    expect(of(request.execution)).toMatchObject([{ status: "succeeded", secret: true }]);
    expect(JSON.stringify(of(request.execution))).not.toContain("return_code");
    const { gt, lt } = agentRange("journal-result");
    const [row] = await store.database.level.values({ gt, lt }).all();
    expect(row).toContain("sealed");
    const [epoch] = store.toSend.epochs();
    const sent = await store.toSend.read(epoch?.id ?? "", 1, 10, 1e6);
    expect(sent.at(-1)?.entry).toMatchObject({
      action: request.action,
      result: { return_code: 0 },
      secret: true,
    });
  });

  it("that does nothing is answered when it comes again, and a cancel before it counts", async () => {
    const { actions, take, final, of } = await agent();
    await actions.start();
    const request = actionRequest({ runner: "noop" });
    await take(request);
    await final(request.execution);
    await take(request);
    expect(statusesOf(of(request.execution))).toEqual(["succeeded", "succeeded"]);
    const canceled = actionRequest({ runner: "noop" });
    await take(control("cancel", canceled.execution, "canceled by bo"));
    await take(canceled);
    expect(statusesOf(of(canceled.execution))).toEqual(["canceled"]);
  });

  it("is accepted, running and settled, in this order, each on disk", async () => {
    const { actions, take, final, of, store } = await agent();
    await actions.start();
    const request = shell("echo 5");
    expect(await take(request)).toEqual({ taken: true, upTo: 1 });
    expect(statusesOf(of(request.execution))[0]).toBe("accepted");
    expect(await final(request.execution)).toMatchObject({
      status: "succeeded",
      result: { return_code: 0, stdout: 5 },
      started_at: expect.any(String),
      ended_at: expect.any(String),
    });
    expect(statusesOf(of(request.execution))).toEqual(["accepted", "running", "succeeded"]);
    const rows = await store.database.level.keys(agentRange("journal-open")).all();
    expect(rows).toEqual([]);
  });

  it("moves the mark on disk with it, so that the next life does not ask for it again", async () => {
    const { actions, take, stop, home, store } = await agent();
    await actions.start();
    await take(shell("true"), shell("true"));
    expect(await store.marks.read(["EPOCH"])).toEqual(new Map([["EPOCH", 2]]));
    await stop();
    const next = await agent({}, home);
    expect(await next.actions.inbox.marks(["EPOCH", "OTHER"])).toEqual(
      new Map([
        ["EPOCH", 2],
        ["OTHER", 0],
      ]),
    );
  });

  it("is not promised when it cannot be written: no mark, no journal, no run", async () => {
    const { actions, take, faults, home, store } = await agent();
    await actions.start();
    faults.append = new PetrelError("STORE_WRITE", "disk full");
    const request = shell("touch ran");
    await expect(take(request)).rejects.toMatchObject({ code: "STORE_WRITE" });
    expect((await actions.inbox.marks(["EPOCH"])).get("EPOCH")).toBe(0);
    expect(await actions.executionStatus({ execution: request.execution })).toMatchObject({
      phase: "unknown",
    });
    expect(actions.figures()).toEqual({ waiting: 0, running: 0 });
    faults.append = null;
    expect(await store.database.level.keys(agentRange("journal-accepted")).all()).toEqual([]);
    expect(existsSync(join(home, "ran"))).toBe(false);
  });

  it("is not taken on a mark that has moved", async () => {
    const { actions, take } = await agent();
    await actions.start();
    await take(actionRequest());
    const entry = actionRequest();
    const late = await actions.inbox.take("EPOCH", 0, [{ n: 1, last: 1, entry, size: 1 }]);
    expect(late).toEqual({ taken: false, upTo: 1 });
    expect(await actions.executionStatus({ execution: entry.execution })).toMatchObject({ phase: "unknown" });
  });

  it("that comes again after its end is answered with the stored result and does not run", async () => {
    const { actions, take, final, of, home } = await agent();
    await actions.start();
    const request = shell("echo x >> ran");
    await take(request);
    const first = await final(request.execution);
    await take(request);
    const again = of(request.execution).at(-1);
    expect(again).toMatchObject({ status: first.status, result: first.result, ended_at: first.ended_at });
    expect(again?.id).not.toBe(first.id);
    expect(readFileSync(join(home, "ran"), "utf8")).toBe("x\n");
  });

  describe("under another id but for the same purpose, from a hub that was restored from a backup,", () => {
    /** The hub took the trigger in again: only the time in the id is another. */
    const again = (request: ActionRequestEntry): ActionRequestEntry => {
      const execution = `01Z0000000${request.execution.slice(10)}`;
      return { ...request, id: execution, execution };
    };

    it("is answered under its new id, with the stored result, and does not run", async () => {
      const { actions, take, final, of, home } = await agent();
      await actions.start();
      const request = shell("echo x >> ran");
      await take(request);
      const first = await final(request.execution);
      const second = again(request);
      await take(second);
      expect(of(second.execution)).toMatchObject([{ status: first.status, result: first.result }]);
      expect(await actions.executionStatus({ execution: second.execution })).toMatchObject({
        phase: "settled",
      });
      expect(readFileSync(join(home, "ran"), "utf8")).toBe("x\n");
    });

    it("does not run beside the one that runs, and can be canceled", async () => {
      const { actions, take, final, of, home } = await agent();
      await actions.start();
      const request = shell("echo $$ > pid; sleep 60");
      await take(request);
      await pidIn(home);
      const second = again(request);
      await take(second);
      expect(of(second.execution)).toEqual([]);
      expect(actions.figures()).toMatchObject({ running: 1, waiting: 0 });
      await take(control("cancel", second.execution));
      expect(await final(request.execution)).toMatchObject({ status: "canceled" });
    });

    it("is refused again when it was refused before, after a restart of the agent", async () => {
      const { actions, take, final, stop, home } = await agent();
      await actions.start();
      const request = shell("touch ran", { expires_at: "2020-01-01T00:00:00.000Z" });
      await take(request);
      await final(request.execution);
      await stop();
      const later = await agent({}, home);
      await later.actions.start();
      // As if it expired later now: what was said of it once, counts.
      const second = { ...again(request), expires_at: null };
      const { upTo } = await later.actions.inbox.take("LATER", 0, [
        { n: 1, last: 1, entry: second, size: 1 },
      ]);
      expect(upTo).toBe(1);
      expect(later.of(second.execution)).toMatchObject([{ status: "timeout", reason: "expired" }]);
      expect(existsSync(join(home, "ran"))).toBe(false);
    });
  });

  it("that stands twice in one packet runs once", async () => {
    const { actions, take, final, of } = await agent();
    await actions.start();
    const request = shell("echo x >> ran; cat ran");
    await take(request, request);
    expect(await final(request.execution)).toMatchObject({ result: { stdout: "x" } });
    expect(statusesOf(of(request.execution))).toEqual(["accepted", "running", "succeeded"]);
  });

  it("waits while as many run as may", async () => {
    const { actions, take, final, home } = await agent();
    await actions.start();
    const requests = Array.from({ length: 6 }, (_, at) =>
      shell(
        `mkdir -p now; touch now/${at}; ls now | wc -l; until [ -e go${Math.floor(at / 2)} ]; do sleep 0.02; done; rm now/${at}`,
      ),
    );
    await take(...requests);
    expect(actions.figures()).toEqual({ waiting: 4, running: 2 });
    expect(actions.inbox.credit().entries).toBe(94);
    for (const at of [0, 1, 2]) writeFileSync(join(home, `go${at}`), "");
    for (const { execution } of requests) {
      const { result } = await final(execution);
      expect((result as JsonObject).stdout).toBeLessThanOrEqual(2);
    }
    await waitUntil("all credit is back", () => actions.inbox.credit().entries === 100);
  });

  it("that expires while it waits is not run", async () => {
    let now = Date.parse("2026-01-01T00:00:00Z");
    const { actions, take, final, home } = await agent({ hubNow: () => now });
    const request = shell("touch ran", { expires_at: "2026-01-01T01:00:00.000Z" });
    // Not started yet: what comes in waits.
    await take(request);
    now += 3_600_000;
    await actions.start();
    expect(await final(request.execution)).toMatchObject({ status: "timeout", reason: "expired" });
    expect(existsSync(join(home, "ran"))).toBe(false);
  });

  it("ends at its timeout, with its whole group", async () => {
    const { actions, take, final, home } = await agent();
    await actions.start();
    const request = shell("echo $$ > pid; sleep 600 | sleep 600", { timeout: 0.3 });
    await take(request);
    expect(await final(request.execution)).toMatchObject({
      status: "timeout",
      result: { return_code: -9, error: "Action failed to complete in 0.3 seconds" },
    });
    expect(groupAlive(Number(readFileSync(join(home, "pid"), "utf8")))).toBe(false);
  });

  it("fails with the code of what it lacks", async () => {
    const { actions, take, final } = await agent();
    await actions.start();
    const request = actionRequest({ runner: "python-script", entry_point: "a.py" });
    await take(request);
    expect(await final(request.execution)).toMatchObject({
      status: "failed",
      result: { code: "PACK_MISSING" },
      reason: expect.stringContaining("PACK_MISSING"),
    });
  });

  it("gets parameters that were too large for an entry", async () => {
    const seen: unknown[] = [];
    const base = await agent();
    const { actions, take, final } = await agent({
      runners: [
        {
          name: "noop",
          mayPause: false,
          run: async (request, context) => {
            await context.started(null);
            seen.push(request.parameters);
            return { status: "succeeded", result: null };
          },
        },
      ],
    });
    await base.stop();
    await actions.start();
    const request = actionRequest({ parameters_blob: { digest: `sha256:${"0".repeat(64)}`, size: 16 } });
    await take(request);
    await final(request.execution);
    expect(seen).toEqual([{ from: "blob" }]);
  });

  it("waits for a hub that is away when its parameters are there, and expires if it stays away", async () => {
    let isAway = true;
    const seen: JsonObject[] = [];
    const { actions, take, final } = await agent({
      fetchBlob: async () => {
        if (isAway) throw new PetrelError("ASK_TIMEOUT", "the link to the hub is not up yet");
        return new TextEncoder().encode('{"from": "blob"}');
      },
      runners: [
        {
          name: "noop",
          isInstant: true,
          mayPause: false,
          run: async (request, { started }) => {
            await started(null);
            seen.push(request.parameters);
            return { status: "succeeded", result: null };
          },
        },
      ],
    });
    await actions.start();
    const parameters_blob = { digest: `sha256:${"0".repeat(64)}`, size: 16 };
    const soon = new Date(systemClock.now() + 1_000).toISOString();
    const late = actionRequest({ runner: "noop", parameters_blob, expires_at: soon });
    await take(late);
    expect(await final(late.execution)).toMatchObject({ status: "timeout", reason: "expired" });
    const request = actionRequest({ runner: "noop", parameters_blob });
    await take(request);
    isAway = false;
    expect(await final(request.execution)).toMatchObject({ status: "succeeded" });
    expect(seen).toEqual([{ from: "blob" }]);
  });

  it("has its large result in a blob", async () => {
    const { actions, take, final, blobs } = await agent();
    await actions.start();
    const request = shell("head -c 200000 /dev/zero | tr '\\0' x");
    await take(request);
    const update = await final(request.execution);
    expect(update.result).toBeUndefined();
    expect(update.result_blob?.size).toBe(blobs[0]?.length);
    expect(JSON.parse(new TextDecoder().decode(blobs[0]))).toMatchObject({ stdout: "x".repeat(200_000) });
  });
});

describe("cancel", () => {
  it("of what waits settles it at once, and it never runs", async () => {
    const { actions, take, final, of, home } = await agent({
      limits: { concurrency: 0, actions: {}, maxOpen: 9, maxOpenBytes: 9_999 },
    });
    await actions.start();
    const request = shell("touch ran");
    await take(request);
    await take(control("cancel", request.execution, "canceled by bo"));
    expect(await final(request.execution)).toMatchObject({ status: "canceled", reason: "canceled by bo" });
    expect(statusesOf(of(request.execution))).toEqual(["accepted", "canceled"]);
    expect(existsSync(join(home, "ran"))).toBe(false);
    expect(actions.inbox.credit().entries).toBe(9);
  });

  it("of what runs ends its whole group first", async () => {
    const { actions, take, final, home } = await agent();
    await actions.start();
    const request = shell("echo $$ > pid; sh -c 'trap \"\" TERM; while :; do sleep 1; done'");
    await take(request);
    const pid = await pidIn(home);
    await take(control("cancel", request.execution, "canceled by bo"));
    expect(await final(request.execution)).toMatchObject({ status: "canceled", reason: "canceled by bo" });
    expect(groupAlive(pid)).toBe(false);
  });

  it("in the same packet as the request", async () => {
    const { actions, take, final } = await agent();
    await actions.start();
    const request = shell("sleep 600");
    await take(request, control("cancel", request.execution));
    expect((await final(request.execution)).status).toBe("canceled");
  });

  it("that comes before its request is remembered, also across a restart", async () => {
    const first = await agent();
    await first.actions.start();
    const request = shell("touch ran");
    await first.take(control("cancel", request.execution, "canceled by bo"));
    // It counts among what is kept for a time: the request may never come.
    const kept = await first.store.database.level.keys(agentRange(agentKeys.settled)).all();
    expect(kept).toEqual([expect.stringContaining(request.execution)]);
    await first.stop();
    const second = await agent({}, first.home);
    await second.actions.start();
    await second.actions.inbox.take("OTHER", 0, [{ n: 1, last: 1, entry: request, size: 1 }]);
    expect(await second.final(request.execution)).toMatchObject({
      status: "canceled",
      reason: "canceled by bo",
    });
    expect(statusesOf(second.of(request.execution))).toEqual(["canceled"]);
    expect(existsSync(join(first.home, "ran"))).toBe(false);
  });

  it("of what has ended changes nothing", async () => {
    const { actions, take, final, of } = await agent();
    await actions.start();
    const request = actionRequest();
    await take(request);
    await final(request.execution);
    await take(control("cancel", request.execution));
    expect(statusesOf(of(request.execution))).toEqual(["succeeded"]);
  });
});

describe("pause and resume", () => {
  it("stop and continue the processes, and say so", async () => {
    const { actions, take, final, of, home } = await agent();
    await actions.start();
    const request = shell("echo $$ > pid; until [ -e go ]; do sleep 0.02; done");
    await take(request);
    const pid = await pidIn(home);
    await take(control("pause", request.execution));
    await waitUntil("it is stopped", () => statOf(pid)?.state === "T");
    await take(control("resume", request.execution));
    await waitUntil("it goes on", () => statOf(pid)?.state !== "T");
    writeFileSync(join(home, "go"), "");
    expect((await final(request.execution)).status).toBe("succeeded");
    expect(statusesOf(of(request.execution))).toEqual([
      "accepted",
      "running",
      "paused",
      "running",
      "succeeded",
    ]);
  });

  it("a paused action can be canceled", async () => {
    const { actions, take, final, home } = await agent();
    await actions.start();
    const request = shell("echo $$ > pid; sleep 600");
    await take(request);
    const pid = await pidIn(home);
    await take(control("pause", request.execution));
    await waitUntil("it is stopped", () => statOf(pid)?.state === "T");
    await take(control("cancel", request.execution));
    expect((await final(request.execution)).status).toBe("canceled");
    expect(groupAlive(pid)).toBe(false);
  });
});

describe("a disk that refuses for a while", () => {
  it("holds a start back: the action runs once, later", async () => {
    const { actions, take, final, faults, home } = await agent();
    const request = shell("echo x >> ran");
    await take(request);
    faults.append = new PetrelError("STORE_WRITE", "disk full");
    await actions.start();
    await waitUntil("it is tried", () => actions.figures().running === 1);
    expect(existsSync(join(home, "ran"))).toBe(false);
    faults.append = null;
    expect((await final(request.execution)).status).toBe("succeeded");
    expect(readFileSync(join(home, "ran"), "utf8")).toBe("x\n");
  });

  it("holds a result back: it is stored later, and the action is not run again", async () => {
    const { actions, take, final, of, faults, home } = await agent();
    await actions.start();
    const request = shell("echo x >> ran; until [ -e go ]; do sleep 0.02; done");
    await take(request);
    await waitUntil("it runs", () => existsSync(join(home, "ran")));
    faults.append = new PetrelError("STORE_WRITE", "disk full");
    writeFileSync(join(home, "go"), "");
    await new Promise((resolve) => setImmediate(resolve));
    expect(statusesOf(of(request.execution))).toEqual(["accepted", "running"]);
    faults.append = null;
    expect((await final(request.execution)).status).toBe("succeeded");
    expect(readFileSync(join(home, "ran"), "utf8")).toBe("x\n");
  });
});

describe("requests that wait", () => {
  const none = { concurrency: 0, actions: {}, maxOpen: 100, maxOpenBytes: 1_000_000 };
  const ofRule = { rule: "p.r", trigger_instance: "T" };

  it("run after a restart in the order of their class: what somebody has started first", async () => {
    const first = await agent({ limits: none });
    const requests = ["r0", "r1", "h0", "h1"].map((name) =>
      shell(`echo ${name} >> ran`, name.startsWith("r") ? ofRule : {}),
    );
    await first.actions.start();
    await first.take(...requests);
    await first.stop();
    const second = await agent({ limits: { ...none, concurrency: 1 } }, first.home);
    await second.actions.start();
    for (const { execution } of requests) await second.final(execution);
    expect(readFileSync(join(second.home, "ran"), "utf8")).toBe("h0\nh1\nr0\nr1\n");
  });

  it("for a place of their action let others pass, before and after a restart", async () => {
    const limits = { ...none, concurrency: 8, actions: { "backup.*": 1 } };
    const held = (name: string) => `echo ${name} >> ran; until [ -e go ]; do sleep 0.05; done`;
    const requests = [
      shell(held("one"), { action: "backup.full" }),
      shell("echo two >> ran", { action: "backup.log" }),
      shell("echo three >> ran"),
    ];
    const [one, two, three] = requests.map(({ execution }) => execution);
    const first = await agent({ limits });
    await first.actions.start();
    await first.take(...requests);
    expect(await first.final(three ?? "")).toMatchObject({ status: "succeeded" });
    await waitUntil("the first runs", () => readFileSync(join(first.home, "ran"), "utf8").includes("one"));
    expect(first.actions.figures()).toEqual({ waiting: 1, running: 1 });
    await first.stop();
    expect(await first.final(one ?? "")).toMatchObject({ status: "abandoned" });
    const second = await agent({ limits }, first.home);
    await second.actions.start();
    expect(await second.final(two ?? "")).toMatchObject({ status: "succeeded" });
    expect(readFileSync(join(second.home, "ran"), "utf8").split("\n").sort()).toEqual([
      "",
      "one",
      "three",
      "two",
    ]);
  });
});

describe("what the host does not let run", () => {
  const error = new PetrelError("HOST_REFUSED", "not here", { where: "deny.actions" });
  const refused = { status: "failed", result: { code: "HOST_REFUSED", where: "deny.actions" } };

  it("is refused as it comes, without having been taken on, and its repeat is answered", async () => {
    const { actions, take, final, of, store, home } = await agent({ hostRefuses: () => error });
    await actions.start();
    const requests = [shell("touch ran"), actionRequest({ runner: "noop" })];
    await take(...requests);
    for (const { execution } of requests) expect(await final(execution)).toMatchObject(refused);
    const [first] = requests;
    if (first !== undefined) await take(first);
    expect(statusesOf(of(first?.execution ?? ""))).toEqual(["failed", "failed"]);
    expect(existsSync(join(home, "ran"))).toBe(false);
    expect(await store.database.level.keys(agentRange("journal-open")).all()).toEqual([]);
  });

  it("is refused as its turn comes, also in another life of the agent", async () => {
    const none = { concurrency: 0, actions: {}, maxOpen: 100, maxOpenBytes: 1_000_000 };
    const first = await agent({ limits: none });
    await first.actions.start();
    const request = shell("touch ran");
    await first.take(request);
    await first.stop();
    const second = await agent({ hostRefuses: () => error }, first.home);
    await second.actions.start();
    expect(await second.final(request.execution)).toMatchObject(refused);
    expect(existsSync(join(second.home, "ran"))).toBe(false);
  });

  it("is refused right before its process would act, when the host changed its mind meanwhile", async () => {
    // As it comes, as its turn comes, and then.
    let asked = 0;
    const { actions, take, final, of, home } = await agent({
      hostRefuses: () => (++asked > 2 ? error : null),
    });
    await actions.start();
    const request = shell("touch ran");
    await take(request);
    expect(await final(request.execution)).toMatchObject(refused);
    expect(statusesOf(of(request.execution))).toEqual(["accepted", "failed"]);
    expect(existsSync(join(home, "ran"))).toBe(false);
  });
});

describe("an agent that stops while a start is being written", () => {
  it("lets the action run: it is not called abandoned before its grace time", async () => {
    const { actions, take, final, of, faults, home } = await agent({ drainMs: 20_000 });
    const request = shell("echo x >> ran");
    await take(request);
    const writing = Promise.withResolvers<void>();
    const written = Promise.withResolvers<void>();
    faults.delay = () => {
      writing.resolve();
      return written.promise;
    };
    await actions.start();
    await writing.promise;
    const stopped = actions.stop();
    written.resolve();
    await stopped;
    expect((await final(request.execution)).status).toBe("succeeded");
    expect(statusesOf(of(request.execution))).toEqual(["accepted", "running", "succeeded"]);
    expect(readFileSync(join(home, "ran"), "utf8")).toBe("x\n");
  });

  it.each([
    [
      "while it waits for its actions",
      async (stop: () => Promise<void>, hurry: () => void) => {
        const stopped = stop();
        hurry();
        await stopped;
      },
    ],
    [
      "before it does",
      (stop: () => Promise<void>, hurry: () => void) => {
        hurry();
        return stop();
      },
    ],
  ])("ends its actions at once when it is hurried %s", async (_when, end) => {
    const { actions, take, of, home } = await agent({ drainMs: 2 ** 31 - 1 });
    const request = shell("echo $$ > pid; sleep 600");
    await take(request);
    await actions.start();
    const pgid = await pidIn(home);
    await end(
      () => actions.stop(),
      () => actions.hurry(),
    );
    expect(of(request.execution).at(-1)).toMatchObject({ status: "abandoned", reason: "agent stopped" });
    expect(groupAlive(pgid)).toBe(false);
  });

  it("leaves what was stopped just before for the next start", async () => {
    const { promise: spawned, resolve } = Promise.withResolvers<void>();
    const first = await agent();
    const [shellRunner] = allRunners(first.home, { termGraceMs: 300 });
    if (shellRunner === undefined) throw new Error("no runner");
    const request = shell("echo x >> ran");
    await first.stop();
    const second = await agent(
      {
        runners: [
          {
            ...shellRunner,
            run: (entry, context) =>
              shellRunner.run(entry, {
                ...context,
                started: async (group) => {
                  resolve();
                  await new Promise((next) => setImmediate(next));
                  await context.started(group);
                },
              }),
          },
        ],
      },
      first.home,
    );
    await second.take(request);
    await second.actions.start();
    await spawned;
    await second.stop();
    expect(statusesOf(second.of(request.execution))).toEqual(["accepted"]);
    const third = await agent({}, first.home);
    await third.actions.start();
    expect((await third.final(request.execution)).status).toBe("succeeded");
    expect(readFileSync(join(first.home, "ran"), "utf8")).toBe("x\n");
  });
});

describe("an outbox that is full after a crash", () => {
  it("does not keep the agent from starting: the last word follows when there is room", async () => {
    const first = await agent();
    const { level, committer } = first.store.database;
    const append: ActionsOptions["append"] = (entries, ops) => first.store.outbox.append(entries, ops);
    const journal = new JournalStore({
      level,
      committer,
      append,
      rows: first.store.rows,
      newId: () => "ID",
      now: Date.now,
    });
    const request = shell("touch ran");
    const { ops, open } = journal.acceptOps(request);
    await append([], ops);
    journal.noteAccepted(open);
    await journal.started(request.execution, null);
    await first.stop();

    const second = await agent({}, first.home);
    second.faults.append = new PetrelError("LINK_OUTBOX_FULL", "full");
    await second.actions.start();
    expect(second.of(request.execution)).toEqual([]);
    second.faults.append = null;
    expect(await second.final(request.execution)).toMatchObject({ status: "abandoned" });
    expect(existsSync(join(first.home, "ran"))).toBe(false);
  });
});

describe("a batch that failed and is on disk nevertheless", () => {
  it("is a promise: the request runs without being sent again", async () => {
    const { actions, take, final, store, home } = await agent();
    await actions.start();
    const { level, committer } = store.database;
    const unguard = guardWrites(level, async (write) => {
      await write();
      throw new Error("the disk said no after it had written");
    });
    const request = shell("echo x >> ran");
    await expect(take(request)).rejects.toMatchObject({ code: "STORE_WRITE" });
    unguard();
    await committer.resume();
    expect((await final(request.execution)).status).toBe("succeeded");
    expect(readFileSync(join(home, "ran"), "utf8")).toBe("x\n");
  });
});

describe("assignments", () => {
  const assignment = (id: string, pack: string, digest: string | null): AssignmentEntry => ({
    id,
    at: "2026-01-01T00:00:00.000Z",
    kind: "assignment",
    pack,
    digest,
    size: 1,
    config: {},
  });

  it("are on disk when they are announced, and the newest of a pack counts in whatever order they come", async () => {
    const seen: unknown[] = [];
    const { actions, take, store } = await agent({ onAssignments: () => seen.push("told") });
    await actions.start();
    const stored = async () => {
      const rows = await store.database.level.values(agentRange("assignment")).all();
      return rows.map((row) => [JSON.parse(row).pack, JSON.parse(row).digest]);
    };
    await take(assignment("02", "a", "new"), assignment("01", "a", "old"), assignment("03", "b", null));
    expect(await stored()).toEqual([
      ["a", "new"],
      ["b", null],
    ]);
    await take(assignment("01", "b", "older"));
    expect(await stored()).toEqual([
      ["a", "new"],
      ["b", null],
    ]);
    expect(seen).toEqual(["told"]);
  });

  it("of a pack that cannot be are taken and leave nothing", async () => {
    const { actions, take, store } = await agent();
    await actions.start();
    expect(await take(assignment("01", "../a!b", "x"))).toEqual({ taken: true, upTo: 1 });
    expect(await store.database.level.keys(agentRange("assignment")).all()).toEqual([]);
  });
});

describe("the journal", () => {
  it("names the packs that open executions need", async () => {
    const { actions, take, final } = await agent({
      limits: { concurrency: 0, actions: {}, maxOpen: 9, maxOpenBytes: 9_999 },
    });
    await actions.start();
    const request = shell("true", { pack_digest: "sha256:77" });
    await take(request);
    expect([...actions.pinnedDigests()]).toEqual(["sha256:77"]);
    await take(control("cancel", request.execution));
    await final(request.execution);
    await waitUntil("it is let go", () => actions.pinnedDigests().size === 0);
  });

  it("says where an execution stands", async () => {
    const { actions, take, final } = await agent();
    await actions.start();
    const request = actionRequest();
    expect(await actions.executionStatus({ execution: request.execution })).toMatchObject({
      phase: "unknown",
    });
    await take(request);
    await final(request.execution);
    expect(await actions.executionStatus({ execution: request.execution })).toMatchObject({
      phase: "settled",
      result: { status: "succeeded" },
    });
  });

  it("records a hole in the hub's ledger and moves its mark over it", async () => {
    const { actions, updates } = await agent();
    await actions.start();
    await actions.inbox.gap("EPOCH", 1, 5, "restored from a backup");
    expect((await actions.inbox.marks(["EPOCH"])).get("EPOCH")).toBe(5);
    expect(updates).toMatchObject([{ kind: "link-gap", from: 1, to: 5, reason: "restored from a backup" }]);
  });
});

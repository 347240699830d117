import { describe, expect, test } from "vitest";
import { agentLine, verificationExit } from "../../../../hub/cli/file/verification-rows.ts";
import { VerifyDesk } from "../../../../hub/files/verify-desk.ts";
import { Watchers } from "../../../../hub/files/watchers.ts";
import { type ErrorCode, PetrelError } from "../../../../shared/errors.ts";
import type { JsonObject } from "../../../../shared/json.ts";
import { silentLogger } from "../../../../shared/log.ts";
import type { AgentRecord } from "../../../../shared/model/agent.ts";
import type { AgentVerification, VerificationHead } from "../../../../shared/model/file-verification.ts";
import type { VerifyState } from "../../../../shared/watch/questions.ts";

const state: VerifyState = {
  run: "1",
  state: "waiting",
  full: false,
  path: null,
  started_at: null,
  ended_at: null,
  looked: 0,
  expected: null,
  differences: 0,
  unreadable: 0,
  unreadable_paths: [],
  error: null,
};

/** One agent whose next answers the test says. */
function desk() {
  const agent = { id: "a", labels: {}, packs: { watch: "1" } } as unknown as AgentRecord;
  const asked: string[] = [];
  let next: Partial<VerifyState> | ErrorCode = {};
  const watchers = new Watchers({
    agents: { all: () => [agent], get: (id) => (id === "a" ? agent : null) },
    ask: async (_agent, _op, args) => {
      const { question, arguments: given } = args as { question: string; arguments: JsonObject };
      asked.push(question);
      if (typeof next === "string") throw new PetrelError(next, "so it is");
      return { ...state, run: String(given.run), ...next } as unknown as JsonObject;
    },
  });
  let ids = 0;
  const heads = new Map<string, VerificationHead>();
  const noted = new Map<string, AgentVerification>();
  const disk = { isFull: false };
  const logged: string[] = [];
  const log = { ...silentLogger, warn: (message: string) => void logged.push(message) };
  const store = {
    verification: async (id: string) => {
      const head = heads.get(id);
      return head === undefined ? null : { head, heard: [...noted.values()] };
    },
    putVerification: async (head: VerificationHead) => {
      if (disk.isFull) throw new Error("full");
      heads.set(head.id, head);
    },
    noteVerified: async (_id: string, heard: readonly AgentVerification[]) => {
      if (disk.isFull) throw new Error("full");
      for (const one of heard) noted.set(one.agent, one);
    },
  };
  const open = () => new VerifyDesk({ watchers, now: () => 0, newId: () => `v${++ids}`, store, log });
  let verify = open();
  return {
    get verify() {
      return verify;
    },
    /** As another process of the hub. */
    restart: () => {
      verify = open();
    },
    disk,
    logged,
    asked,
    answers: (what: Partial<VerifyState> | ErrorCode) => {
      next = what;
    },
    begin: async () => (await verify.begin({ full: false, path: null })).agents[0],
    look: async () => (await verify.look("v1")).agents[0],
  };
}

describe("an agent's part", () => {
  test("is followed until it has ended, and then not asked for again", async () => {
    const { answers, begin, look, asked } = desk();
    expect(await begin()).toMatchObject({ state: "waiting", why: null });
    answers({ state: "running", looked: 10 });
    expect(await look()).toMatchObject({ state: "running", looked: 10 });
    answers({ state: "done", looked: 20, differences: 2 });
    expect(await look()).toMatchObject({ state: "done", looked: 20, differences: 2 });
    answers({ state: "running" });
    expect(await look()).toMatchObject({ state: "done" });
    expect(asked).toEqual(["verify", "verify-state", "verify-state"]);
  });

  test("that is away for a moment goes on afterwards", async () => {
    const { answers, begin, look } = desk();
    await begin();
    answers("LINK_CLOSED");
    expect(await look()).toMatchObject({ state: "waiting", why: "offline", error: "so it is" });
    answers({ state: "running" });
    expect(await look()).toMatchObject({ state: "running", why: null, error: null });
  });

  test.each(["WATCH_VERIFY_UNKNOWN", "SENSOR_NOT_RUNNING"] as const)(
    "has failed with its sensor: %s",
    async (code) => {
      const { answers, begin, look } = desk();
      await begin();
      answers(code);
      expect(await look()).toMatchObject({ state: "failed", why: null, error: "so it is" });
    },
  );

  test("that was never heard of stays unanswered, unless it had begun after all", async () => {
    const { answers, begin, look } = desk();
    answers("ASK_TIMEOUT");
    expect(await begin()).toMatchObject({ state: "unanswered", why: "no-answer" });
    answers("WATCH_VERIFY_UNKNOWN");
    expect(await look()).toMatchObject({ state: "unanswered", why: "failed" });
    answers({ state: "done" });
    expect(await look()).toMatchObject({ state: "done", why: null, error: null });
  });
});

describe("after a restart of the hub", () => {
  test("who sweeps is asked on, and who has ended is not asked any more", async () => {
    const { answers, begin, look, restart, asked } = desk();
    await begin();
    restart();
    answers("LINK_CLOSED");
    expect(await look()).toMatchObject({ state: "waiting", why: "offline" });
    restart();
    answers({ state: "done", looked: 20, differences: 2 });
    expect(await look()).toMatchObject({ state: "done", why: null, differences: 2 });
    restart();
    answers("WATCH_VERIFY_UNKNOWN");
    expect(await look()).toMatchObject({ state: "done", differences: 2 });
    expect(asked).toEqual(["verify", "verify-state", "verify-state"]);
  });

  test("who was sweeping and knows nothing of it any more has failed", async () => {
    const { answers, begin, look, restart } = desk();
    await begin();
    restart();
    answers("WATCH_VERIFY_UNKNOWN");
    expect(await look()).toMatchObject({ state: "failed", error: "so it is" });
  });

  test("who had not answered yet may have begun after all", async () => {
    const { answers, begin, look, restart } = desk();
    answers("ASK_TIMEOUT");
    await begin();
    restart();
    answers({ state: "running" });
    expect(await look()).toMatchObject({ state: "running" });
  });
});

test("on a full disk nothing is begun; what is under way is followed all the same", async () => {
  const { verify, begin, look, answers, disk, asked, logged } = desk();
  disk.isFull = true;
  await expect(verify.begin({ full: false, path: null })).rejects.toThrow("full");
  expect(asked).toEqual([]);
  disk.isFull = false;
  await begin();
  disk.isFull = true;
  answers({ state: "done" });
  const seen = await verify.look("v2");
  expect(seen.agents[0]).toMatchObject({ state: "done" });
  expect(logged).toHaveLength(1);
  await expect(look()).rejects.toMatchObject({ code: "NOT_FOUND" });
});

test("a pattern that is none, and an id that nobody had, are refused", async () => {
  const { verify, asked } = desk();
  await expect(verify.begin({ full: false, path: "[" })).rejects.toMatchObject({ code: "WATCH_GLOB" });
  await expect(verify.begin({ agents: ["z"], full: false, path: null })).rejects.toMatchObject({
    code: "AGENT_UNKNOWN",
  });
  await expect(verify.look("v1")).rejects.toMatchObject({ code: "NOT_FOUND" });
  expect(asked).toEqual([]);
});

const row: AgentVerification = {
  agent: "web-1",
  state: "done",
  why: null,
  error: null,
  started_at: null,
  ended_at: null,
  looked: 10,
  expected: 20,
  differences: 0,
  unreadable: 0,
  unreadable_paths: [],
};

describe("in words, with its exit code", () => {
  test.each<[Partial<AgentVerification>, string, number]>([
    [{}, "web-1  done: 10 paths looked at, no differences", 0],
    [{ looked: 1, differences: 1 }, "web-1  done: 1 path looked at, 1 difference told", 5],
    [
      { unreadable: 4, unreadable_paths: ["/a", "/b", "/c", "/d"].map((path) => ({ path, error: "EIO" })) },
      "web-1  done: 10 paths looked at, no differences, 4 paths could not be read: /a (EIO), /b (EIO), /c (EIO), …",
      1,
    ],
    [{ state: "failed", error: "so" }, "web-1  failed: so; 10 paths looked at, no differences", 1],
    [{ state: "unanswered", why: "offline", error: "away" }, "web-1  offline: away", 1],
    [{ state: "running" }, "web-1  under way: 10 of about 20 paths looked at", 1],
    [
      { state: "running", why: "offline" },
      "web-1  under way: 10 of about 20 paths looked at (offline at present)",
      1,
    ],
    [{ state: "waiting" }, "web-1  about to begin", 1],
  ])("%j", (over, line, code) => {
    expect(agentLine({ ...row, ...over })).toBe(line);
    expect(verificationExit([row, { ...row, ...over }], { isOver: true })).toBe(code);
  });

  test("differences outweigh agents that did not answer; what was only begun is no failure", () => {
    const away = { ...row, state: "unanswered" } as const;
    expect(verificationExit([away, { ...row, differences: 1 }], { isOver: true })).toBe(5);
    expect(verificationExit([{ ...row, state: "waiting" }], { isOver: false })).toBe(0);
    expect(verificationExit([away], { isOver: false })).toBe(1);
  });
});

import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { readCoverage, readPathLook, readVerifyState } from "../../../../hub/files/watch-answers.ts";
import { Watchers } from "../../../../hub/files/watchers.ts";
import { type ErrorCode, PetrelError } from "../../../../shared/errors.ts";
import type { Json } from "../../../../shared/json.ts";
import type { AgentRecord } from "../../../../shared/model/agent.ts";

const agents = ["b", "a", "c"].map(
  (id) =>
    ({
      id,
      labels: { role: id === "c" ? "db" : "web" },
      packs: id === "b" ? {} : { watch: "1" },
    }) as unknown as AgentRecord,
);

function watchers(ask: (agent: string) => Promise<Json> = async () => null, all = agents) {
  return new Watchers({
    agents: { all: () => all, get: (id) => all.find((agent) => agent.id === id) ?? null },
    ask,
  });
}

const unknown = expect.objectContaining({ code: "AGENT_UNKNOWN" });

describe("who is asked", () => {
  test("are those that are named, those with the labels, or all that watch", () => {
    const { choose } = bound(watchers());
    expect(choose({})).toEqual(["a", "c"]);
    expect(choose({ labels: { role: "web" } })).toEqual(["a", "b"]);
    expect(choose({ agents: ["c", "b", "c"] })).toEqual(["b", "c"]);
  });

  test("is never nobody", () => {
    const { choose } = bound(watchers());
    expect(() => choose({ agents: ["a", "z"] })).toThrow(unknown);
    expect(() => choose({ labels: { role: "none" } })).toThrow(unknown);
    expect(() => bound(watchers(undefined, [])).choose({})).toThrow(unknown);
    expect(() => choose({ agents: ["a"], labels: {} })).toThrow(
      expect.objectContaining({ code: "API_BAD_REQUEST" }),
    );
  });
});

const bound = (all: Watchers) => ({ choose: all.choose.bind(all) });

test.each<[ErrorCode | null, string]>([
  ["LINK_CLOSED", "offline"],
  ["ASK_TIMEOUT", "no-answer"],
  ["SENSOR_NOT_RUNNING", "not-watching"],
  ["SENSOR_ASK_UNKNOWN", "not-watching"],
  ["SENSOR_BUSY", "failed"],
  [null, "failed"],
])("an agent that fails with %s is told as %s, beside the others' answers", async (code, why) => {
  const all = watchers(async (agent) => {
    if (agent === "a") return 1;
    throw code === null ? new Error("it broke") : new PetrelError(code, "it broke");
  });
  expect(await all.askAll(["b", "a"], "look", {}, (answer) => answer)).toEqual([
    { agent: "b", why, detail: "it broke" },
    { agent: "a", answer: 1 },
  ]);
});

test("a large fleet is asked in parts, and answers keep their order", async () => {
  const waiting: (() => void)[] = [];
  const all = watchers(
    (agent) =>
      new Promise((resolve) => {
        waiting.push(() => resolve(agent));
      }),
  );
  const ids = Array.from({ length: 150 }, (_, n) => `agent-${n}`);
  const asked = all.askAll(ids, "look", {}, (answer) => answer);
  let answered = 0;
  while (answered < ids.length) {
    await turn();
    expect(waiting.length).toBeGreaterThan(0);
    expect(waiting.length).toBeLessThanOrEqual(64);
    // The latest first.
    for (const answer of waiting.splice(0).reverse()) {
      answer();
      answered++;
    }
  }
  expect((await asked).map((reply) => "answer" in reply && reply.answer)).toEqual(ids);
});

describe("an answer of another shape is none", () => {
  const protocol = expect.objectContaining({ code: "SENSOR_PROTOCOL" });
  const look = { path: "/etc", watched: true, error: null, found: null };
  const found = {
    kind: "file",
    digest: "a".repeat(64),
    digest_missing: null,
    size: 1,
    mode: "0644",
    owner: "root",
    group: "root",
    mtime: "",
    target: null,
  };

  test.each<Json>([null, [], { ...look, watched: 1 }, { ...look, found: { ...found, digest: "x" } }])(
    "to look: %j",
    (answer) => {
      expect(() => readPathLook(answer)).toThrow(protocol);
    },
  );

  test("while what is added by newer agents does no harm", () => {
    expect(readPathLook({ ...look, found: { ...found, more: 1 }, more: 2 })).toMatchObject({
      ...look,
      found,
    });
  });

  test("to verify and coverage", () => {
    expect(() => readVerifyState({ run: "1", state: "done" })).toThrow(protocol);
    expect(() => readCoverage({ paths: [{}], left_out: 0 })).toThrow(protocol);
  });
});

/** Throttles: what the key is, and what acts at once. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { noSlowRegex } from "../../../../shared/expressions/regex/answer.ts";
import { triggerScope } from "../../../../shared/rules/match.ts";
import { throttleKey } from "../../../../shared/rules/throttle-key.ts";
import {
  afterDigest,
  intoWindow,
  PacedReplay,
  type Window,
} from "../../../../shared/rules/throttle-window.ts";

const scope = triggerScope(
  {
    trigger: "a.b",
    payload: { path: "/etc/x", size: 3, parts: [1, "b"], "1": "one" },
    origin: { agent: "web-1", host: "web-1.example", labels: { role: "web" } },
    late: false,
  },
  { system: () => undefined },
);
const keyOf = (key?: string | readonly string[]) =>
  throttleKey(key === undefined ? {} : { key }, scope, noSlowRegex);

describe("the key of a trigger", () => {
  test.each([
    [undefined, ""],
    ["{{ origin.agent }}:{{ trigger.size }}", "web-1:3"],
    ["all the same", "all the same"],
    [["trigger.path"], "/etc/x"],
    [["trigger.size"], "[3]"],
    [["origin.labels.role", "trigger.path"], '["web","/etc/x"]'],
    [["trigger.nothing"], "[null]"],
    [["trigger.parts", "late"], '[[1,"b"],false]'],
  ] as const)("%j is %j", (key, text) => {
    expect(keyOf(key)).toBe(text);
  });

  test("a long one is cut, and stays another than those that begin alike", () => {
    const [one, other] = ["1", "2"].map((end) => keyOf(`${"x".repeat(5_000)}${end}`));
    expect(one?.length).toBe(200);
    expect(one).toMatch(/^x+…#[0-9a-f]{32}$/);
    expect(other).not.toBe(one);
  });

  test("a template that fails is told", () => {
    expect(() => keyOf("{{ trigger.nothing.more }}")).toThrow(
      expect.objectContaining({ code: "EXPRESSION_UNDEFINED" }),
    );
  });
});

describe("a window", () => {
  const pace = { everyMs: 1_000, max: 2 };
  const run = (times: readonly number[], given = pace) => {
    let window: Window | null = null;
    return times.map((atMs) => {
      const next = intoWindow(window, atMs, given);
      window = next.window;
      return next.passes;
    });
  };

  test.each([
    ["the first ones act, the others are held back", [0, 10, 20, 999], [true, true, false, false]],
    [
      "a window without any held back is followed by a new one",
      [0, 1_000, 1_001, 1_002],
      [true, true, true, false],
    ],
    ["what was held back keeps it open until its digest", [0, 1, 2, 5_000], [true, true, false, false]],
  ])("%s", (_, times, passes) => {
    expect(run(times)).toEqual(passes);
  });

  test("with max 0 all go to digests", () => {
    expect(run([0, 1, 5_000], { everyMs: 1_000, max: 0 })).toEqual([false, false, false]);
  });

  test("the digest is the first run of the next one", () => {
    const next = afterDigest(1_000, pace);
    expect(intoWindow(next, 1_001, pace)).toMatchObject({ passes: true });
    expect(intoWindow({ ...next, passed: 2 }, 1_001, pace)).toMatchObject({ passes: false });
  });

  test("a replay counts each trigger once; with max 1 nothing runs twice in one length of a window", () => {
    fc.assert(
      fc.property(fc.nat(2), fc.array(fc.nat(1_500)), (max, gaps) => {
        const replay = new PacedReplay({ everyMs: 1_000, max });
        let at = 0;
        for (const gap of gaps) {
          at += gap;
          replay.add("", at);
        }
        const { at_once: atOnce, held_back: heldBack, digests } = replay.paced;
        expect(atOnce + heldBack).toBe(gaps.length);
        expect(digests).toBeLessThanOrEqual(heldBack);
        if (heldBack > 0) expect(digests).toBeGreaterThan(0);
        if (max === 1) expect(atOnce + digests).toBeLessThanOrEqual(Math.floor(at / 1_000) + 2);
      }),
    );
  });
});

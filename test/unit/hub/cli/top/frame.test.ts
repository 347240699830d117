import { describe, expect, test } from "vitest";
import { fitted } from "../../../../../hub/cli/top/cells.ts";
import { type FrameOptions, frame, short, spark } from "../../../../../hub/cli/top/frame.ts";
import type { Top } from "../../../../../hub/figures/figures.ts";
import type { Chain } from "../../../../../hub/figures/tally.ts";
import { agentFigures, noon } from "../../../../support/records.ts";
import { hubFigures } from "../../../../support/start-api.ts";

const at = new Date(noon).toISOString();

function aChain(over: Partial<Chain> = {}): Chain {
  return {
    execution: "e1",
    rule: "pack.rule",
    trigger_instance: "i1",
    action: "core.local",
    agent: "web-1",
    status: "succeeded",
    reason: null,
    created_at: at,
    took_ms: 42,
    ...over,
  };
}

function aTop(agents: number, over: Partial<Top> = {}): Top {
  const { worst: _, ...hub } = hubFigures({ agents: { total: 10_000, online: 9_990, conflicts: 1 } });
  return {
    at,
    hub,
    agents: Array.from({ length: agents }, (_each, i) => agentFigures({ id: `web-${i}` })),
    chains: Array.from({ length: agents }, () => aChain()),
    ...over,
  };
}

const options: FrameOptions = {
  columns: 120,
  rows: 30,
  order: "lag",
  isPaused: false,
  past: [1, 5, 2],
  trouble: null,
  color: false,
};

const bare = (line: string) => line.replaceAll(new RegExp(`${"\u001b"}\\[[0-9;]*m`, "g"), "");
const shown = (top: Top | null, over: Partial<FrameOptions> = {}) => frame(top, { ...options, ...over });

describe("a screen", () => {
  test.each([
    [120, 30],
    [80, 24],
    [40, 12],
    [20, 8],
    [300, 100],
  ])("of %d columns and %d rows is filled exactly and nowhere exceeded", (columns, rows) => {
    for (const color of [false, true]) {
      for (const count of [0, 3, 500]) {
        const lines = shown(aTop(count), { columns, rows, color });
        expect(lines).toHaveLength(rows);
        expect(lines.map(bare).filter((line) => [...line].length > columns)).toEqual([]);
      }
    }
  });

  test("says how many agents it does not show, how it is sorted, and that it is paused", () => {
    const lines = shown(aTop(500), { isPaused: true, order: "rate" });
    expect(lines.join("\n")).toMatch(/and 99\d\d more agents/);
    expect(lines.at(-1)).toContain("s sort (rate)");
    expect(lines.at(-1)).toContain("paused");
  });

  test("shows an agent in conflict, what waits for whom, and how chains ended", () => {
    const agents = [
      agentFigures({ id: "twin", state: "conflict" }),
      agentFigures({ backlog: 12_345, lag_ms: 65_000 }),
    ];
    const chains = [
      aChain({ status: "failed", reason: "exit code 1" }),
      aChain({ rule: null, took_ms: null, status: "running" }),
    ];
    const text = shown(aTop(0, { agents, chains })).join("\n");
    for (const part of [
      "twin",
      "conflict",
      "12k",
      "65 s",
      "failed",
      "exit code 1",
      "by hand",
      "…",
      "1 in conflict",
    ])
      expect(text).toContain(part);
  });

  test.each<[string, Partial<Top["hub"]>, string | null, string]>([
    [
      "a store that fails",
      { store: { ...hubFigures().store, failed: true } },
      null,
      "the store takes no writes",
    ],
    [
      "a broker that is away",
      { broker: { ...hubFigures().broker, reached: false } },
      null,
      "the broker is away",
    ],
    ["agents that are paused", { credit: { entries: 0, bytes: 0 } }, null, "agents are told to wait"],
    ["a hub that does not answer any more", {}, "the hub does not answer", "the hub does not answer"],
  ])("says first of all: %s", (_, hub, trouble, expected) => {
    const top = aTop(1);
    expect(shown({ ...top, hub: { ...top.hub, ...hub } }, { trouble })[0]).toContain(expected);
  });

  test("before the first answer says what it waits for", () => {
    expect(shown(null).join("\n")).toContain("asking the hub");
    expect(shown(null, { trouble: "no route" }).join("\n")).toContain("no route");
  });

  test("carries no control characters of an agent's or an action's making", () => {
    const evil = "\u001b]0;owned\u0007\n";
    const top = aTop(0, {
      agents: [agentFigures({ id: evil, version: evil })],
      chains: [aChain({ status: "failed", reason: evil })],
    });
    expect(shown(top, { rows: null }).join("")).not.toMatch(/\p{Cc}/u);
  });
});

test.each([
  [0, "0"],
  [0.4, "0.4 ms"],
  [42, "42 ms"],
  [1_500, "1.5 s"],
  [65_000, "65 s"],
  [600_000, "10 min"],
  [7_200_000, "2 h"],
  [400_000_000, "5 d"],
])("%d ms is written %s", (ms, text) => {
  expect(short(ms)).toBe(text);
});

test("a row of bars grows with the highest, and is nothing while nothing happens", () => {
  expect(spark([0, 0])).toBe("");
  expect(spark([0, 4, 8])).toBe("▁▄█");
  expect([...spark(Array.from({ length: 90 }, (_, i) => i))]).toHaveLength(24);
});

test("a painted line is cut by what is seen of it, and its color ends with it", () => {
  expect(fitted("\u001b[1mabcdef\u001b[0m", 4)).toBe("\u001b[1mabc…\u001b[0m");
  expect(fitted("abcd", 4)).toBe("abcd");
});

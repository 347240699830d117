/** A rollout as people follow it. */
import { describe, expect, it } from "vitest";
import {
  barText,
  countsText,
  newsLines,
  rolloutText,
  sentOf,
} from "../../../../hub/cli/agent/rollout-progress.ts";
import { countsOf, waitingAgent } from "../../../../hub/upgrades/rollout.ts";
import type { RolloutAgentView, RolloutView } from "../../../../hub/upgrades/rollout-desk.ts";
import type { AgentUpgradeState } from "../../../../shared/model/agent-rollout.ts";

const agents = (...states: readonly AgentUpgradeState[]): RolloutAgentView[] =>
  states.map((state, n) => ({
    ...waitingAgent(`web-${n}`),
    state,
    sent_bytes: 1_000_000,
    of_bytes: 4_000_000,
  }));
const rollout = (...states: readonly AgentUpgradeState[]) =>
  ({
    id: "r1",
    version: "2.0.0",
    state: "running",
    reason: null,
    counts: countsOf(agents(...states)),
  }) as unknown as RolloutView;

describe("a rollout's progress", () => {
  it.each<[readonly AgentUpgradeState[], number, string]>([
    [["waiting", "waiting"], 80, "[----------------------------------------] 0/2  2 waiting"],
    [["healthy", "healthy"], 60, "[########################################] 2/2  2 healthy"],
    [["healthy", "waiting"], 40, "[######-----] 1/2  1 healthy, 1 waiting"],
    [["rolled_back", "waiting"], 20, "1/2  1 rolled back,"],
  ])("%j in %i columns", (states, columns, text) => {
    const bar = barText(rollout(...states), sentOf(agents(...states)), columns);
    expect(bar).toBe(text);
    expect(bar.length).toBeLessThan(columns);
  });

  it("counts the bytes of those that fetch", () => {
    expect(sentOf(agents("sending", "sending", "healthy"))).toEqual({ bytes: 2_000_000, of: 8_000_000 });
    expect(sentOf(agents("healthy"))).toBeNull();
    expect(barText(rollout("sending"), sentOf(agents("sending")), 90)).toMatch(
      /#{9}-{31}\] 0\/1 {2}1 sending, 1\.0 of 4\.0 MB$/,
    );
  });

  it.each([
    [-1e15, 4_000_000],
    [1e15, 4_000_000],
    [0, 0],
  ])("%d of %d bytes, which no hub should say, make a bar all the same", (bytes, of) => {
    expect(barText(rollout("sending"), { bytes, of }, 90)).toMatch(/^\[[#-]+\] 0\/1 /);
  });

  it("tells each change once, with its reason", () => {
    const [first, second] = agents("failed", "waiting");
    const all = [{ ...first, code: "LATE", reason: "it said nothing" }, second] as RolloutAgentView[];
    expect(newsLines(new Map(), all)).toEqual(["web-0: failed (LATE: it said nothing)"]);
    expect(newsLines(new Map([["web-0", "failed"]]), all)).toEqual([]);
    expect(countsText(countsOf([]))).toBe("no agents");
    expect(rolloutText(rollout("healthy"))).toBe("rollout r1 of 2.0.0 is running: 1 healthy");
  });
});

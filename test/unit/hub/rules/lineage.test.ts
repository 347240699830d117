import { describe, expect, test } from "vitest";
import { type EnforceWith, enforce } from "../../../../hub/rules/enforce.ts";
import { causeOf, lineageOf, loopProblem } from "../../../../hub/rules/lineage.ts";
import { anAction, anAgent, anInstance, aRule, knownAgents, noon } from "../../../support/records.ts";
import { testSealer } from "../../../support/test-sealer.ts";

const given: EnforceWith = {
  ruleSetVersion: 1,
  agents: knownAgents(anAgent()),
  action: () => ({ definition: anAction(), pack_digest: "sha256:aa" }),
  resolve: () => ({ runner_parameters: {}, parameters: {} }),
  sealer: testSealer(),
  nowMs: noon,
  skewMs: 0,
  loopDepth: 3,
};

describe("the loop guard", () => {
  test.for<[why: string, lineage: string[] | undefined, rule: string, stopped: boolean]>([
    ["nothing of ours is behind it", undefined, "a.one", false],
    ["another rule is behind it", ["a.one"], "a.two", false],
    ["the rule itself is behind it", ["a.one"], "a.one", true],
    ["the rule is behind it by a way around", ["a.one", "a.two"], "a.one", true],
    ["the chain is as long as it may be", ["a.one", "a.two", "a.three"], "a.four", true],
  ])("%s", ([, lineage, rule, stopped]) => {
    const instance = anInstance(lineage === undefined ? {} : { lineage });
    const outcome = enforce(instance, [{ rule: aRule({ ref: rule }), matched: true }], given);
    const [enforcement] = outcome.enforcements;
    expect(outcome.executions).toHaveLength(stopped ? 0 : 1);
    if (!stopped) expect(outcome.executions[0]?.lineage).toEqual(lineage);
    else {
      expect(enforcement?.status).toBe("failed");
      expect(enforcement?.failure_reason).toContain("LOOP_GUARD: ");
    }
  });

  test("says which way it went round", () => {
    expect(loopProblem(["a.one", "a.two"], "a.one", 8)).toBe(
      "LOOP_GUARD: what this rule itself set off led to this trigger: a.one → a.two → a.one",
    );
  });
});

test("behind what an execution brings about are the rules behind it, and its own", () => {
  expect(lineageOf({ rule: null })).toEqual([]);
  expect(lineageOf({ rule: "a.one" })).toEqual(["a.one"]);
  expect(lineageOf({ rule: "a.two", lineage: ["a.one"] })).toEqual(["a.one", "a.two"]);
});

test.for<[payload: object | null, cause: string | null]>([
  [{ path: "/etc/hosts", actor: { pid: 1, execution_id: "X1" } }, "X1"],
  [{ path: "/etc/hosts", actor: { pid: 1 } }, null],
  [{ actor: { execution_id: 5 } }, null],
  [{ actor: "X1" }, null],
  [null, null],
])("the execution behind %j", ([payload, cause]) => {
  expect(causeOf({ payload: payload as never })).toBe(cause);
});

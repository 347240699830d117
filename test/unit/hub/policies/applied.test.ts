/** What policies mean for one execution. */
import { describe, expect, it } from "vitest";
import { appliedPolicies, retryOf } from "../../../../hub/policies/applied.ts";
import type { JsonObject } from "../../../../shared/json.ts";
import type { Status } from "../../../../shared/model/execution.ts";
import type { PolicyDefinition } from "../../../../shared/model/policy.ts";

const base = { pack: "p", description: "", enabled: true, resource_ref: "p.act" };
const byAttributes = (...attributes: readonly string[]): PolicyDefinition => ({
  ...base,
  ref: "p.attr",
  name: "attr",
  policy_type: "action.concurrency.attr",
  parameters: { threshold: 2, action: "cancel", attributes },
});
const retry = (on: "failure" | "timeout", most: number): PolicyDefinition => ({
  ...base,
  ref: `p.${on}`,
  name: on,
  policy_type: "action.retry",
  parameters: { retry_on: on, max_retry_count: most, delay: 5 },
});

const keyOf = (policy: PolicyDefinition, parameters: JsonObject) =>
  appliedPolicies([policy], parameters).gates[0]?.key;

describe("a gate", () => {
  it("is named by its policy where everything is counted together", () => {
    const all: PolicyDefinition = {
      ...base,
      ref: "p.all",
      name: "all",
      policy_type: "action.concurrency",
      parameters: { threshold: 3, action: "delay" },
    };
    expect(appliedPolicies([all], { site: "x" })).toEqual({
      gates: [{ key: "p.all", policy: "p.all", threshold: 3, action: "delay" }],
      retries: [],
    });
  });

  it.for<[same: boolean, a: JsonObject, b: JsonObject]>([
    [true, { site: "x", other: 1 }, { site: "x", other: 2 }],
    [true, { site: { a: 1, b: [2] } }, { site: { b: [2], a: 1 } }],
    [true, {}, { site: null }],
    [false, { site: "x" }, { site: "y" }],
    [false, { site: "1" }, { site: 1 }],
    [false, { site: ["a", "b"] }, { site: ["b", "a"] }],
  ])("counts equal values of its attributes together: %s %o %o", ([same, a, b]) => {
    expect(keyOf(byAttributes("site"), a) === keyOf(byAttributes("site"), b)).toBe(same);
  });

  it("does not show the values, which may be secret", () => {
    expect(keyOf(byAttributes("site"), { site: "hunter2" })).not.toContain("hunter2");
  });
});

describe("another attempt", () => {
  const policies = appliedPolicies([retry("failure", 2), retry("timeout", 1)], {});
  it.for<[status: Status, attempt: number, started: boolean, policy: string | null]>([
    ["failed", 1, true, "p.failure"],
    ["failed", 2, true, "p.failure"],
    ["failed", 3, true, null],
    ["failed", 1, false, "p.failure"],
    ["timeout", 1, true, "p.timeout"],
    ["timeout", 2, true, null],
    ["timeout", 1, false, null],
    ["succeeded", 1, true, null],
    ["canceled", 1, true, null],
    ["abandoned", 1, true, null],
    ["running", 1, true, null],
  ])("after %s, attempt %i, started %s: %s", ([status, attempt, started, policy]) => {
    const start_timestamp = started ? "2026-11-22T12:00:00.000Z" : null;
    expect(retryOf({ status, policies, attempt, start_timestamp, reason: null })?.policy ?? null).toBe(
      policy,
    );
  });

  it("is not made of what an agent is too old for: it would be as old", () => {
    const ended = { status: "failed", policies, attempt: 1, start_timestamp: null } as const;
    expect(retryOf({ ...ended, reason: "AGENT_TOO_OLD: upgrade it" })).toBeNull();
    expect(retryOf({ ...ended, reason: "KEY_UNREADABLE: another key" })?.policy).toBe("p.failure");
  });
});

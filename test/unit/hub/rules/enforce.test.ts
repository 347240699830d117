import { describe, expect, test } from "vitest";
import { parametersAgain } from "../../../../hub/executions/request.ts";
import { type EnforceWith, enforce } from "../../../../hub/rules/enforce.ts";
import { sealedRule } from "../../../../hub/secrets/sealed-rule.ts";
import type { Sealer } from "../../../../hub/secrets/sealer.ts";
import { PetrelError } from "../../../../shared/errors.ts";
import { RegexNeeded } from "../../../../shared/expressions/regex/answer.ts";
import { anAction, anAgent, anInstance, aRule, knownAgents, noon } from "../../../support/records.ts";
import { testSealer } from "../../../support/test-sealer.ts";

const given: EnforceWith = {
  ruleSetVersion: 7,
  agents: knownAgents(anAgent({ id: "web-1" }), anAgent({ id: "hub" })),
  action: (ref) => (ref === "core.noop" ? { definition: anAction(), pack_digest: "sha256:aa" } : null),
  resolve: (_, rule) => ({ runner_parameters: {}, parameters: rule.action.parameters }),
  sealer: testSealer(),
  nowMs: noon + 10,
  skewMs: 0,
  loopDepth: 8,
};
const matched = (over = {}) => ({ rule: aRule(over), matched: true }) as const;

describe("enforcing rules on a trigger instance", () => {
  test("gives one enforcement, one execution and one request for each matching rule", () => {
    const outcome = enforce(anInstance(), [matched(), matched({ ref: "mypack.other" })], given);
    expect(outcome.instance).toMatchObject({ status: "processed", rule_set_version: 7 });
    expect(outcome.enforcements.map((e) => [e.rule, e.status, e.executions.length])).toEqual([
      ["mypack.on_change", "succeeded", 1],
      ["mypack.other", "succeeded", 1],
    ]);
    expect(outcome.executions.map((e) => [e.agent, e.status])).toEqual([
      ["web-1", "scheduled"],
      ["web-1", "scheduled"],
    ]);
    expect(outcome.dispatches.map((d) => d.entry.kind)).toEqual(["action-request", "action-request"]);
    expect(new Set(outcome.executions.map((e) => e.id)).size).toBe(2);
  });

  test("finds the same ids when it judges the same instance again later", () => {
    const first = enforce(anInstance(), [matched()], given);
    const again = enforce(anInstance(), [matched()], { ...given, nowMs: noon + 999_999 });
    expect(again.executions[0]?.id).toBe(first.executions[0]?.id);
    expect(again.enforcements[0]?.id).toBe(first.enforcements[0]?.id);
  });

  test("keeps a rule's secrets in an execution that failed before it was sent, or says that they are lost", () => {
    const definition = anAction({ parameters: { token: { type: "string", secret: true } } });
    const action = { definition, pack_digest: "sha256:aa" };
    const literal = aRule({ action: { ref: definition.ref, parameters: { token: "hunter2" } } });
    const rule = sealedRule(literal, definition, given.sealer);
    const refusing = (sealer: Sealer) =>
      enforce(anInstance(), [{ rule, matched: true }], {
        ...given,
        sealer,
        action: () => action,
        resolve: () => {
          throw new PetrelError("PARAMETER_INVALID", "no");
        },
      }).executions[0];
    const failed = refusing(given.sealer) ?? expect.fail("no execution");
    expect(failed.status).toBe("failed");
    expect(JSON.stringify(failed)).not.toContain("hunter2");
    expect(parametersAgain(action, failed, given.sealer).parameters).toEqual({ token: "hunter2" });
    const other = testSealer(8);
    const lost = refusing(other) ?? expect.fail("no execution");
    expect(() => parametersAgain(action, lost, other)).toThrow(
      expect.objectContaining({ code: "PARAMETER_INVALID", where: "token" }),
    );
  });

  test("records a rule that could not be judged, and goes on with the others", () => {
    const broken = {
      rule: aRule({ ref: "mypack.broken" }),
      matched: false,
      error: "CRITERIA_TYPE: no",
    } as const;
    const outcome = enforce(anInstance(), [broken, matched()], given);
    expect(outcome.enforcements.map((e) => [e.status, e.failure_reason])).toEqual([
      ["failed", "CRITERIA_TYPE: no"],
      ["succeeded", null],
    ]);
    expect(outcome.executions).toHaveLength(1);
  });

  test("a rule that runs into a fault of ours fails alone", () => {
    const outcome = enforce(
      anInstance(),
      [matched({ ref: "mypack.endless", expires: 1e300 }), matched({ ref: "mypack.faulty" }), matched()],
      {
        ...given,
        resolve: (action, rule, instance, throttle) => {
          if (rule.ref === "mypack.faulty") throw new TypeError("no such thing");
          return given.resolve(action, rule, instance, throttle);
        },
      },
    );
    expect(outcome.enforcements.map((e) => [e.rule, e.status])).toEqual([
      ["mypack.endless", "failed"],
      ["mypack.faulty", "failed"],
      ["mypack.on_change", "succeeded"],
    ]);
    expect(outcome.enforcements[1]?.failure_reason).toBe("INTERNAL: no such thing");
    expect(outcome.executions).toHaveLength(1);
    expect(outcome.instance.status).toBe("processed");
  });

  test("a pattern that waits for its answer is no fault", () => {
    const needed = new RegexNeeded({ source: "(a)\\1", flags: "", text: "aa", all: false });
    const resolve = () => {
      throw needed;
    };
    expect(() => enforce(anInstance(), [matched()], { ...given, resolve })).toThrow(needed);
  });

  test("makes a failed execution when the parameters do not resolve, and sends nothing", () => {
    const outcome = enforce(anInstance(), [matched()], {
      ...given,
      resolve: () => {
        throw new PetrelError("PARAMETER_MISSING", "parameter cmd is required");
      },
    });
    expect(outcome.executions).toMatchObject([
      { status: "failed", reason: "PARAMETER_MISSING: parameter cmd is required" },
    ]);
    expect(outcome.enforcements[0]?.status).toBe("failed");
    expect(outcome.dispatches).toEqual([]);
  });

  test.each([
    ["an unknown action", { action: { ref: "x.y", parameters: {} } }, /^RULE_ACTION_UNKNOWN/],
    [
      "a target nobody fits",
      { action: { ref: "core.noop", parameters: {}, target: { host: "gone" } } },
      /^RULE_TARGET/,
    ],
  ])("fails the enforcement for %s", (_, over, reason) => {
    const outcome = enforce(anInstance(), [matched(over)], given);
    expect(outcome.enforcements[0]?.failure_reason).toMatch(reason);
    expect(outcome.executions).toEqual([]);
  });

  test("records shadow rules without acting", () => {
    const outcome = enforce(anInstance(), [matched({ mode: "shadow" })], given);
    expect(outcome.enforcements).toMatchObject([{ shadow: true, status: "succeeded", executions: [] }]);
    expect(outcome.executions).toEqual([]);
    expect(outcome.dispatches).toEqual([]);
  });

  test("counts expiry from the occurrence in the hub's time, whatever the agent's clock says", () => {
    const twoDays = 2 * 86_400_000;
    const ahead = anInstance({ occurrence_time: new Date(noon + twoDays).toISOString() });
    const known = enforce(ahead, [matched({ expires: 60 })], { ...given, skewMs: twoDays });
    const unknown = enforce(ahead, [matched({ expires: 60 })], given);
    expect(known.executions[0]?.expires_at).toBe(new Date(noon + 60_000).toISOString());
    expect(unknown.executions[0]?.expires_at).toBe(new Date(noon + 60_000).toISOString());
  });

  describe("that have a throttle", () => {
    const throttle = { every: 60, max: 3, collect: 5 };
    const verdict = (over = {}) => ({ ...matched({ throttle, ...over }), throttleKey: "k" });

    test("asks for each one that would act, and for no other", () => {
      const failing = verdict({ ref: "mypack.failing", action: { ref: "x.y", parameters: {} } });
      const outcome = enforce(anInstance(), [matched(), verdict({ ref: "mypack.slow" }), failing], given);
      expect(outcome.throttles).toEqual([
        {
          enforcement: outcome.enforcements[1]?.id,
          rule: "mypack.slow",
          key: "k",
          lane: '["live","web-1"]',
          atMs: given.nowMs,
          everyMs: 60_000,
          max: 3,
          collect: 5,
        },
      ]);
      expect(enforce(anInstance(), [matched()], given)).not.toHaveProperty("throttles");
    });

    test.each([
      [{ mode: "shadow" }, ["shadow", "web-1"]],
      [{ action: { ref: "core.noop", parameters: {}, target: "hub" } }, ["live", "hub"]],
      [{ action: { ref: "core.noop", parameters: {}, target: { host: "hub" } } }, ["live", { host: "hub" }]],
    ])("what acts elsewhere, or not at all, is in another lane: %j", (over, lane) => {
      const { throttles } = enforce(anInstance(), [verdict(over)], given);
      expect(throttles?.[0]?.lane).toBe(JSON.stringify(lane));
    });

    test("templates see that nothing was held back; those of other rules see no throttle", () => {
      const seen: unknown[] = [];
      const resolve: EnforceWith["resolve"] = (_action, _rule, _instance, view) => {
        seen.push(view);
        return { runner_parameters: {}, parameters: {} };
      };
      enforce(anInstance(), [verdict(), matched()], { ...given, resolve });
      expect(seen).toEqual([
        { key: "k", count: 0, first: [], since: null, until: null, query: null },
        undefined,
      ]);
    });
  });
});

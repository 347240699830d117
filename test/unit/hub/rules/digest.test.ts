/** The digest of a throttled rule: by the rule as it is when the window ends, and never without a trace. */
import { describe, expect, test } from "vitest";
import { digestJob } from "../../../../hub/policies/job-kinds.ts";
import { digestOf, digestWork } from "../../../../hub/rules/digest.ts";
import { type EnforceWith, enforceDigest } from "../../../../hub/rules/enforce.ts";
import type { DigestOutcome, ThrottleWindow } from "../../../../hub/store/port/throttles.ts";
import { timestamp } from "../../../../shared/clock.ts";
import type { RuleDefinition } from "../../../../shared/model/rule.ts";
import type { ThrottleView } from "../../../../shared/rules/throttle-key.ts";
import { anAction, anAgent, anInstance, aRule, knownAgents, noon } from "../../../support/records.ts";
import { testSealer } from "../../../support/test-sealer.ts";

const hour = 3_600_000;
const window: ThrottleWindow = {
  id: "01HQ00000000000000000000WW",
  rule: "mypack.on_change",
  key: "k",
  lane: '["live","web-1"]',
  shared: false,
  since: noon,
  until: noon + hour,
  everyMs: hour,
  max: 1,
  collect: 2,
  passed: 1,
  held: 57,
  first: ["A", "GONE"],
  newest: "Z",
  isClosed: true,
};
const instances = new Map(
  ["A", "Z"].map((id) => [
    id,
    anInstance({ id, payload: { path: `/etc/${id}` }, lineage: ["mypack.before"] }),
  ]),
);
const nowMs = noon + hour + 5;

async function made(rule: RuleDefinition | null, over: Partial<ThrottleWindow> = {}) {
  const seen: (ThrottleView | undefined)[] = [];
  const enforceWith: EnforceWith = {
    ruleSetVersion: 7,
    agents: knownAgents(anAgent({ id: "web-1" })),
    action: () => ({ definition: anAction(), pack_digest: "sha256:aa" }),
    resolve: (_action, _rule, _instance, view) => {
      seen.push(view);
      return { runner_parameters: {}, parameters: {} };
    },
    sealer: testSealer(),
    nowMs,
    skewMs: 0,
    loopDepth: 8,
  };
  const digest = await digestOf(
    { ...window, ...over },
    {
      store: { instance: async (id) => instances.get(id) ?? null },
      rule: () => rule,
      enforce: async (acting, instance, occasion) =>
        enforceDigest(instance, { rule: acting, matched: true }, enforceWith, occasion),
      faulty: () => {},
      nowMs,
    },
  );
  return { ...digest, seen };
}

const record = {
  key: "k",
  count: 57,
  since: timestamp(noon),
  until: timestamp(noon + hour),
  first: ["A", "GONE"],
};

describe("a digest", () => {
  test("acts once for all, and sees what was held back", async () => {
    const { enforcement, executions, dispatches, seen } = await made(aRule());
    expect(enforcement).toEqual({
      id: window.id,
      trigger_instance: "Z",
      rule: window.rule,
      enforced_at: timestamp(nowMs),
      status: "succeeded",
      failure_reason: null,
      executions: [executions[0]?.id],
      shadow: false,
      digest: record,
    });
    expect(executions).toMatchObject([
      {
        agent: "web-1",
        trigger_instance: "Z",
        enforcement: window.id,
        lineage: ["mypack.before"],
        // An hour from now on, not from when the instance came.
        expires_at: timestamp(nowMs + hour),
      },
    ]);
    expect(dispatches).toHaveLength(1);
    expect(seen).toEqual([
      {
        ...{ key: "k", count: 57, since: record.since, until: record.until },
        first: [
          {
            id: "A",
            occurrence_time: instances.get("A")?.occurrence_time,
            trigger: { path: "/etc/A" },
            origin: instances.get("A")?.origin,
          },
        ],
        query: `petrel rule-enforcement list --digest ${window.id}`,
      },
    ]);
    const again = await made(aRule());
    expect(again.executions[0]?.id).toBe(executions[0]?.id);
  });

  test.each([
    ["the rule was deleted", null, {}],
    ["the rule was disabled", aRule({ enabled: false }), {}],
    ["the rule was given another trigger", aRule({ trigger: { type: "a.b", parameters: {} } }), {}],
    ["the trigger instance went", aRule(), { newest: "GONE" }],
  ])("%s: it fails, and says what it would have told of", async (why, rule, over) => {
    const { enforcement, executions } = await made(rule, over);
    expect(executions).toEqual([]);
    expect(enforcement).toMatchObject({
      id: window.id,
      status: "failed",
      failure_reason: `RULE_DIGEST: ${why} while 57 triggers were held back; \`petrel rule-enforcement list --digest ${window.id}\` lists them`,
      digest: record,
    });
  });

  test("what was held back in shadow mode runs nothing, whatever the mode is now", async () => {
    for (const [mode, lane] of [
      ["live", '["shadow","web-1"]'],
      ["shadow", window.lane],
    ] as const) {
      const { enforcement, dispatches } = await made(aRule({ mode }), { lane });
      expect(enforcement).toMatchObject({ status: "succeeded", shadow: true, digest: record });
      expect(dispatches).toEqual([]);
    }
  });

  test("of keys beyond the cap says so", async () => {
    const { enforcement } = await made(aRule(), { shared: true, key: "" });
    expect(enforcement.digest).toMatchObject({ key: "", shared: true });
  });
});

test("a digest whose making throws is told as a failed enforcement, and the fault is named once", async () => {
  const faults: unknown[] = [];
  const fault = new Error("boom");
  const { enforcement, executions } = await digestOf(window, {
    store: { instance: async (id) => instances.get(id) ?? null },
    rule: () => aRule(),
    enforce: () => Promise.reject(fault),
    faulty: (error) => faults.push(error),
    nowMs,
  });
  expect(executions).toEqual([]);
  expect(enforcement).toMatchObject({
    id: window.id,
    status: "failed",
    failure_reason: expect.stringMatching(/^RULE_DIGEST: INTERNAL \(.+\) while 57 triggers were held back; /),
    digest: record,
  });
  expect(faults).toEqual([fault]);
});

test("a digest is made only once changed rules are in force", async () => {
  const steps: string[] = [];
  const made = { enforcement: {}, executions: [], dispatches: [] } as unknown as DigestOutcome;
  const work = digestWork({
    store: {
      closeThrottle: async () => window,
      deliverDigest: async (id, outcome) => {
        steps.push(`delivered ${id === window.id && outcome === made}`);
        return true;
      },
    },
    settled: async () => {
      await Promise.resolve();
      steps.push("settled");
    },
    digest: async () => {
      steps.push("made");
      return made;
    },
    now: () => nowMs,
  });
  await work[digestJob]?.({ window: window.id });
  expect(steps).toEqual(["settled", "made", "delivered true"]);
});

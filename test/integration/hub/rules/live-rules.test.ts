/** The rules in force follow those on disk, also past a store that refuses to be read for a while. */
import { expect, it, onTestFinished } from "vitest";
import { openAgentRegistry } from "../../../../hub/agents/agent-registry.ts";
import { openLiveRules } from "../../../../hub/rules/live-rules.ts";
import type { RuleSet } from "../../../../hub/store/port/content.ts";
import type { Store } from "../../../../hub/store/store.ts";
import type { RegexAnswer } from "../../../../shared/expressions/regex/answer.ts";
import { silentLogger } from "../../../../shared/log.ts";
import { systemJitter, systemTimers } from "../../../../shared/system-process.ts";
import { packRecord } from "../../../contract/store/world.ts";
import { failingStore } from "../../../support/failing-store.ts";
import { openTestKeys } from "../../../support/key-book.ts";
import { anAction, anAgent, anExecution, anInstance, aRule, aTriggerType } from "../../../support/records.ts";
import { testSealer } from "../../../support/test-sealer.ts";
import { waitUntil } from "../../../support/wait-until.ts";

async function start(
  store: Store,
  slowRegex: () => Promise<RegexAnswer> = () => Promise.reject(new Error("not asked for")),
  breathe: () => undefined = () => undefined,
) {
  const common = { store, timers: systemTimers, jitter: systemJitter, log: silentLogger, now: Date.now };
  const pack = packRecord();
  const known = {
    actions: [anAction({ ref: "mypack.act", pack: "mypack" })],
    trigger_types: [aTriggerType()],
  };
  await store.putPack({ ...pack, pack: { ...pack.pack, ...known } }, null);
  await store.putAgent(anAgent(), null);
  const registry = await openAgentRegistry(common);
  const keys = await openTestKeys(common);
  const rules = await openLiveRules({
    loopDepth: 8,
    ...common,
    registry,
    keys,
    agentConfigs: { ofAll: ({ config }) => config },
    sealer: testSealer(),
    slowRegex,
    shrink: async (dispatches) => dispatches,
    breathe,
  });
  onTestFinished(async () => {
    await rules.close();
    await keys.close();
    await registry.close();
  });
  const fired = async () => (await rules.judge(anInstance(), 0)).enforcements.map(({ rule }) => rule);
  return { rules, fired };
}

const ruleRecord = (name: string, criteria = {}) => {
  const action = { ref: "mypack.act", parameters: {} };
  const rule = aRule({ ref: `mypack.${name}`, name, action, criteria });
  return { rule, source: "api" as const, updated_at: new Date().toISOString(), rev: 1 };
};

it("a changed rule is in force once the change has settled, however fast changes follow each other", async () => {
  const { store } = await failingStore();
  const { rules, fired } = await start(store);
  for (let n = 0; n < 50; n++) {
    const { version } = await store.ruleSet();
    await store.changeRules([ruleRecord(`r${n}`)], n === 0 ? [] : [`mypack.r${n - 1}`], version);
    await rules.settled();
    expect(await fired()).toEqual([`mypack.r${n}`]);
  }
});

it("a change compiles the rules that changed, and pauses before each", async () => {
  const { store } = await failingStore();
  let pauses = 0;
  const { rules, fired } = await start(store, undefined, () => {
    pauses++;
    return undefined;
  });
  const many = Array.from({ length: 100 }, (_, n) => ruleRecord(`r${n}`));
  await store.changeRules(many, [], (await store.ruleSet()).version);
  await rules.settled();
  expect(pauses).toBe(100);
  await store.changeRules(
    [ruleRecord("r7"), ruleRecord("new")],
    ["mypack.r8"],
    (await store.ruleSet()).version,
  );
  await rules.settled();
  expect(pauses).toBe(102);
  expect(await fired()).toHaveLength(100);
});

it("rules that could not be read after a change are read later", async () => {
  const { store } = await failingStore();
  let refuses = false;
  const { fired } = await start({
    ...store,
    ruleSet: (): Promise<RuleSet> => (refuses ? Promise.reject(new Error("closed")) : store.ruleSet()),
  });
  refuses = true;
  await store.changeRules([ruleRecord("late")], [], (await store.ruleSet()).version);
  expect(await fired()).toEqual([]);
  refuses = false;
  await waitUntil("the rule to fire", async () => (await fired()).length === 1);
});

it("a rule that a failed batch wrote all the same is in force once the store goes on", async () => {
  const { store, failWrites } = await failingStore();
  const { fired } = await start(store);
  const { version } = await store.ruleSet();
  failWrites("written all the same");
  await expect(store.changeRules([ruleRecord("doubtful")], [], version)).rejects.toMatchObject({
    code: "STORE_WRITE",
  });
  failWrites(null);
  await waitUntil("the rule to fire", async () => (await fired()).length === 1);
});

it("what was being judged when the hub stops is not written with half an answer", async () => {
  const { store } = await failingStore();
  let answer = (_: RegexAnswer) => {};
  const { rules } = await start(
    store,
    () =>
      new Promise((resolve) => {
        answer = resolve;
      }),
  );
  const criteria = { "trigger.path": { type: "matchregex", pattern: "(/)etc\\1" } };
  await store.changeRules([ruleRecord("slow", criteria)], [], (await store.ruleSet()).version);
  await rules.settled();
  const judged = rules.judge(anInstance({ payload: { path: "/etc/passwd" } }), 0);
  await new Promise((resolve) => setImmediate(resolve));
  await rules.close();
  answer({ timeout: true });
  await expect(judged).rejects.toMatchObject({ code: "LINK_CLOSED" });
});

it("what a stop had left pending is judged once, with all that it leads to", async () => {
  const { store } = await failingStore();
  const { rules } = await start(store);
  await store.changeRules([ruleRecord("always")], [], (await store.ruleSet()).version);
  await rules.settled();
  const ids = ["01HQ0000000000000000000001", "01HQ0000000000000000000002"];
  for (const id of ids) {
    const instance = anInstance({ id, received_at: new Date().toISOString() });
    await store.emit({ instance, enforcements: [], executions: [], dispatches: [] });
  }
  expect(await store.counts()).toMatchObject({ instances: 2, pending: 2 });
  await rules.judgePending();
  await rules.judgePending();
  expect(await store.counts()).toMatchObject({ instances: 2, pending: 0 });
  const made = await Promise.all(ids.map((id) => store.executions({ trigger_instance: id }, { limit: 10 })));
  expect(made.map(({ items }) => items.map(({ rule }) => rule))).toEqual([
    ["mypack.always"],
    ["mypack.always"],
  ]);
});

it("a rule is stopped at the change of a file that its own execution made, and at no other", async () => {
  const { store } = await failingStore();
  const { rules } = await start(store);
  await store.changeRules([ruleRecord("always"), ruleRecord("other")], [], (await store.ruleSet()).version);
  await rules.settled();
  const own = anExecution({ rule: "mypack.always" });
  const elsewhere = anExecution({ id: "01HQ0000000000000000000008", rule: "mypack.always", agent: "web-2" });
  const byHand = anExecution({ id: "01HQ0000000000000000000007" });
  await store.createExecutions([own, elsewhere, byHand], []);
  const judged = async (execution_id: string) => {
    const payload = { path: "/etc/hosts", actor: { pid: 7, execution_id } };
    const { enforcements, executions } = await rules.judge(anInstance({ payload }), 0);
    return {
      stopped: enforcements
        .filter(({ failure_reason }) => failure_reason?.startsWith("LOOP_GUARD"))
        .map(({ rule }) => rule),
      made: executions.map(({ rule, lineage }) => [rule, lineage]),
    };
  };
  expect(await judged(own.id)).toEqual({
    stopped: ["mypack.always"],
    made: [["mypack.other", ["mypack.always"]]],
  });
  const both = [
    ["mypack.always", undefined],
    ["mypack.other", undefined],
  ];
  for (const { id } of [elsewhere, byHand, anExecution({ id: "01HQ0000000000000000000001" })]) {
    expect(await judged(id)).toEqual({ stopped: [], made: both });
  }
});

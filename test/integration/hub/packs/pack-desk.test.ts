/** Packs registered over a real store, and agents told of them whatever the store does meanwhile. */
import { Buffer } from "node:buffer";
import { expect, it, onTestFinished } from "vitest";
import { openAgentRegistry } from "../../../../hub/agents/agent-registry.ts";
import { configFor } from "../../../../hub/packs/layers.ts";
import { OverrideDesk } from "../../../../hub/packs/override-desk.ts";
import { PackDesk, type PackDeskOptions } from "../../../../hub/packs/pack-desk.ts";
import { Telling, type TellingOptions } from "../../../../hub/packs/telling.ts";
import { openedPack } from "../../../../hub/secrets/sealed-pack.ts";
import type { Store } from "../../../../hub/store/store.ts";
import { ulidSource } from "../../../../shared/ids.ts";
import { silentLogger } from "../../../../shared/log.ts";
import type { RuleRecord } from "../../../../shared/model/rule.ts";
import { systemClock, systemJitter, systemRandom, systemTimers } from "../../../../shared/system-process.ts";
import { failingStore } from "../../../support/failing-store.ts";
import { anAgent } from "../../../support/records.ts";
import { tempFolder } from "../../../support/temp-folder.ts";
import { testSealer } from "../../../support/test-sealer.ts";
import { waitUntil } from "../../../support/wait-until.ts";

const packFiles = (ref: string, version = "1.0.0") => [
  {
    path: "pack.yaml",
    mode: 0o644,
    content: Buffer.from(
      `ref: ${ref}\nname: ${ref}\ndescription: a pack\nversion: ${version}\nauthor: Ann\nemail: ann@example.org\n`,
    ),
  },
];

const noKeys: TellingOptions["configs"] = { of: configFor, uses: () => false };

async function start(
  store: Store,
  configs: TellingOptions["configs"] = noKeys,
  keepContents: PackDeskOptions["keepContents"] = async () => {},
) {
  const sealer = testSealer();
  const common = {
    store,
    sealer,
    timers: systemTimers,
    jitter: systemJitter,
    log: silentLogger,
    now: Date.now,
  };
  const registry = await openAgentRegistry(common);
  const telling = new Telling({
    ...common,
    registry,
    configs,
    newId: ulidSource(systemClock, systemRandom),
  });
  const packs = new PackDesk({ ...common, telling, keepContents, assignTo: [{}] });
  onTestFinished(async () => {
    await telling.close();
    await registry.close();
  });
  /** What stands in an agent's ledger: pack, and whether it is to have it. */
  const said = async (agent: string) => {
    const found: string[] = [];
    for (const { id } of await store.downEpochs(agent)) {
      for (const { entry } of await store.readDown(agent, id, 1, 1_000, 1e9)) {
        if (entry.kind === "assignment") found.push(`${entry.digest === null ? "-" : "+"}${entry.pack}`);
      }
    }
    return found;
  };
  return { registry, telling, packs, said };
}

it("registering a pack tells every agent once, removing it takes it back", async () => {
  const { store } = await failingStore();
  await store.putAgent(anAgent({ id: "web-1" }), null);
  const { packs, said } = await start(store);
  await packs.register(packFiles("one"));
  await packs.register(packFiles("one"));
  await packs.register(packFiles("constructor"));
  await packs.remove("constructor");
  expect(await said("web-1")).toEqual(["+one", "+constructor", "-constructor"]);
});

it("an agent whose ledger could not be written is told later, and the pack is registered all the same", async () => {
  const { store } = await failingStore();
  await store.putAgent(anAgent({ id: "web-1" }), null);
  await store.putAgent(anAgent({ id: "web-2" }), null);
  let refuses = true;
  const { packs, said } = await start({
    ...store,
    appendDown: (dispatches) =>
      refuses && dispatches[0]?.agent === "web-1"
        ? Promise.reject(new Error("the disk refuses"))
        : store.appendDown(dispatches),
  });
  expect((await packs.register(packFiles("one"))).record.ref).toBe("one");
  expect([await said("web-1"), await said("web-2")]).toEqual([[], ["+one"]]);
  refuses = false;
  await waitUntil("web-1 to be told", async () => (await said("web-1")).length === 1);
});

it("an agent that gets other labels is told what they assign to it", async () => {
  const { store } = await failingStore();
  await store.putAgent(anAgent({ id: "web-1" }), null);
  const { packs, registry, telling, said } = await start(store);
  await packs.register(packFiles("one"), { assignTo: [{ role: "web" }] });
  expect(await said("web-1")).toEqual([]);
  await registry.update("web-1", (known) =>
    known === null ? null : { ...known, labels: { role: "web" }, rev: known.rev + 1 },
  );
  await telling.tell("web-1");
  expect(await said("web-1")).toEqual(["+one"]);
});

it.each([
  ["too large for an entry", { text: "x".repeat(100_000) }, /at most 98304/],
  ["nested too deep", JSON.parse(`${'{"a":'.repeat(120)}1${"}".repeat(120)}`), /nested/],
  ["with a field that reaches a prototype", JSON.parse('{"__proto__": {"x": 1}}'), /__proto__/],
])("a configuration %s is refused and changes nothing", async (_, config, message) => {
  const { store } = await failingStore();
  await store.putAgent(anAgent({ id: "web-1" }), null);
  const { packs, said } = await start(store);
  const refused = { code: "PACK_CONFIG", message: expect.stringMatching(message) };
  await expect(packs.register(packFiles("one"), { config })).rejects.toMatchObject(refused);
  expect(await store.packs()).toEqual([]);
  await packs.register(packFiles("one"));
  await expect(packs.configure("one", null, () => config)).rejects.toMatchObject(refused);
  expect((await store.pack("one"))?.config).toEqual({});
  expect(await said("web-1")).toEqual(["+one"]);
});

it("a pack whose configuration is too large to be told stays as it is, and the others go on", async () => {
  const { store } = await failingStore();
  await store.putAgent(anAgent({ id: "web-1" }), null);
  let size = 10;
  const of = ({ ref }: { readonly ref: string }) => ({ text: "x".repeat(ref === "big" ? size : 10) });
  const { packs, telling, said } = await start(store, { of, uses: () => false });
  await packs.register(packFiles("big"));
  size = 140_000;
  await packs.register(packFiles("one"));
  expect(await said("web-1")).toEqual(["+big", "+one"]);
  // Told again of all that is new, and of that alone.
  await telling.tell("web-1");
  size = 20;
  await telling.tell("web-1");
  expect(await said("web-1")).toEqual(["+big", "+one", "+big"]);
});

it("a configuration with secrets is told up to the size that others are", async () => {
  const { store } = await failingStore();
  await store.putAgent(anAgent({ id: "web-1" }), null);
  const of: TellingOptions["configs"]["of"] = (pack, labels) =>
    configFor(openedPack(pack, testSealer()), labels);
  const { packs, said } = await start(store, { of, uses: () => false });
  const schema = {
    path: "config.schema.yaml",
    mode: 0o644,
    content: Buffer.from("---\ntoken:\n  type: string\n  secret: true\n"),
  };
  await packs.register([...packFiles("one"), schema], { config: { token: "x".repeat(98_280) } });
  expect(await said("web-1")).toEqual(["+one"]);
});

it("a key that changes again and again fills no ledger of an agent that is away; when it comes it is told once", async () => {
  const { store } = await failingStore();
  await store.putAgent(anAgent({ id: "here", online: true }), null);
  await store.putAgent(anAgent({ id: "away", online: false }), null);
  let token = 0;
  const { packs, telling, said } = await start(store, { of: () => ({ token }), uses: () => true });
  await packs.register(packFiles("one"));
  for (let n = 1; n <= 5; n++) {
    token = n;
    await store.setKey("system", "token", String(n));
    await waitUntil("the agent that is here to be told", async () => (await said("here")).length === n + 1);
  }
  expect(await said("away")).toEqual(["+one"]);
  await telling.tell("away");
  expect(await said("away")).toEqual(["+one", "+one"]);
});

/** A pack with two rules of which one is on, and a sensor. */
const switchable = () =>
  Object.entries({
    "pack.yaml": "name: p\ndescription: d\nversion: 1.0.0\nauthor: a\n",
    "sensors/probe.yaml": "class_name: Probe\nentry_point: probe.py\ntrigger_types: [{name: seen}]\n",
    "sensors/probe.py": "class Probe: pass\n",
    "rules/lit.yaml": "name: lit\nenabled: true\ntrigger: {type: p.seen}\naction: {ref: core.noop}\n",
    "rules/dark.yaml": "name: dark\ntrigger: {type: p.seen}\naction: {ref: core.noop}\n",
  }).map(([path, content]) => ({ path, mode: 0o644, content: Buffer.from(content) }));

const rulesOn = async (store: Store) =>
  (await store.ruleSet()).rules
    .filter(({ rule }) => rule.enabled)
    .map(({ rule }) => rule.ref)
    .join();

it("overrides hold at once, for packs that come later, through a new version, and no longer than they are there", async () => {
  const { store } = await failingStore();
  await store.putAgent(anAgent({ id: "web-1" }), null);
  const { packs } = await start(store);
  const overrides = new OverrideDesk({ store, packs });
  await overrides.set("_global", "rules: {defaults: {enabled: false}}");
  await packs.register(switchable());
  expect(await rulesOn(store)).toBe("");
  const written = await overrides.set(
    "p",
    "rules: {exceptions: {dark: {enabled: true}, darc: {enabled: true}}}",
  );
  expect(await rulesOn(store)).toBe("p.dark");
  expect(written.switched).toEqual([
    { kind: "rules", ref: "p.dark", enabled: true, in_file: false },
    { kind: "rules", ref: "p.lit", enabled: false, in_file: true },
  ]);
  expect(written.warnings.map(({ hint }) => hint)).toEqual(["write 'dark'"]);
  await packs.register(switchable());
  expect(await rulesOn(store)).toBe("p.dark");
  await overrides.delete("_global");
  expect(await rulesOn(store)).toBe("p.dark,p.lit");
  await overrides.delete("p");
  expect(await rulesOn(store)).toBe("p.lit");
  expect((await store.pack("p"))?.published).toBeUndefined();
  await expect(overrides.delete("p")).rejects.toMatchObject({ code: "NOT_FOUND" });
});

it("what operators have switched by hand stays, where other overrides mean another part", async () => {
  const { store } = await failingStore();
  const { packs } = await start(store);
  await packs.register(switchable());
  const { version, rules } = await store.ruleSet();
  const on = rules.map((record) => ({
    ...record,
    rule: { ...record.rule, enabled: true },
    rev: record.rev + 1,
  }));
  await store.changeRules(on, [], version);
  await new OverrideDesk({ store, packs }).set("p", "rules: {exceptions: {lit: {enabled: false}}}");
  expect(await rulesOn(store)).toBe("p.dark");
});

it("a kill between the overrides and the packs is made up for at the start", async () => {
  const { store } = await failingStore();
  const { packs } = await start(store);
  await packs.register(switchable());
  const dying = new OverrideDesk({
    store,
    packs: { applyOverrides: () => Promise.reject(new Error("killed")) },
  });
  await expect(dying.set("p", "rules: {defaults: {enabled: true}}")).rejects.toThrow("killed");
  expect(await rulesOn(store)).toBe("p.lit");
  await (await start(store)).packs.begin([]);
  expect(await rulesOn(store)).toBe("p.dark,p.lit");
});

it("so it is where the pack is built in and registers anew, and its rules' switches stay", async () => {
  const { store } = await failingStore();
  const { packs } = await start(store);
  const own = [{ pack: { name: "p", assignTo: [{}] }, files: switchable() }];
  await packs.begin(own);
  const dying = new OverrideDesk({
    store,
    packs: { applyOverrides: () => Promise.reject(new Error("killed")) },
  });
  await expect(dying.set("p", "rules: {defaults: {enabled: true}}")).rejects.toThrow("killed");
  await (await start(store)).packs.begin(own);
  expect(await rulesOn(store)).toBe("p.dark,p.lit");
});

it("overrides that nobody set are not there, whatever JavaScript calls its own", async () => {
  const { store } = await failingStore();
  const { packs } = await start(store);
  const overrides = new OverrideDesk({ store, packs });
  for (const name of ["toString", "constructor", "__proto__"]) {
    await expect(overrides.delete(name)).rejects.toMatchObject({ code: "NOT_FOUND" });
  }
});

it.each([
  ["a name that is none", "My Pack", "rules: {}", "PACK_REF"],
  ["what is no map", "p", "[]", "PACK_FIELD"],
  ["what cannot be switched", "p", "policies: {}", "PACK_FIELD"],
])("overrides with %s are refused and change nothing", async (_, name, text, code) => {
  const { store } = await failingStore();
  const { packs } = await start(store);
  const overrides = new OverrideDesk({ store, packs });
  await expect(overrides.set(name, text)).rejects.toMatchObject({ code });
  expect(await overrides.list()).toEqual([]);
});

/** A pack with one action and rules on it, by their names and descriptions. */
const packWithRules = (rules: Readonly<Record<string, string>>) => [
  ...packFiles("ruled"),
  {
    path: "actions/act.yaml",
    mode: 0o644,
    content: Buffer.from("name: act\nrunner_type: noop\nenabled: true\n"),
  },
  ...Object.entries(rules).map(([name, description]) => ({
    path: `rules/${name}.yaml`,
    mode: 0o644,
    content: Buffer.from(
      `name: ${name}\ndescription: ${description}\nenabled: true\ntrigger: {type: core.st2.generic}\naction: {ref: ruled.act}\n`,
    ),
  })),
];

const described = (record: RuleRecord, description: string): RuleRecord => ({
  ...record,
  rule: { ...record.rule, description },
  rev: record.rev + 1,
});

it("a rule that a pack brings again as it was stays the version that it is; what changes has its version in the history", async () => {
  const folder = await tempFolder("store");
  const first = await failingStore(folder);
  const { packs: once } = await start(first.store);
  await once.register(packWithRules({ a: "one", b: "same" }));
  await first.store.close();
  // As a hub that starts again finds them.
  const { store } = await failingStore(folder);
  const { packs } = await start(store);
  const revs = async () => (await store.ruleSet()).rules.map(({ rule, rev }) => [rule.name, rev]);
  const history = async () =>
    (await store.ruleHistory("ruled.a")).map(({ rev, rule }) => [rev, rule?.description ?? null]);
  const before = await store.ruleSet();
  await packs.register(packWithRules({ a: "one", b: "same" }));
  await packs.register(packWithRules({ a: "two", b: "same" }));
  expect(await revs()).toEqual([
    ["a", 2],
    ["b", 1],
  ]);
  expect((await store.ruleSet()).rules[1]).toEqual(before.rules[1]);
  expect(await history()).toEqual([
    [2, "two"],
    [1, "one"],
  ]);
  // Made by hand to the same text it is the pack's again, and no other version.
  const { version, rules } = await store.ruleSet();
  await store.changeRules(
    rules.slice(1).map((record) => ({ ...record, source: "api" })),
    [],
    version,
  );
  await packs.register(packWithRules({ a: "two", b: "same" }));
  expect((await store.ruleSet()).rules[1]).toEqual(before.rules[1]);
  // One that comes back goes on with the numbers of the one that went: each is one version.
  await packs.register(packWithRules({ b: "same" }));
  await packs.register(packWithRules({ a: "three", b: "same" }));
  expect(await history()).toEqual([
    [3, "three"],
    [2, null],
    [2, "two"],
    [1, "one"],
  ]);
});

it.each([
  ["deleted", () => null, ["one", null, "one"], [1, 1, 2]],
  ["edited", (record: RuleRecord) => described(record, "by hand"), ["one", "by hand", "one"], [1, 2, 3]],
] as const)(
  "a rule that is %s while its pack is registered is the pack's again",
  async (_, change, texts, revs) => {
    const { store } = await failingStore();
    let meanwhile = async () => {};
    const { packs } = await start(store, noKeys, () => meanwhile());
    await packs.register(packWithRules({ a: "one" }));
    meanwhile = async () => {
      meanwhile = async () => {};
      const { version, rules } = await store.ruleSet();
      const changed = rules.flatMap((record) => change(record) ?? []);
      await store.changeRules(changed, changed.length === 0 ? ["ruled.a"] : [], version);
    };
    await packs.register(packWithRules({ a: "one" }));
    expect((await store.ruleSet()).rules.map(({ rule, rev }) => [rule.description, rev])).toEqual([
      ["one", revs[2]],
    ]);
    const history = (await store.ruleHistory("ruled.a")).toReversed();
    expect(history.map(({ rule }) => rule?.description ?? null)).toEqual(texts);
    expect(history.map(({ rev }) => rev)).toEqual(revs);
  },
);

it("a rule that is edited while overrides switch it stays as it was edited, and is switched", async () => {
  const { store } = await failingStore();
  let meanwhile = async () => {};
  const { packs } = await start({
    ...store,
    putPack: async (...args) => {
      await meanwhile();
      return store.putPack(...args);
    },
  });
  await packs.register(packWithRules({ a: "one" }));
  meanwhile = async () => {
    meanwhile = async () => {};
    const { version, rules } = await store.ruleSet();
    await store.changeRules(
      rules.map((record) => described(record, "by hand")),
      [],
      version,
    );
  };
  await new OverrideDesk({ store, packs }).set("ruled", "rules: {defaults: {enabled: false}}");
  expect((await store.ruleSet()).rules.map(({ rule, rev }) => [rule.description, rule.enabled, rev])).toEqual(
    [["by hand", false, 3]],
  );
});

it("many packs can be registered at once", async () => {
  const { store } = await failingStore();
  const { packs } = await start(store);
  const names = Array.from({ length: 40 }, (_, n) => `p${n + 10}`);
  await Promise.all(names.map((name) => packs.register(packFiles(name))));
  expect((await store.packs()).map(({ ref }) => ref)).toEqual(names);
});

it("a pack is registered although somebody writes rules each time that its contents are kept", async () => {
  const { store } = await failingStore();
  let times = 0;
  const { packs } = await start(store, noKeys, async () => {
    times++;
    const { version, rules } = await store.ruleSet();
    const others = rules.map((record) => described(record, `for the ${times}th time`));
    expect(await store.changeRules(others, [], version)).not.toBeNull();
  });
  await packs.register(packWithRules({ a: "one" }));
  await packs.register(packFiles("p10"));
  expect((await store.packs()).map(({ ref }) => ref)).toEqual(["p10", "ruled"]);
  expect(times).toBe(2);
});

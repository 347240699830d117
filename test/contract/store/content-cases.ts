/** Rules, packs, agents, keys, settings, jobs, slots; and being told of changes. */
import { describe, expect, it } from "vitest";
import type { Change } from "../../../hub/store/port/changes.ts";
import type { PackRules } from "../../../hub/store/port/content.ts";
import type { RuleRecord } from "../../../shared/model/rule.ts";
import { anAgent, noon } from "../../support/records.ts";
import { waitUntil } from "../../support/wait-until.ts";
import {
  assignment,
  claimed,
  execution,
  instance,
  nowAndReopened,
  type OpenStore,
  outcome,
  outcomes,
  packRecord,
  ruleRecord,
  take,
} from "./world.ts";

const rulesFrom = (
  version: number,
  put: readonly RuleRecord[],
  remove: readonly string[] = [],
): PackRules => ({
  put,
  remove,
  version,
});

export function contentCases(open: OpenStore): void {
  describe("rules and packs", () => {
    it("changes rules at the version that was expected, and raises it", async () => {
      const world = await open();
      expect(await world.store.ruleSet()).toEqual({ version: 0, rules: [] });
      const rules = ["b", "a"].map((name) => ruleRecord(name));
      expect(await world.store.changeRules(rules, [], 0)).toBe(1);
      expect(await world.store.changeRules([ruleRecord("c")], [], 0)).toBeNull();
      const before = await world.store.ruleSet();
      expect(await world.store.changeRules([ruleRecord("c")], ["mypack.a", "mypack.c"], 1)).toBe(2);
      expect(before.rules.map(({ rule }) => rule.ref)).toEqual(["mypack.a", "mypack.b"]);
      for await (const store of nowAndReopened(world)) {
        const { version, rules: kept } = await store.ruleSet();
        expect([version, ...kept.map(({ rule }) => rule.ref)]).toEqual([2, "mypack.b", "mypack.c"]);
      }
    });

    it("keeps what rules were: changes that change something, with the end of one that is deleted", async () => {
      const world = await open();
      const { store } = world;
      expect(await store.ruleHistory("mypack.a")).toEqual([]);
      const version = (n: number, description: string) => {
        const record = ruleRecord("a");
        return { ...record, rev: n, rule: { ...record.rule, description } };
      };
      expect(await store.changeRules([version(1, "one"), ruleRecord("b")], [], 0)).toBe(1);
      expect(await store.putPack(packRecord(), null, rulesFrom(1, [version(2, "one")]))).toBe(true);
      expect(await store.changeRules([version(3, "two")], [], 1)).toBeNull();
      expect(await store.changeRules([version(3, "two")], [], 2)).toBe(3);
      expect(await store.changeRules([], ["mypack.a"], 3)).toBe(4);
      let last = store;
      for await (const reopened of nowAndReopened(world)) {
        last = reopened;
        const kept = await reopened.ruleHistory("mypack.a");
        expect(kept.map(({ rev, rule }) => [rev, rule?.description])).toEqual([
          [3, undefined],
          [3, "two"],
          [1, "one"],
        ]);
        expect(await reopened.ruleHistory("mypack.b")).toMatchObject([{ rule: { ref: "mypack.b" } }]);
      }
      for (let n = 4; n < 30; n++) await last.changeRules([version(n, `${n}`)], [], n);
      expect((await last.ruleHistory("mypack.a")).map(({ rev }) => rev)).toEqual(
        Array.from({ length: 20 }, (_, n) => 29 - n),
      );
    });

    it("lets one of many changes at the same version win", async () => {
      const { store } = await open();
      const results = await Promise.all(
        Array.from({ length: 10 }, (_, n) => store.changeRules([ruleRecord(`r${n}`)], [], 0)),
      );
      expect(results.filter((version) => version !== null)).toEqual([1]);
      expect((await store.ruleSet()).rules).toHaveLength(1);
    });

    it("changes a pack together with its rules", async () => {
      const world = await open();
      const first = packRecord();
      expect(await world.store.putPack(first, 1, rulesFrom(0, [ruleRecord("a")]))).toBe(false);
      expect(await world.store.ruleSet()).toMatchObject({ version: 0 });
      expect(await world.store.putPack(first, null, rulesFrom(0, [ruleRecord("a"), ruleRecord("b")]))).toBe(
        true,
      );
      expect(await world.store.putPack(first, null)).toBe(false);
      const second = packRecord({ digest: "sha256:pack-2", version: "2.0.0", rev: 2 });
      expect(await world.store.putPack(second, 1, rulesFrom(1, [ruleRecord("c")], ["mypack.a"]))).toBe(true);
      for await (const store of nowAndReopened(world)) {
        expect(await store.pack("mypack")).toEqual(second);
        expect(await store.packs()).toEqual([second]);
        const set = await store.ruleSet();
        expect([set.version, ...set.rules.map(({ rule }) => rule.ref)]).toEqual([2, "mypack.b", "mypack.c"]);
      }
    });

    it("changes neither a pack nor its rules when these were decided from another rule set", async () => {
      const world = await open();
      const { store } = world;
      await store.putPack(packRecord(), null, rulesFrom(0, [ruleRecord("a")]));
      const [removed, isPut] = await Promise.all([
        store.changeRules([], ["mypack.a"], 1),
        store.putPack(packRecord({ rev: 2 }), 1, rulesFrom(1, [])),
      ]);
      expect([removed, isPut]).toEqual([2, false]);
      for await (const reopened of nowAndReopened(world)) {
        expect(await reopened.pack("mypack")).toEqual(packRecord());
        expect(await reopened.ruleSet()).toMatchObject({ version: 2, rules: [] });
      }
      const again = await world.reopen();
      expect(await again.putPack(packRecord({ rev: 2 }), 1, rulesFrom(2, [ruleRecord("a")]))).toBe(true);
      // What changes no rule holds beside any.
      await again.changeRules([ruleRecord("b")], [], 3);
      expect(await again.putPack(packRecord({ rev: 3 }), 2)).toBe(true);
      expect((await again.ruleSet()).rules.map(({ rule }) => rule.name)).toEqual(["a", "b"]);
    });

    it("removes a pack with the rules that came with it, not with those made by hand", async () => {
      const world = await open();
      const own = ruleRecord("mine", { source: "api" });
      await world.store.putPack(packRecord(), null, rulesFrom(0, [ruleRecord("a"), own]));
      expect(await world.store.removePack("mypack", 2)).toBe(false);
      expect(await world.store.removePack("mypack", 1)).toBe(true);
      expect(await world.store.removePack("mypack", 1)).toBe(false);
      for await (const store of nowAndReopened(world)) {
        expect(await store.pack("mypack")).toBeNull();
        expect((await store.ruleSet()).rules).toEqual([own]);
      }
    });

    it("removes a pack with a rule of it that comes at the same moment", async () => {
      const { store } = await open();
      await store.putPack(packRecord(), null, rulesFrom(0, [ruleRecord("a")]));
      const { version } = await store.ruleSet();
      const [isRemoved, put] = await Promise.all([
        store.removePack("mypack", 1),
        store.changeRules([ruleRecord("late")], [], version),
      ]);
      expect(isRemoved).toBe(true);
      // Whichever came first, none is left that nothing would ever remove.
      expect((await store.ruleSet()).rules).toEqual([]);
      expect([null, version + 1]).toContain(put);
    });
  });

  describe("agents, keys and settings", () => {
    it("changes an agent from the revision that was expected", async () => {
      const world = await open();
      expect(await world.store.putAgent(anAgent(), 1)).toBe(false);
      expect(await world.store.putAgent(anAgent(), null)).toBe(true);
      expect(await world.store.putAgent(anAgent(), null)).toBe(false);
      expect(await world.store.putAgent(anAgent({ online: false, rev: 2 }), 1)).toBe(true);
      await world.store.putAgent(anAgent({ id: "web-2" }), null);
      for await (const store of nowAndReopened(world)) {
        expect(await store.agent("web-1")).toMatchObject({ online: false, rev: 2 });
        expect((await store.agents()).map((agent) => agent.id)).toEqual(["web-1", "web-2"]);
        expect(await store.agent("web")).toBeNull();
      }
    });

    it("keeps keys by scope, and lists them by prefix", async () => {
      const world = await open();
      const names = ["a", "a\0", "a\0b", "a/b", "a/c", "ab", "ü", "\uffff", "😀"];
      for (const name of names) await world.store.setKey("st2kv.system", name, `value of ${name}`);
      await world.store.setKey("st2kv.user", "a", "another");
      await world.store.setKey("st2kv.system", "gone", "x");
      await world.store.setKey("st2kv.system", "gone", null);
      for await (const store of nowAndReopened(world)) {
        expect(await store.key("st2kv.system", "a/b")).toBe("value of a/b");
        expect(await store.key("st2kv.user", "a")).toBe("another");
        expect(await store.key("st2kv.system", "gone")).toBeNull();
        const listed = async (prefix: string, limit = 10, after?: string) =>
          (await store.keys("st2kv.system", prefix, limit, after)).map(({ name }) => name);
        expect(await listed("")).toEqual(names);
        expect(await listed("a/")).toEqual(["a/b", "a/c"]);
        expect(await listed("a", 2)).toEqual(["a", "a\0"]);
        expect(await listed("a\0")).toEqual(["a\0", "a\0b"]);
        expect(await listed("a", 2, "a/b")).toEqual(["a/c", "ab"]);
        // In the order of their bytes in UTF-8, not of UTF-16's units.
        expect(await listed("", 10, "ab")).toEqual(["ü", "\uffff", "😀"]);
        expect(await listed("a/", 10, "Z")).toEqual(["a/b", "a/c"]);
        expect(await listed("x")).toEqual([]);
      }
    });

    it("keeps settings, and how late it has become", async () => {
      const world = await open();
      expect(await world.store.setting("api_key")).toBeNull();
      await world.store.putSetting("api_key", { hash: "abc" });
      world.clock.at = noon + 5_000;
      await world.store.setKey("s", "k", "v");
      world.clock.at = noon - 60_000;
      const claim = await claimed(world.store);
      for await (const store of nowAndReopened(world)) {
        expect(await store.setting("api_key")).toEqual({ hash: "abc" });
        expect(await store.clockHighWater()).toBe(noon + 5_000);
      }
      const store = await world.reopen();
      const renewed = await claimed(store);
      expect(renewed.fence).toBe(claim.fence + 1);
      expect(await store.clockHighWater()).toBe(noon + 5_000);
      await store.takeIn(take(renewed, 0, [{ type: "instance", instance: instance(7_000) }]));
      expect(await store.clockHighWater()).toBe(noon + 7_000);
    });
  });

  describe("jobs", () => {
    const job = (id: string, dueAt: number, n = 0) => ({ id, dueAt, kind: "expire", data: { n } });

    it("are leased when they are due, oldest first, to one taker", async () => {
      const { store } = await open();
      for (const [id, dueAt] of [
        ["late", 30],
        ["b", 20],
        ["a", 10],
      ] as const) {
        await store.schedule(job(id, noon + dueAt));
      }
      const claims = await Promise.all(Array.from({ length: 5 }, () => store.claimDue(noon + 20, 10, 1000)));
      expect(claims.flat()).toEqual([job("a", noon + 10), job("b", noon + 20)]);
      expect(await store.claimDue(noon + 1010, 10, 1000)).toEqual([job("late", noon + 30)]);
      // The leases of the others end at 1,020.
      expect((await store.claimDue(noon + 1020, 1, 1000)).map(({ id }) => id)).toEqual(["a"]);
      await store.finishJob("a");
      await store.finishJob("a");
      expect((await store.claimDue(noon + 9_000, 10, 1000)).map(({ id }) => id)).toEqual(["b", "late"]);
    });

    it("are replaced by the same id, and a finished lease does not take the new one away", async () => {
      const { store } = await open();
      await store.schedule(job("tick", noon + 10, 1));
      await store.schedule(job("tick", noon + 50, 2));
      await store.schedule(job("other", noon + 20));
      expect(await store.claimDue(noon + 49, 1, 9000)).toEqual([job("other", noon + 20)]);
      expect(await store.claimDue(noon + 49, 10, 1000)).toEqual([]);
      await store.finishJob("other");
      expect(await store.claimDue(noon + 50, 10, 1000)).toEqual([job("tick", noon + 50, 2)]);
      await store.schedule(job("tick", noon + 90, 3));
      await store.finishJob("tick");
      expect(await store.claimDue(noon + 90, 10, 1000)).toEqual([job("tick", noon + 90, 3)]);
      await store.finishJob("tick");
      expect(await store.claimDue(noon + 99_999, 10, 1000)).toEqual([]);
    });
  });

  describe("slots", () => {
    it("are never handed out beyond the capacity, however many ask at once", async () => {
      const world = await open();
      const got = await Promise.all(
        Array.from({ length: 8 }, (_, n) => world.store.reserve("p", 2, 5, `holder-${n}`, noon + 100, noon)),
      );
      expect(got).toEqual([2, 2, 1, 0, 0, 0, 0, 0]);
      const store = await world.reopen();
      expect(await store.reserve("p", 2, 5, "holder-0", noon + 200, noon)).toBe(2);
      expect(await store.reserve("q", 2, 5, "holder-9", noon + 100, noon)).toBe(2);
      await store.release("p", "holder-1");
      await store.release("p", "nobody");
      expect(await store.reserve("p", 3, 5, "holder-2", noon + 100, noon)).toBe(3);
      // Fewer are asked for, and there are fewer: what it has it keeps.
      expect(await store.reserve("p", 1, 1, "holder-2", noon + 100, noon)).toBe(3);
      // Those that were not renewed have run out.
      expect(await store.reserve("p", 9, 5, "holder-7", noon + 300, noon + 100)).toBe(3);
    });
  });

  describe("subscribers", () => {
    it("are told of every change in order, after it can be read and before the writer goes on", async () => {
      const { store } = await open();
      const seen: Change[] = [];
      let reads: Promise<unknown> = Promise.resolve();
      const stop = store.subscribeChanges((changes) => {
        seen.push(...changes);
        reads = store.instance(outcome(1).instance.id);
      });
      const claim = await claimed(store);
      await store.takeIn(take(claim, 0, outcomes([1, 2])));
      const types = seen.map(({ type }) => type);
      const one = ["instance", "enforcement", "down", "execution"];
      expect(types.slice(0, 4).sort()).toEqual([...one].sort());
      expect(types.filter((type) => type === "down")).toHaveLength(1);
      expect(types.filter((type) => type === "execution")).toHaveLength(2);
      expect(await reads).toEqual(outcome(1).instance);
      seen.length = 0;
      await store.putPack(packRecord(), null, rulesFrom(0, [ruleRecord("a")]));
      await store.putAgent(anAgent(), null);
      await store.appendDown([assignment(1, "web-2")]);
      const [run] = outcome(1).executions;
      if (run !== undefined) await store.updateExecution({ ...run, status: "running", rev: 2 }, 1);
      await store.updateExecution({ ...execution(99), rev: 2 }, 1);
      await store.setKey("system", "name", "value");
      await store.removePack("mypack", 1);
      expect(seen.map(({ type }) => type)).toEqual([
        "pack",
        "rules",
        "agent",
        "down",
        "execution",
        "key",
        "pack",
        "rules",
      ]);
      expect(seen.at(-3)).toEqual({ type: "key", scope: "system", name: "name", value: "value" });
      expect(seen.at(-2)).toEqual({ type: "pack", ref: "mypack", pack: null });
      stop();
      await store.putAgent(anAgent({ rev: 2 }), 1);
      expect(seen).toHaveLength(8);
    });

    it("are told once the store writes again that they may have missed something", async () => {
      const world = await open();
      const seen: string[] = [];
      world.store.subscribeChanges((changes) => {
        seen.push(...changes.map(({ type }) => type));
      });
      world.failWrite();
      await expect(world.store.setKey("scope", "a", "1")).rejects.toMatchObject({ code: "STORE_WRITE" });
      await waitUntil("the store writes again", async () => {
        await world.store.setKey("scope", "b", "2");
        return true;
      });
      expect(seen).toEqual(["reopened", "key"]);
    });

    it("who say what they want to hear about are told that alone, and that they may have missed some", async () => {
      const world = await open();
      const seen: string[][] = [];
      const note = (changes: readonly Change[]) => void seen.push(changes.map(({ type }) => type));
      const stop = world.store.subscribeChanges(note, ["rules"]);
      await world.store.putAgent(anAgent(), null);
      await world.store.putPack(packRecord(), null, rulesFrom(0, [ruleRecord("a")]));
      expect(seen).toEqual([["rules"]]);
      world.failWrite();
      await expect(world.store.setKey("scope", "a", "1")).rejects.toMatchObject({ code: "STORE_WRITE" });
      await waitUntil("the store writes again", async () => {
        await world.store.setKey("scope", "b", "2");
        return true;
      });
      expect(seen).toEqual([["rules"], ["reopened"]]);
      stop();
      await world.store.removePack("mypack", 1);
      expect(seen).toHaveLength(2);
    });

    it("hear of what exceeds 4 MiB in several batches, in order", async () => {
      const { store } = await open();
      const batches: string[][] = [];
      store.subscribeChanges((changes) => {
        batches.push(changes.map((change) => (change.type === "key" ? change.name : change.type)));
      });
      const names = Array.from({ length: 12 }, (_, n) => `k${n}`);
      await Promise.all(names.map((name) => store.setKey("scope", name, "x".repeat(1024 * 1024))));
      expect(batches.flat()).toEqual(names);
      expect(batches.length).toBeGreaterThanOrEqual(3);
    });

    it("that fail do not harm the writer", async () => {
      const { store } = await open();
      store.subscribeChanges(() => {
        throw new Error("a listener's mistake");
      });
      expect(await store.putAgent(anAgent(), null)).toBe(true);
    });

    it("hear nothing of a batch that failed", async () => {
      const world = await open();
      const seen: Change[] = [];
      world.store.subscribeChanges((changes) => seen.push(...changes));
      world.failWrite();
      await expect(world.store.putAgent(anAgent(), null)).rejects.toMatchObject({ code: "STORE_WRITE" });
      expect(seen).toEqual([]);
    });
  });

  it("a closed store takes nothing more", async () => {
    const world = await open();
    await world.close();
    await expect(world.store.setKey("a", "b", "c")).rejects.toMatchObject({ code: "STORE_WRITE" });
  });
}

/** Timers over a real store and a clock that is moved: each occurrence once, whatever write the hub dies at. */
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import type { Store } from "../../../../hub/store/store.ts";
import { Timekeeper, type TimekeeperOptions } from "../../../../hub/timers/timekeeper.ts";
import type { JsonObject } from "../../../../shared/json.ts";
import { silentLogger } from "../../../../shared/log.ts";
import type { RuleRecord } from "../../../../shared/model/rule.ts";
import type { TriggerInstance } from "../../../../shared/model/trigger.ts";
import type { CatchUp } from "../../../../shared/schedules/missed.ts";
import { failingStore } from "../../../support/failing-store.ts";
import { type ManualTime, manualTime } from "../../../support/manual-time.ts";
import { aRule } from "../../../support/records.ts";
import { waitUntil } from "../../../support/wait-until.ts";

const start = Date.parse("2026-01-01T00:00:00.000Z");
const second = 1000;
const minute = 60_000;
const every = (delta: number, unit = "minutes") => ({
  type: "core.st2.IntervalTimer",
  parameters: { unit, delta },
});
const cron = (parameters: JsonObject) => ({ type: "core.st2.CronTimer", parameters });

interface World {
  readonly store: Store;
  readonly time: ManualTime;
  /** Another process over the same store; the one before has gone. */
  begin(over?: Partial<TimekeeperOptions>): Promise<Timekeeper>;
  /** Moves the clock, and fires what is due. */
  pass(ms: number): Promise<void>;
  rule(name: string, trigger: RuleRecord["rule"]["trigger"], enabled?: boolean): Promise<void>;
  remove(name: string): Promise<void>;
  /** What occurred, in the order of the times it was for. */
  fired(): Promise<readonly TriggerInstance[]>;
  scheduled(): Promise<readonly string[]>;
}

async function world(catchUp: CatchUp = "last", opened?: Store): Promise<World> {
  const store = opened ?? (await failingStore()).store;
  const time = manualTime(start);
  let keeper: Timekeeper | null = null;
  onTestFinished(() => keeper?.stop());
  const fired = async () => {
    const { items } = await store.instances({}, { limit: 1000 });
    return items.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  };
  const change = async (put: readonly RuleRecord[], remove: readonly string[]) => {
    await store.changeRules(put, remove, (await store.ruleSet()).version);
  };
  return {
    store,
    time,
    async begin(over = {}) {
      await keeper?.stop();
      const made = new Timekeeper({
        store,
        judge: async (instance) => ({
          instance: { ...instance, status: "processed" },
          enforcements: [],
          executions: [],
          dispatches: [],
        }),
        settled: async () => {},
        catchUp,
        now: () => time.clock.now(),
        timers: time.timers,
        jitter: () => 0.5,
        log: silentLogger,
        ...over,
      });
      keeper = made;
      await made.start();
      return made;
    },
    async pass(ms) {
      time.advance(ms);
      await keeper?.start();
    },
    async rule(name, trigger, enabled = true) {
      const rule = aRule({ ref: `mypack.${name}`, name, trigger, enabled });
      const updated_at = new Date(time.clock.now()).toISOString();
      await change([{ rule, source: "api", updated_at, rev: 1 }], []);
      await keeper?.settled();
    },
    async remove(name) {
      await change([], [`mypack.${name}`]);
      await keeper?.settled();
    },
    fired,
    scheduled: async () =>
      (await fired()).map(({ payload }) => String((payload as JsonObject).scheduled_at).slice(11, 19)),
  };
}

test("an interval fires on its grid, with what StackStorm's payload has", async () => {
  const { begin, rule, pass, fired, scheduled } = await world();
  const keeper = await begin();
  await rule("often", every(1));
  await pass(59 * second);
  expect(await scheduled()).toEqual([]);
  await pass(1250);
  const [first] = await fired();
  expect(first).toMatchObject({
    trigger: "core.st2.IntervalTimer",
    parameters: { unit: "minutes", delta: 1 },
    payload: {
      executed_at: "2026-01-01 00:01:00.250000+00:00",
      schedule: { unit: "minutes", delta: 1 },
      scheduled_at: "2026-01-01T00:01:00.000Z",
    },
    origin: { agent: null },
    occurrence_time: "2026-01-01T00:01:00.250Z",
    late: false,
    status: "processed",
  });
  expect(first?.trace_tag).toMatch(/^IntervalTimer-[0-9a-f]{16}$/);
  await pass(minute);
  await pass(minute);
  expect(await scheduled()).toEqual(["00:01:00", "00:02:00", "00:03:00"]);
  expect(keeper.list()).toMatchObject([
    {
      type: "core.st2.IntervalTimer",
      rules: ["mypack.often"],
      enabled: true,
      next_fire: "2026-01-01T00:04:00.000Z",
      last_scheduled: "2026-01-01T00:03:00.000Z",
      last_fire: "2026-01-01T00:03:00.250Z",
      reason: null,
    },
  ]);
});

test("it wakes by itself for what comes next", async () => {
  const { begin, rule, time, scheduled } = await world();
  const keeper = await begin();
  await rule("often", every(5, "seconds"));
  expect(time.pending()[0]).toBe(5 * second);
  time.advance(5 * second);
  await keeper.start();
  expect(await scheduled()).toEqual(["00:00:05"]);
  await rule("seldom", every(1, "days"));
  // The next wake is no further than a clock that is set may wait.
  await keeper.start();
  expect(time.pending()).toEqual([5 * second]);
});

test("rules with the same schedule share a timer; its state goes with the last of them that is enabled", async () => {
  const { begin, rule, remove, pass, scheduled, store } = await world();
  const keeper = await begin();
  await rule("one", every(10));
  await pass(4 * minute);
  await rule("two", { type: "core.st2.IntervalTimer", parameters: { delta: 10, unit: "minutes" } });
  expect(keeper.list()).toMatchObject([{ rules: ["mypack.one", "mypack.two"] }]);
  await remove("one");
  await pass(6 * minute);
  expect(await scheduled()).toEqual(["00:10:00"]);
  await rule("two", every(10), false);
  expect(keeper.list()).toMatchObject([
    { enabled: false, next_fire: null, reason: "its rules are disabled" },
  ]);
  expect(await store.setting("timers")).toEqual([]);
  await pass(25 * minute);
  await rule("two", every(10));
  expect(keeper.list()).toMatchObject([{ next_fire: "2026-01-01T00:45:00.000Z" }]);
  // For the time in which nobody wanted it nothing is made up for.
  const again = await begin({ catchUp: "all" });
  await pass(10 * minute);
  expect(await scheduled()).toEqual(["00:10:00", "00:45:00"]);
  await remove("two");
  expect(again.list()).toEqual([]);
});

test("a date fires once, and never when it has passed already", async () => {
  const { begin, rule, pass, scheduled } = await world();
  const keeper = await begin();
  const at = (date: string) => ({ type: "core.st2.DateTimer", parameters: { date } });
  await rule("past", at("2025-12-31 23:59:00"));
  await rule("soon", at("2026-01-01 00:05:00"));
  await pass(5 * minute);
  await begin();
  await pass(minute);
  expect(await scheduled()).toEqual(["00:05:00"]);
  expect(keeper.list().map(({ reason }) => reason)).toContain("none of its times is to come");
});

test.each<[CatchUp, readonly string[], number]>([
  ["none", ["00:01:00", "00:31:00"], 0],
  ["last", ["00:01:00", "00:30:00", "00:31:00"], 1],
  [
    "all",
    ["00:01:00", ...Array.from({ length: 30 }, (_, n) => `00:${String(n + 2).padStart(2, "0")}:00`)],
    29,
  ],
])("after half an hour without a hub, with catch_up %s", async (catchUp, expected, late) => {
  const { begin, rule, pass, time, scheduled, fired } = await world(catchUp);
  const keeper = await begin();
  await rule("often", cron({ minute: "*" }));
  await pass(minute);
  await keeper.stop();
  time.advance(29 * minute + 30 * second);
  await begin();
  await pass(30 * second);
  expect(await scheduled()).toEqual(expected);
  const lates = (await fired()).filter((instance) => instance.late);
  expect(lates).toHaveLength(late);
  // It occurs when it is told: its executions have as long as any others until they expire.
  for (const { occurrence_time } of lates) expect(occurrence_time).toBe("2026-01-01T00:30:30.000Z");
});

test("a store that refuses for a while delays a timer, and the others of the same moment do not wait for it", async () => {
  const { begin, rule, pass, scheduled, store } = await world();
  let refuses = true;
  const emit: Store["emit"] = async (outcome) => {
    if (refuses && outcome.instance.trigger === "core.st2.CronTimer") throw new Error("the disk refuses");
    return store.emit(outcome);
  };
  await begin({
    store: new Proxy(store, { get: (target, key) => (key === "emit" ? emit : Reflect.get(target, key)) }),
  });
  await rule("a", cron({ minute: 1 }));
  await rule("b", every(1));
  await pass(minute);
  expect(await scheduled()).toEqual(["00:01:00"]);
  refuses = false;
  await pass(second);
  expect((await scheduled()).slice(0, 2)).toEqual(["00:01:00", "00:01:00"]);
});

test("two hubs on one store fire each occurrence once between them", async () => {
  const { store } = await failingStore();
  const one = await world("last", store);
  const two = await world("last", store);
  await one.begin();
  await one.rule("often", every(1));
  // Its clock is a little ahead.
  two.time.advance(3);
  await two.begin();
  for (let n = 0; n < 5; n++) await Promise.all([one.pass(minute), two.pass(minute)]);
  // One of them is late, and finds all of it done.
  await one.pass(minute);
  await two.pass(minute);
  expect(await one.scheduled()).toEqual([
    "00:01:00",
    "00:02:00",
    "00:03:00",
    "00:04:00",
    "00:05:00",
    "00:06:00",
  ]);
});

test("whatever write it dies at, and however often, each occurrence is one instance", async () => {
  const { store: shared } = await failingStore();
  let n = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.record({
          passes: fc.integer({ min: 1, max: 25 }),
          diesAt: fc.integer({ min: 1, max: 9 }),
          after: fc.boolean(),
        }),
        {
          minLength: 1,
          maxLength: 6,
        },
      ),
      async (lives) => {
        // A schedule of its own for each run: they share a store.
        const delta = 7 + n++;
        const { begin, rule, remove, pass, fired, time, store } = await world("all", shared);
        await begin();
        await rule(`r${delta}`, every(delta, "seconds"));
        for (const { passes, diesAt, after } of lives) {
          let writes = 0;
          const mortal = new Proxy(store, {
            get: (target, key) => {
              const method = Reflect.get(target, key) as unknown;
              if (key !== "emit" && key !== "putSetting") return method;
              return async (...args: unknown[]) => {
                writes++;
                if (writes > diesAt || (writes === diesAt && !after)) throw new Error("killed");
                const answer: unknown = await (method as (...args: unknown[]) => Promise<unknown>).apply(
                  target,
                  args,
                );
                if (writes === diesAt) throw new Error("killed");
                return answer;
              };
            },
          });
          await begin({ store: mortal });
          await pass(passes * second);
          await pass(passes * second);
        }
        await begin();
        await pass(delta * second);
        const mine = (await fired()).filter(({ parameters }) => parameters?.delta === delta);
        const times = mine.map(({ payload }) => Date.parse(String((payload as JsonObject).scheduled_at)));
        const passed = time.clock.now() - start;
        const wanted = Array.from(
          { length: Math.floor(passed / (delta * second)) },
          (_, k) => start + (k + 1) * delta * second,
        );
        expect(times).toEqual(wanted);
        await remove(`r${delta}`);
      },
    ),
    { numRuns: 25 },
  );
});

test("what falls due while a round looks at others comes right after it, and is not late", async () => {
  const { begin, rule, fired, time } = await world("none");
  await begin();
  await rule("often", every(1));
  // The round looks at what is due at its beginning; the clock goes on while it works.
  time.advance(minute);
  await waitUntil("the round to end", () => time.pending().length > 0);
  expect(time.pending()).toEqual([0]);
  time.advance(0);
  await waitUntil("it to be fired", async () => (await fired()).length === 1);
  expect(await fired()).toMatchObject([{ late: false }]);
});

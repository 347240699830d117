/** Which of the waiting runs next: the oldest, people before rules, never beyond a limit, whatever happens. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  byHandForEachRule,
  type QueuedRequest,
  type QueueLimits,
  RunQueue,
} from "../../../../agent/actions/queue.ts";

const limits: QueueLimits = { concurrency: 2, actions: {}, maxOpen: 4, maxOpenBytes: 100 };
const request = (execution: string, over: Partial<QueuedRequest> = {}): QueuedRequest => ({
  execution,
  size: 10,
  action: "core.local",
  byHand: true,
  ...over,
});
const filled = (...ids: string[]) => {
  const queue = new RunQueue(limits);
  for (const execution of ids) queue.add(request(execution));
  return queue;
};
/** All that may run now, in their order. */
const taken = (queue: RunQueue): readonly string[] => {
  const ids: string[] = [];
  for (let next = queue.next(); next !== null; next = queue.next()) ids.push(next.execution);
  return ids;
};

describe("the run queue", () => {
  it("gives out the oldest first, and no more than may run at once", () => {
    const queue = filled("a", "b", "c");
    expect([queue.next()?.execution, queue.next()?.execution, queue.next()]).toEqual(["a", "b", null]);
    queue.finish("b");
    expect(queue.next()?.execution).toBe("c");
  });

  it("holds each execution once, waiting or running", () => {
    const queue = filled("a");
    expect(queue.add(request("a"))).toBe(false);
    queue.next();
    expect(queue.add(request("a", { byHand: false }))).toBe(false);
    expect(queue.credit()).toEqual({ entries: 3, bytes: 90 });
  });

  it("withdraws what waits, not what runs", () => {
    const queue = filled("a", "b");
    queue.next();
    expect([queue.withdraw("a"), queue.withdraw("b"), queue.withdraw("b")]).toEqual([false, true, false]);
    expect(queue.next()).toBeNull();
  });

  it("goes on in order when one was taken out of the middle, the front or the end", () => {
    const queue = new RunQueue({ ...limits, concurrency: 10 });
    for (const id of "abcdef") queue.add(request(id));
    for (const id of "caf") queue.withdraw(id);
    queue.add(request("g"));
    expect(taken(queue)).toEqual(["b", "d", "e", "g"]);
  });

  it("grants no credit below nothing when more came than was granted", () => {
    const queue = filled("a", "b", "c", "d", "e");
    expect(queue.credit()).toEqual({ entries: 0, bytes: 50 });
    expect(queue.waitingCount).toBe(5);
  });
});

describe("runs by hand", () => {
  it("come before those of rules that wait longer, three for one", () => {
    const queue = new RunQueue({ ...limits, concurrency: 100 });
    for (let i = 0; i < 4; i++) queue.add(request(`rule${i}`, { byHand: false }));
    for (let i = 0; i < 7; i++) queue.add(request(`hand${i}`));
    expect(taken(queue)).toEqual([
      ...["hand0", "hand1", "hand2", "rule0"],
      ...["hand3", "hand4", "hand5", "rule1"],
      ...["hand6", "rule2", "rule3"],
    ]);
  });

  it("are not waited for when none is there", () => {
    const queue = new RunQueue({ ...limits, concurrency: 100 });
    queue.add(request("rule0", { byHand: false }));
    queue.add(request("rule1", { byHand: false }));
    expect(taken(queue)).toEqual(["rule0", "rule1"]);
  });
});

describe("limits of actions", () => {
  const limited = (actions: Record<string, number>, waiting: readonly [id: string, action: string][]) => {
    const queue = new RunQueue({ ...limits, concurrency: 100, actions });
    for (const [id, action] of waiting) queue.add(request(id, { action }));
    return queue;
  };
  const waiting: readonly [string, string][] = [
    ["a", "backup.full"],
    ["b", "backup.full"],
    ["c", "backup.log"],
    ["d", "core.local"],
  ];

  it.each<[string, Record<string, number>, readonly string[]]>([
    ["no limit", {}, ["a", "b", "c", "d"]],
    ["an action at its limit holds up nobody behind it", { "backup.full": 1 }, ["a", "c", "d"]],
    ["a pattern counts all that fit it together", { "backup.*": 1 }, ["a", "d"]],
    ["of several limits each counts", { "backup.*": 2, "backup.full": 1 }, ["a", "c", "d"]],
    ["a pattern fits the whole ref", { "back*": 2, "*.local": 1, local: 1 }, ["a", "b", "d"]],
    ["everything together", { "*": 3 }, ["a", "b", "c"]],
  ])("%s", (_what, actions, expected) => {
    expect(taken(limited(actions, waiting))).toEqual(expected);
  });

  it("are free again when one ends, and the oldest that waited for that goes first", () => {
    const queue = limited({ "backup.*": 1 }, waiting);
    expect(taken(queue)).toEqual(["a", "d"]);
    queue.add(request("e", { action: "backup.full", byHand: true }));
    queue.finish("a");
    expect(taken(queue)).toEqual(["b"]);
    queue.withdraw("c");
    queue.finish("b");
    expect(taken(queue)).toEqual(["e"]);
  });

  it("do not keep a rule's turn from somebody when the rule's action is at its limit", () => {
    const queue = new RunQueue({ ...limits, concurrency: 100, actions: { "backup.*": 1 } });
    for (const id of ["r0", "r1"]) queue.add(request(id, { action: "backup.full", byHand: false }));
    for (let i = 0; i < 5; i++) queue.add(request(`h${i}`));
    expect(taken(queue)).toEqual(["h0", "h1", "h2", "r0", "h3", "h4"]);
  });
});

/** What a queue is told in a property, and what it does of itself. */
type Step =
  | { readonly do: "add"; readonly action: string; readonly byHand: boolean }
  | { readonly do: "next" }
  | { readonly do: "finish" | "withdraw"; readonly which: number };

const actionNames = ["a.one", "a.two", "b.one", "c.three"];
const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant("add" as const),
        action: fc.constantFrom(...actionNames),
        byHand: fc.boolean(),
      }),
    },
    { weight: 4, arbitrary: fc.record({ do: fc.constant("next" as const) }) },
    {
      weight: 3,
      arbitrary: fc.record({ do: fc.constantFrom("finish" as const, "withdraw" as const), which: fc.nat() }),
    },
  ),
  { maxLength: 120 },
);
const limitMaps = fc.dictionary(
  fc.constantFrom("a.*", "a.one", "*.one", "b.one", "*"),
  fc.integer({ min: 1, max: 3 }),
  { maxKeys: 4 },
);

/** Beside the queue: lists that are searched from end to end, which is slow and plainly right. */
class Watched {
  readonly queue: RunQueue;
  readonly waiting: QueuedRequest[] = [];
  readonly running: QueuedRequest[] = [];
  readonly fates = new Map<string, string[]>();
  readonly limits: QueueLimits;
  byHandInARow = 0;

  constructor(limits: QueueLimits) {
    this.limits = limits;
    this.queue = new RunQueue(limits);
  }

  apply(step: Step): void {
    if (step.do === "add") {
      const added = request(`x${this.fates.size}`, step);
      this.fates.set(added.execution, []);
      expect(this.queue.add(added)).toBe(true);
      this.waiting.push(added);
    } else if (step.do === "next") this.next();
    else if (step.do === "finish") {
      const [ended] = this.running.splice(step.which % Math.max(1, this.running.length), 1);
      if (ended !== undefined) this.queue.finish(ended.execution);
    } else {
      const [gone] = this.waiting.splice(step.which % Math.max(1, this.waiting.length), 1);
      if (gone === undefined) return;
      expect(this.queue.withdraw(gone.execution)).toBe(true);
      this.fates.get(gone.execution)?.push("withdrawn");
    }
  }

  next(): QueuedRequest | null {
    const may = this.waiting.filter((each) => this.mayRun(each));
    const given = this.queue.next();
    // Nothing that may run is left waiting for nothing, and nothing runs that may not.
    const hands = may.filter(({ byHand }) => byHand);
    const rules = may.filter(({ byHand }) => !byHand);
    const isRules = hands.length === 0 || (rules.length > 0 && this.byHandInARow >= byHandForEachRule);
    expect(given?.execution).toBe((isRules ? rules : hands)[0]?.execution);
    if (given === null) return null;
    this.byHandInARow = given.byHand ? this.byHandInARow + 1 : 0;
    this.waiting.splice(this.waiting.indexOf(given), 1);
    this.running.push(given);
    this.fates.get(given.execution)?.push("run");
    return given;
  }

  mayRun({ action }: QueuedRequest): boolean {
    if (this.running.length >= this.limits.concurrency) return false;
    return Object.entries(this.limits.actions).every(([pattern, most]) => {
      const fits = (name: string) =>
        new RegExp(`^${pattern.replace(".", "\\.").replace("*", ".*")}$`).test(name);
      return !fits(action) || this.running.filter((each) => fits(each.action)).length < most;
    });
  }
}

describe("whatever happens to a queue", () => {
  it("each that was added runs or is withdrawn, once, in order of its class, and within every limit", () => {
    fc.assert(
      fc.property(steps, limitMaps, fc.integer({ min: 1, max: 4 }), (sequence, actions, concurrency) => {
        const watched = new Watched({ ...limits, concurrency, actions });
        for (const step of sequence) watched.apply(step);
        // In the end all of them come to their turn.
        while (watched.waiting.length > 0)
          if (watched.next() === null) watched.apply({ do: "finish", which: 0 });
        while (watched.running.length > 0) watched.apply({ do: "finish", which: 0 });
        expect(watched.queue.next()).toBeNull();
        for (const fate of watched.fates.values()) expect(fate).toHaveLength(1);
        expect([watched.queue.waitingCount, watched.queue.runningCount]).toEqual([0, 0]);
        expect(watched.queue.credit()).toEqual({ entries: 4, bytes: 100 });
      }),
      { numRuns: 300 },
    );
  });

  it("a turn looks at no more of the waiting than there are limits, however many wait", () => {
    let looks = 0;
    const observed = (plain: QueuedRequest) =>
      new Proxy(plain, {
        get: (target, name) => {
          looks++;
          return Reflect.get(target, name);
        },
      });
    const looksOf = (count: number) => {
      const queue = new RunQueue({ ...limits, concurrency: count, actions: { "a.*": 1, "b.*": 2 } });
      for (let i = 0; i < count; i++) {
        const action = `${"abc".charAt(i % 3)}.x${i}`;
        queue.add(observed(request(`x${i}`, { action, byHand: i % 2 === 0 })));
      }
      looks = 0;
      for (let i = 0; i < 30; i++) queue.next();
      return looks;
    };
    expect(looksOf(10_000)).toBe(looksOf(100));
  });
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RunQueue } from "../../../../agent/actions/queue.ts";

const limits = { concurrency: 2, maxOpen: 4, maxOpenBytes: 100 };
const filled = (...ids: string[]) => {
  const queue = new RunQueue(limits);
  for (const execution of ids) queue.add({ execution, size: 10 });
  return queue;
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
    expect(queue.add({ execution: "a", size: 10 })).toBe(false);
    queue.next();
    expect(queue.add({ execution: "a", size: 10 })).toBe(false);
    expect(queue.credit()).toEqual({ entries: 3, bytes: 90 });
  });

  it("withdraws what waits, not what runs", () => {
    const queue = filled("a", "b");
    queue.next();
    expect([queue.withdraw("a"), queue.withdraw("b"), queue.withdraw("b")]).toEqual([false, true, false]);
    expect(queue.next()).toBeNull();
  });

  it("grants no credit below nothing when more came than was granted", () => {
    const queue = filled("a", "b", "c", "d", "e");
    expect(queue.credit()).toEqual({ entries: 0, bytes: 50 });
    expect(queue.waitingCount).toBe(5);
  });

  it("grants all credit again when everything has ended, whatever happened between", () => {
    const step = fc.tuple(
      fc.constantFrom("add", "next", "finish", "withdraw"),
      fc.constantFrom("a", "b", "c", "d"),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const queue = new RunQueue(limits);
        for (const [what, execution] of steps) {
          if (what === "add") queue.add({ execution, size: 7 });
          if (what === "next") queue.next();
          if (what === "finish") queue.finish(execution);
          if (what === "withdraw") queue.withdraw(execution);
          expect(queue.runningCount).toBeLessThanOrEqual(limits.concurrency);
        }
        for (const execution of ["a", "b", "c", "d"]) {
          queue.withdraw(execution);
          queue.finish(execution);
        }
        expect(queue.credit()).toEqual({ entries: 4, bytes: 100 });
      }),
    );
  });
});

import { describe, expect, test } from "vitest";
import { Rollback } from "../../../../agent/sensors/rollback.ts";

interface Version {
  readonly code: string;
  /** Of the assignment: two may name one version. */
  readonly by: number;
}

const version = (code: string, by = 1): Version => ({ code, by });
const alike = (a: Version, b: Version) => a.code === b.code;
const start = (assigned: string, proven: string | null = null) =>
  new Rollback(version(assigned), proven === null ? null : version(proven), alike);

describe("what cannot be started", () => {
  test("is left for what last became ready, with the reason, until it is tried again and works", () => {
    const rollback = start("old");
    rollback.ready(rollback.next);
    rollback.assign(version("new"));
    expect(rollback.next.code).toBe("new");
    expect(rollback.failed(rollback.next, "no such path")).toBe("go-back");
    expect([rollback.next.code, rollback.problem, rollback.failures]).toEqual(["old", "no such path", 1]);
    rollback.ready(rollback.next);
    expect([rollback.next.code, rollback.problem, rollback.assigned.code]).toEqual([
      "old",
      "no such path",
      "new",
    ]);
    rollback.retry();
    expect([rollback.next.code, rollback.problem]).toEqual(["new", null]);
    expect(rollback.failed(rollback.next, "still none")).toBe("go-back");
    expect([rollback.problem, rollback.failures]).toEqual(["still none", 2]);
    rollback.retry();
    rollback.ready(rollback.next);
    expect([rollback.next.code, rollback.problem, rollback.failures]).toEqual(["new", null, 0]);
    expect(rollback.proven?.code).toBe("new");
  });

  test("is all there is where nothing ever became ready", () => {
    const rollback = start("new");
    expect(rollback.failed(rollback.next, "no")).toBe("rest");
    expect([rollback.next.code, rollback.problem]).toEqual(["new", null]);
  });

  test("has no way back to itself: what became ready once and now fails is tried again", () => {
    const rollback = start("same", "same");
    expect(rollback.failed(rollback.next, "no")).toBe("rest");
    expect([rollback.next.code, rollback.problem]).toEqual(["same", null]);
  });

  test("alternates with the way back while neither can be started, with a pause in each round", () => {
    const rollback = start("new", "old");
    const said = Array.from({ length: 6 }, () => {
      const { next } = rollback;
      return `${next.code} ${rollback.failed(next, "no")}`;
    });
    expect(said).toEqual(["new go-back", "old rest", "new go-back", "old rest", "new go-back", "old rest"]);
  });
});

describe("an assignment", () => {
  const wentBack = () => {
    const rollback = start("new", "old");
    rollback.failed(rollback.next, "no");
    rollback.ready(rollback.next);
    return rollback;
  };

  test.each([
    ["of the same version changes nothing but its name", "new", "old", "no"],
    ["of what runs is as it should be", "old", "old", null],
    ["of a third version is tried", "third", "third", null],
  ])("after going back %s", (_, assigned, next, problem) => {
    const rollback = wentBack();
    rollback.assign(version(assigned, 2));
    expect([rollback.next.code, rollback.problem, rollback.assigned]).toEqual([
      next,
      problem,
      version(assigned, 2),
    ]);
  });
});

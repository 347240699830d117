/** Being another user for one call: all the way there and all the way back, whatever fails between. */
import { expect, it } from "vitest";
import { asIds, type CallerIds } from "../../../../agent/actions/caller-ids-process.ts";

const user = { uid: 7, gid: 8, groups: [9] };
const there = ["groups 8,9", "group 8", "user 7"];
const back = ["user 0", "dumpable", "group 0", "groups 4"];

/** Remembers what is asked; `fails` is what the kernel refuses. */
function recording(fails: readonly string[] = []) {
  const asked: string[] = [];
  const ask = (what: string) => {
    asked.push(what);
    if (fails.includes(what)) throw new Error(`${what}: errno 1`);
  };
  const ids: CallerIds = {
    groups: () => [4],
    setGroups: (groups) => ask(`groups ${groups.join()}`),
    setGroup: (real) => ask(`group ${real}`),
    setUser: (real) => ask(`user ${real}`),
    keepDumpable: () => ask("dumpable"),
    abort: () => ask("abort"),
  };
  return { asked, ids, ask };
}

it("goes there, calls, and comes back in reverse", () => {
  const { asked, ids, ask } = recording();
  expect(asIds(user, ids, () => ask("call"))).toBeUndefined();
  expect(asked).toEqual([...there, "call", ...back]);
});

it("comes back also from a call that fails", () => {
  const { asked, ids, ask } = recording(["call"]);
  expect(() => asIds(user, ids, () => ask("call"))).toThrow("call: errno 1");
  expect(asked).toEqual([...there, "call", ...back]);
});

it.each([
  ["groups 8,9", ["groups 8,9"]],
  ["group 8", ["groups 8,9", "group 8", "groups 4"]],
  ["user 7", [...there, "group 0", "groups 4"]],
])("undoes what was done when the kernel refuses %s, and calls nothing", (refused, expected) => {
  const { asked, ids, ask } = recording([refused]);
  expect(() => asIds(user, ids, () => ask("call"))).toThrow(`${refused}: errno 1`);
  expect(asked).toEqual(expected);
});

it("does not go on as somebody else", () => {
  const { asked, ids } = recording(["user 0"]);
  asIds(user, ids, () => {});
  expect(asked).toEqual([...there, "user 0", "abort"]);
});

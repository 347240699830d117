import { expect, test } from "vitest";
import { formerKeys, turnedDown } from "../../../../hub/enrolment/former.ts";
import type { AgentIdentity } from "../../../../shared/model/identity.ts";

const identity: AgentIdentity = {
  agent: "web-1",
  key: "c",
  state: "active",
  labels: {},
  token: null,
  requested_at: "2026-01-01T00:00:00Z",
  enrolled_at: null,
  address: null,
  host: null,
  certificate: null,
  rev: 4,
};

test.each<[string, AgentIdentity | null, readonly string[]]>([
  ["nobody", null, []],
  ["one that is there", identity, []],
  ["one that was removed", { ...identity, state: "removed" }, ["c"]],
  ["one after others", { ...identity, former: ["a", "b"] }, ["a", "b"]],
  [
    "one that was removed after others",
    { ...identity, state: "removed", former: ["a", "b"] },
    ["a", "b", "c"],
  ],
])("keys that were removed under the id of %s", (_who, known, keys) => {
  expect(formerKeys(known)).toEqual(keys);
});

test("a host that is turned down leaves nothing, unless others were removed before it: they stay removed", () => {
  const pending: AgentIdentity = { ...identity, state: "pending" };
  expect(turnedDown(pending)).toBeNull();
  const left = turnedDown({ ...pending, former: ["a", "b"] });
  expect(left).toMatchObject({ state: "removed", key: "b", former: ["a"], rev: 5 });
  expect(formerKeys(left)).toEqual(["a", "b"]);
});

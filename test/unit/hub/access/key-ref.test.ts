import fc from "fast-check";
import { expect, test } from "vitest";
import { requireAuthority } from "../../../../hub/access/authority.ts";
import { keyRef } from "../../../../hub/access/key-ref.ts";
import { isUser } from "../../../../hub/datastore/key-address.ts";

const set = { noun: "key", verb: "set", role: "operator" } as const;
const opens = (scope: string, ref: string) => {
  try {
    requireAuthority({ name: "ci", role: "operator", scopes: [scope] }, set, ref);
    return true;
  } catch {
    return false;
  }
};

test.each([
  ["key:set", null, "foo", true],
  ["key:set", "alice", "foo", true],
  ["key:set:*", "alice", "foo", true],
  ["key:set:foo", null, "foo", true],
  ["key:set:foo", "alice", "foo", false],
  ["key:set:app.*", null, "app.x", true],
  ["key:set:app.*", "alice", "app.x", false],
  ["key:set:u*", null, "ui", true],
  ["key:set:u*", "alice", "app.x", false],
  ["key:set:user*", "alice", "app.x", false],
  ["key:set:user:*", "alice", "app.x", true],
  ["key:set:user:alice:*", "alice", "app.x", true],
  ["key:set:user:alice:*", "bob", "app.x", false],
  ["key:set:user:alice:*", null, "user:alice:x", false],
  ["key:set:s*", null, "user:alice:x", false],
  ["key:set:system:user:*", null, "user:alice:x", true],
])("the scope %s for the key of %s named %s: %s", (scope, user, name, isOpen) => {
  expect(opens(scope, keyRef({ user, name }))).toBe(isOpen);
});

test("two keys never have one ref", () => {
  const user = fc.option(fc.constantFrom("a", "user", "system", "b"));
  const name = fc
    .array(fc.constantFrom("a", "user", "system", ":", "b"), { minLength: 1 })
    .map((all) => all.join(""));
  const address = fc.record({ user, name });
  fc.assert(
    fc.property(address, address, (one, other) => {
      fc.pre(one.user !== other.user || one.name !== other.name);
      fc.pre([one, other].every(({ user }) => user === null || isUser(user)));
      expect(keyRef(one)).not.toBe(keyRef(other));
    }),
  );
});

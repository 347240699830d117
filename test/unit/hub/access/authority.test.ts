import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Authority, isScope, mayHandOut, requireAuthority } from "../../../../hub/access/authority.ts";
import { permissions } from "../../../../hub/access/permissions.ts";
import { apiRoles } from "../../../../shared/model/api-key.ts";

const run = { noun: "action", verb: "run", role: "operator" } as const;
const deliver = { noun: "webhook", verb: "deliver", role: "webhook" } as const;
const list = { noun: "rule", verb: "list", role: "observer" } as const;
const backup = { noun: "backup", verb: "create", role: "admin" } as const;

const who = (over: Partial<Authority>): Authority => ({ name: "ann", role: "admin", scopes: [], ...over });
const may = (
  over: Partial<Authority>,
  asked: Parameters<typeof requireAuthority>[1],
  ref?: string | null,
) => {
  try {
    requireAuthority(who(over), asked, ref);
    return true;
  } catch (error) {
    expect(error).toMatchObject({ code: "API_FORBIDDEN" });
    return false;
  }
};

describe("a role", () => {
  test.each([
    ["admin", [true, true, true, true]],
    ["operator", [true, true, true, false]],
    ["observer", [false, false, true, false]],
    ["webhook", [false, true, false, false]],
  ] as const)("%s may run, deliver, list, back up: %j", (role, allowed) => {
    expect([run, deliver, list, backup].map((asked) => may({ role }, asked))).toEqual(allowed);
  });

  test("that does not do is told which one would", () => {
    expect(() => requireAuthority(who({ role: "observer" }), run, null)).toThrow(
      /needs the role operator; ann is observer/,
    );
  });
});

describe("a scope", () => {
  test.each([
    [["action"], "core.noop", true],
    [["action:run"], "core.noop", true],
    [["action:run:core.noop"], "core.noop", true],
    [["action:run:core.*"], "core.noop", true],
    [["*:run"], "core.noop", true],
    [["*"], "core.noop", true],
    [["rule", "action:run"], "core.noop", true],
    [["action:run:core.noop"], "core.local", false],
    [["action:run:core.noop"], null, false],
    [["action:run:core.noop"], undefined, true],
    [["action:list"], "core.noop", false],
    [["actions"], "core.noop", false],
    [["rule"], "core.noop", false],
  ] as const)("of %j opens action run %j: %j", (scopes, ref, allowed) => {
    expect(may({ scopes }, run, ref)).toBe(allowed);
  });

  test.each(["action", "action:run", "*", "*:list", "webhook:deliver:a/b/*", "key:get:a b"])("%j", (text) => {
    expect(isScope(text)).toBe(!text.includes(" "));
  });

  test.each(["", ":", "action:", "Action", "action:run:", "a b", "action::x"])("%j is none", (text) => {
    expect(isScope(text)).toBe(false);
  });

  test("never opens what the role alone does not", () => {
    const asked = fc.constantFrom(...permissions.values());
    const scope = fc.constantFrom("*", "action", "action:run:core.noop", "rule:list", "key", "backup:create");
    fc.assert(
      fc.property(fc.constantFrom(...apiRoles), fc.array(scope), asked, (role, scopes, permission) => {
        if (may({ role, scopes }, permission, "core.noop"))
          expect(may({ role }, permission, "core.noop")).toBe(true);
      }),
    );
  });
});

test.each([
  [{ role: "admin" }, { role: "admin", scopes: [] }, true],
  [{ role: "admin" }, { role: "operator", scopes: ["rule"] }, true],
  [{ role: "admin", scopes: ["apikey"] }, { role: "observer", scopes: [] }, false],
  [{ role: "operator" }, { role: "admin", scopes: [] }, false],
] as const)("%j may hand out %j: %j", (by, key, allowed) => {
  expect(mayHandOut(who(by), key)).toBe(allowed);
});

/** Who an action runs as: the host's own file decides. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  chooseUser,
  environmentOf,
  type OwnUser,
  type UserRules,
  userRules,
} from "../../../../agent/actions/action-user.ts";
import type { JsonObject } from "../../../../shared/json.ts";
import { nobody } from "../../../support/runner-settings.ts";

const root: OwnUser = { name: "root", isRoot: true };
const joe: OwnUser = { name: "joe", isRoot: false };
const rules = (changes: Partial<UserRules> = {}): UserRules => ({
  user: "petrel",
  runAs: ["deploy"],
  sudo: false,
  ...changes,
});
const choose = (runner_parameters: JsonObject, own = root, changes: Partial<UserRules> = {}) =>
  chooseUser({ action: "core.local", runner_parameters }, rules(changes), own);

describe("the user of an action", () => {
  it.each<[string, JsonObject, OwnUser, Partial<UserRules>, string | null]>([
    ["is the one of the file", {}, root, {}, "petrel"],
    ["is the one it asks for", { run_as: "deploy" }, root, {}, "deploy"],
    ["is the usual one when it asks for that", { run_as: "petrel" }, root, {}, "petrel"],
    ["is nobody else for an empty wish", { run_as: "" }, root, {}, "petrel"],
    ["is root where the file says so", {}, root, { user: "root" }, null],
    ["is root again only where the file lists it", { run_as: "root" }, root, { runAs: ["root"] }, null],
    ["is the agent's own without a rule", {}, root, { user: null }, null],
    ["is the agent's own when that is not root", {}, joe, { user: null }, null],
    ["is the agent's own by name", { run_as: "joe" }, joe, { user: null }, null],
    ["is the usual one with sudo, which the host's sudo judges", { sudo: true }, root, {}, "petrel"],
    ["is root with sudo where the file allows that", { sudo: true }, root, { sudo: true }, null],
    ["stays what it is with sudo: false", { sudo: false }, root, { sudo: true }, "petrel"],
    ["is no root by sudo for an agent that is none", { sudo: true }, joe, { user: null, sudo: true }, null],
  ])("%s", (_name, parameters, own, changes, user) => {
    expect(choose(parameters, own, changes)).toBe(user);
  });

  it.each<[string, JsonObject, OwnUser, Partial<UserRules>, string]>([
    ["a user the file does not list", { run_as: "postgres" }, root, {}, "RUN_AS_REFUSED"],
    ["root that the file does not list", { run_as: "root" }, root, {}, "RUN_AS_REFUSED"],
    [
      "somebody else of an agent that is not root",
      { run_as: "deploy" },
      joe,
      { user: null },
      "RUN_AS_REFUSED",
    ],
    ["a user and sudo at once", { run_as: "deploy", sudo: true }, root, {}, "PARAMETER_INVALID"],
    ["what is no name", { run_as: "a b" }, root, {}, "PARAMETER_INVALID"],
    ["a number", { run_as: 0 }, root, {}, "PARAMETER_INVALID"],
  ])("refuses %s", (_name, parameters, own, changes, code) => {
    expect(() => choose(parameters, own, changes)).toThrow(expect.objectContaining({ code }));
  });

  it("says how a host allows it", () => {
    expect(() => choose({ run_as: "postgres" })).toThrow(
      expect.objectContaining({ hint: expect.stringContaining("add 'postgres' to actions.run_as") }),
    );
  });

  it("is never root, whatever a request says, unless the file says so", () => {
    const wish = fc.record(
      {
        run_as: fc.oneof(fc.constantFrom("root", "deploy", "petrel", ""), fc.anything()),
        sudo: fc.anything(),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(wish, (runner_parameters) => {
        let user: string | null = "refused";
        try {
          user = choose(runner_parameters as JsonObject);
        } catch {}
        expect(["petrel", "deploy", "refused"]).toContain(user);
      }),
    );
  });
});

describe("the rules of an agent", () => {
  const file = { user: null, run_as: ["deploy"], sudo: false };
  it.each<[string, string | null, boolean, OwnUser, string | null]>([
    ["take rights from a root agent's actions", null, false, root, "petrel"],
    ["leave them to one that is tried out", null, true, root, null],
    ["know nobody else without root", null, false, joe, null],
    ["take the file's word", "root", false, root, "root"],
    ["take the file's word, also when tried out", "deploy", true, root, "deploy"],
  ])("%s", (_name, user, dev, own, expected) => {
    expect(userRules({ ...file, user }, dev, own)).toEqual({
      user: expected,
      runAs: ["deploy"],
      sudo: false,
    });
  });

  it("cannot be kept by an agent that is not root", () => {
    expect(() => userRules({ ...file, user: "petrel" }, false, joe)).toThrow(
      expect.objectContaining({ code: "CONFIG_INVALID" }),
    );
  });
});

it("gives another user its own home, and none of the agent's folders", () => {
  const base = { PATH: "/bin", HOME: "/root", USER: "root", LOGNAME: "root", TMPDIR: "/root/tmp", TZ: "UTC" };
  expect(environmentOf(base, { ...nobody, shell: "" })).toEqual({
    PATH: "/bin",
    TZ: "UTC",
    HOME: "/nonexistent",
    USER: "nobody",
    LOGNAME: "nobody",
    SHELL: "/bin/sh",
  });
});

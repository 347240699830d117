import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import {
  HostPolicy,
  type PolicyRules,
  type RefusedBy,
  type Subject,
} from "../../../../agent/policy/host-policy.ts";
import { actionRequest } from "../../../support/runner-settings.ts";

const nothing: PolicyRules = { allow: {}, deny: {} };

const names: readonly [
  what: string,
  rules: Partial<PolicyRules>,
  subject: Subject,
  name: string,
  ok: boolean,
][] = [
  ["no list", {}, "packs", "any", true],
  ["an empty list of what is allowed", { allow: { packs: [] } }, "packs", "core", false],
  ["an empty list of what is denied", { deny: { packs: [] } }, "packs", "core", true],
  ["a name", { allow: { packs: ["core"] } }, "packs", "core", true],
  ["another name", { allow: { packs: ["core"] } }, "packs", "corer", false],
  ["another case", { allow: { users: ["app"] } }, "users", "App", false],
  ["a list of something else", { allow: { packs: [] } }, "actions", "core.local", true],
  ["a pattern", { allow: { actions: ["backup.*"] } }, "actions", "backup.full.now", true],
  ["a pattern's dot is a dot", { allow: { actions: ["backup.*"] } }, "actions", "backupx.full", false],
  ["a pattern over the whole name", { allow: { actions: ["*.local"] } }, "actions", "core.local_sudo", false],
  ["a set", { allow: { users: ["app[12]"] } }, "users", "app2", true],
  ["a name that looks like a pattern's", { allow: { actions: ["a.b"] } }, "actions", "a.*", false],
  ["what is denied", { deny: { actions: ["core.local"] } }, "actions", "core.local", false],
  ["what is not denied", { deny: { actions: ["core.local"] } }, "actions", "core.local_sudo", true],
  ["what is both", { allow: { packs: ["*"] }, deny: { packs: ["core"] } }, "packs", "core", false],
];

const upgrades: readonly [what: string, rules: Partial<PolicyRules>, ok: boolean][] = [
  ["a file that takes nothing away", {}, true],
  ["one that only names sudo", { allow: { sudo: true } }, true],
  ["one that takes sudo away", { allow: { sudo: false } }, false],
  ["one that lists what is allowed", { allow: { packs: ["*"] } }, false],
  ["one that lists what is denied", { deny: { actions: [] } }, false],
  ["one that says so", { allow: { packs: [], upgrades: true }, deny: { users: ["root"] } }, true],
  ["one that says no", { allow: { upgrades: false } }, false],
];

describe("that the hub upgrades the agent", () => {
  it.each(upgrades)("%s", (_what, rules, ok) => {
    const refusal = new HostPolicy({ ...nothing, ...rules }).judgeUpgrade();
    expect(refusal === null).toBe(ok);
    if (refusal !== null) expect(refusal).toMatchObject({ by: "upgrades", error: { code: "HOST_REFUSED" } });
  });
});

describe("a name", () => {
  it.each(names)("%s", (_what, rules, subject, name, ok) => {
    const refusal = new HostPolicy({ ...nothing, ...rules }).judge(subject, name);
    expect(refusal === null).toBe(ok);
    if (refusal !== null) expect(refusal).toMatchObject({ by: subject, error: { code: "HOST_REFUSED" } });
  });

  test("is told back with the list that refused it, and nothing else of the file", () => {
    const policy = new HostPolicy({ allow: { packs: ["secret_pack"] }, deny: { packs: ["other_secret"] } });
    const { message, where, hint } = policy.judge("packs", "asked")?.error ?? {};
    expect({ message, where }).toEqual({
      message: "the policy of this host does not allow pack 'asked'",
      where: "allow.packs",
    });
    expect(`${message}${where}${hint}`).not.toContain("secret");
    expect(policy.judge("packs", "other_secret")?.error.where).toBe("deny.packs");
  });

  test("that is denied is never allowed, and less allowed is never more", () => {
    const name = fc.constantFrom("core.local", "core.echo", "backup.full", "a.b");
    const list = fc.array(fc.constantFrom("core.local", "core.*", "*", "backup.f?ll", "a.b"), {
      maxLength: 4,
    });
    fc.assert(
      fc.property(name, list, list, (asked, allow, deny) => {
        const judged = (rules: PolicyRules) => new HostPolicy(rules).judge("actions", asked) === null;
        const allowed = judged({ allow: { actions: allow }, deny: {} });
        const denied = !judged({ allow: {}, deny: { actions: deny } });
        expect(judged({ allow: { actions: allow }, deny: { actions: deny } })).toBe(allowed && !denied);
        if (judged({ allow: { actions: allow.slice(1) }, deny: {} })) expect(allowed).toBe(true);
      }),
    );
  });
});

const shell = { action: "core.local", pack: "core", runner: "local-shell-cmd", runner_parameters: {} };
const asking = (over: object) => ({ ...shell, ...over });

const requests: readonly [what: string, rules: Partial<PolicyRules>, over: object, by: RefusedBy | null][] = [
  ["nothing said", {}, {}, null],
  ["its pack", { allow: { packs: ["backup"] } }, {}, "packs"],
  ["its action", { deny: { actions: ["core.local"] } }, {}, "actions"],
  ["its runner", { deny: { runners: ["local-shell-*"] } }, {}, "runners"],
  ["its user", { allow: { users: ["deploy"] } }, {}, "users"],
  ["the right user", { allow: { users: ["petrel"] } }, {}, null],
  ["sudo, where it is not spoken of", {}, { runner_parameters: { sudo: true } }, null],
  ["sudo, not allowed", { allow: { sudo: false } }, { runner_parameters: { sudo: true } }, "sudo"],
  ["no sudo, not allowed", { allow: { sudo: false } }, { runner_parameters: { sudo: false } }, null],
  [
    "sudo, root not allowed",
    { allow: { users: ["petrel"] } },
    { runner_parameters: { sudo: true } },
    "users",
  ],
  [
    "sudo, root allowed",
    { allow: { users: ["petrel", "root"] } },
    { runner_parameters: { sudo: true } },
    null,
  ],
  ["sudo, root denied", { deny: { users: ["root"] } }, { runner_parameters: { sudo: true } }, "users"],
  ["no process, so no user", { allow: { users: [] } }, { runner: "noop" }, null],
  ["no process, and its runner", { allow: { runners: [] } }, { runner: "noop" }, "runners"],
  // A hub that lies about which pack it is.
  ["an action of another pack", { allow: { packs: ["core"] } }, { action: "backup.full" }, "names"],
  ["an action in the name of an allowed one", { allow: { actions: ["core.*"] } }, { pack: "evil" }, "names"],
];

describe("a request", () => {
  it.each(requests)("%s", (_what, rules, over, by) => {
    const policy = new HostPolicy({ ...nothing, ...rules });
    const request = { ...actionRequest({}), ...asking(over) };
    expect(policy.judgeRequest(request, () => "petrel")?.by ?? null).toBe(by);
  });

  test("whose user is not known is judged by the rest", () => {
    const policy = new HostPolicy({ allow: { users: ["petrel"] }, deny: {} });
    expect(policy.judgeRequest(asking({}), () => null)).toBe(null);
    expect(policy.judgeRequest(asking({ runner_parameters: { sudo: true } }), () => null)?.by).toBe("users");
  });
});

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it, test } from "vitest";
import { parsePolicy } from "../../../../agent/policy/parse-policy.ts";
import { runners } from "../../../../shared/packs/runners.ts";

const read = (text: string) => parsePolicy(text, "policy.yaml", [...runners.keys()]);

test("docs/policy.example.yaml can be read, and shows every name", () => {
  const text = readFileSync(resolve(import.meta.dirname, "../../../../docs/policy.example.yaml"), "utf8");
  const { allow, deny } = read(text);
  expect(Object.keys(allow).toSorted()).toEqual([
    "actions",
    "packs",
    "runners",
    "sensors",
    "sudo",
    "upgrades",
    "users",
  ]);
  expect(deny).toEqual({ actions: ["core.local", "core.local_sudo"] });
});

test.each([
  ["allow: {}", { allow: {}, deny: {} }],
  ["deny: {packs: [evil]}", { allow: {}, deny: { packs: ["evil"] } }],
  ["allow: {packs: []}", { allow: { packs: [] }, deny: {} }],
])("%s", (text, rules) => expect(read(text)).toEqual(rules));

const faults: readonly [what: string, text: string, says: RegExp, where: string][] = [
  ["nothing", "", /says nothing; write `allow: \{\}`/, "policy.yaml"],
  ["only comments", "# allow:\n#   packs: []\n", /says nothing/, "policy.yaml"],
  ["an empty mapping", "{}", /says nothing/, "policy.yaml:1"],
  ["a list", "- core\n", /the policy must be object/, "policy.yaml:1"],
  ["no value for allow", "allow:\n", /allow has no value; write \[\] for none/, "policy.yaml:1"],
  ["no value for a list", "allow:\n  packs:\n  # - core\n", /allow\.packs has no value/, "policy.yaml:2"],
  ["an unknown name", "alow:\n  packs: []\n", /unknown name 'alow'; write 'allow'/, "policy.yaml:1"],
  ["an unknown list", "deny:\n  pack: []\n", /unknown name 'deny.pack'; write 'packs'/, "policy.yaml:2"],
  ["sudo denied", "deny:\n  sudo: true\n", /write `sudo: false` under `allow`/, "policy.yaml:2"],
  ["sudo as text", "allow:\n  sudo: never\n", /allow\.sudo must be boolean/, "policy.yaml:2"],
  ["a text for a list", "allow:\n  packs: core\n", /allow\.packs must be array/, "policy.yaml:2"],
  [
    "an action without its pack",
    "deny:\n  actions:\n    - local\n",
    /"local"; write an action \(core/,
    "policy.yaml:3",
  ],
  [
    "a runner that is misspelt",
    "deny: {runners: [local-shel-cmd]}",
    /write 'local-shell-cmd'/,
    "policy.yaml:1",
  ],
  ["a pattern of no runner", "deny: {runners: ['shell-*']}", /no runner 'shell-\*'/, "policy.yaml:1"],
  ["an old runner's name", "deny: {runners: [run-python]}", /no runner 'run-python'/, "policy.yaml:1"],
  ["a number for a user", "allow: {users: [0]}", /users\.0 must be string/, "policy.yaml:1"],
  ["a pattern without quotes", "allow:\n  packs: [*]\n", /./, "policy.yaml:2"],
  ["a name twice", "allow: {packs: []}\nallow: {}\n", /./, "policy.yaml:2"],
  ["two documents", "allow: {}\n---\nallow: {}\n", /one YAML document/, "policy.yaml"],
];

describe("refused, with its place:", () => {
  it.each(faults)("%s", (_what, text, says, where) => {
    let error: unknown;
    try {
      read(text);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toMatchObject({ code: "CONFIG_INVALID", hint: expect.stringContaining("policy.example") });
    const { message, where: place = "" } = error as Error & { where?: string };
    expect(message).toMatch(says);
    expect(`${place}${message}`).toContain(where);
  });

  test("several at once", () => {
    const all = () => read("allow:\n  packs: core\n  user: []\n");
    expect(all).toThrow(/2 faults:[\s\S]*policy.yaml:[23][\s\S]*policy.yaml:[23]/);
  });
});

/** `petrel rule why` and `rule replay`: what a rule made of what occurred, and what a changed one would have made of it. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Replay, RuleWhy } from "../../../hub/rules/hindsight.ts";
import type { Execution } from "../../../shared/model/execution.ts";
import type { RuleVersion } from "../../../shared/model/rule.ts";
import { sharedByFile } from "../../support/at-end.ts";
import { createHub } from "../../support/fleet.ts";
import { packsRunning, userOf } from "../../support/fleet-user.ts";
import { handmadeAgent } from "../../support/handmade-agent.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const rule = (name: string, ...more: readonly string[]) =>
  [
    `name: ${name}`,
    "enabled: true",
    "trigger: {type: chain.event}",
    "criteria:",
    "  trigger.size: {type: greaterthan, pattern: 10}",
    "  trigger.name: {type: startswith, pattern: a}",
    "action: {ref: core.echo, parameters: {message: 'it is {{ trigger.name }}'}}",
    ...more,
  ].join("\n");

const idOf = (n: number) => `01K${String(n).padStart(23, "0")}`;

/** A hub with a rule, and eight triggers of which two match. */
const shared = sharedByFile(async () => {
  const hub = await createHub();
  await hub.start();
  const user = userOf(hub);
  await user.says("pack", "register", `${packsRunning}/chain`);
  await user.rule(rule("big"));
  await user.rule(rule("elsewhere", "origins: {labels: {role: web}}"));
  await user.rule(rule("rest", "type: backstop"));
  await user.rule(rule("nowhere").replace("parameters:", "target: {labels: {role: none}}, parameters:"));
  const agent = await handmadeAgent(hub, "web-1");
  const payloads = [5, 20, 30, 40].flatMap((size) => ["ab", "ba"].map((name) => ({ size, name })));
  await agent.send(
    ...[...payloads.slice(0, 3), { size: "x", name: "ab" }, ...payloads.slice(3)].map((payload, n) => ({
      id: idOf(n),
      at: new Date().toISOString(),
      kind: "trigger",
      trigger: "chain.event",
      payload,
      sensor: null,
    })),
  );
  const why = (ref: string, n: number) => user.json<RuleWhy>("rule", "why", `default.${ref}`, idOf(n));
  return { user, why };
});

test("why: every criterion with what it found, and the action as it was called", async () => {
  const { user, why } = shared();
  const [execution] = await user.json<Execution[]>(
    "execution",
    "list",
    "--rule",
    "default.big",
    "--limit",
    "1",
  );
  expect(execution?.parameters).toMatchObject({ message: "it is ab" });
  expect(await why("big", 2)).toMatchObject({
    rule: "default.big",
    trigger_instance: idOf(2),
    matched: true,
    skipped: null,
    error: null,
    criteria: [
      { key: "trigger.size", operator: "greaterthan", pattern: 10, value: 20, result: true },
      { key: "trigger.name", operator: "startswith", pattern: "a", value: "ab", result: true },
    ],
    action: { ref: "core.echo", parameters: { message: "it is ab" } },
    agents: ["web-1"],
    enforcement: { rule: "default.big", trigger_instance: idOf(2), status: "succeeded" },
    notes: [],
  });
  expect(await user.says("rule", "why", "default.big", idOf(2))).toContain("runs core.echo on web-1");
  expect(await why("big", 1)).toMatchObject({
    matched: false,
    action: null,
    enforcement: null,
    criteria: [{ result: false }, { result: false }],
  });
});

test("why: what counts besides the criteria is named", async () => {
  const { user, why } = shared();
  expect(await why("elsewhere", 2)).toMatchObject({
    matched: false,
    skipped: "its agent is none of the rule's origins",
    criteria: [{ result: true }, { result: true }],
  });
  expect(await why("rest", 2)).toMatchObject({
    matched: true,
    enforcement: null,
    notes: ["it is a backstop rule, and default.big matches"],
  });
  expect((await why("nowhere", 2)).error).toMatch(/^RULE_TARGET: /);
  expect(await why("big", 3)).toMatchObject({
    matched: false,
    error: expect.stringMatching(/^CRITERIA_TYPE: /),
    criteria: [{ result: null }, { result: true }],
    enforcement: { status: "failed" },
    notes: [expect.stringMatching(/^it failed then: CRITERIA_TYPE/)],
  });
  await user.says("rule", "disable", "default.elsewhere");
  expect((await why("elsewhere", 2)).notes).toEqual([
    "the rule is disabled",
    expect.stringMatching(/^the rule has changed since/),
  ]);
});

test("why: a secret that a criterion compares with is not shown", async () => {
  const { user, why } = shared();
  await user.says("key", "set", "token", "ab", "--encrypt");
  await user.rule(rule("secret").replace("pattern: a", 'pattern: "{{ st2kv.system.token | decrypt_kv }}"'));
  expect((await why("secret", 2)).criteria[1]).toMatchObject({
    pattern: "********",
    value: "ab",
    result: true,
  });
});

test("why: asks for what is there", async () => {
  const { user } = shared();
  for (const [ref, id, code] of [
    ["default.bog", idOf(1), "NOT_FOUND: no rule is called default.bog"],
    ["default.big", "none", "NOT_FOUND: no trigger instance 'none'"],
  ] as const) {
    const { code: exit, stderr } = await user.run("rule", "why", ref, id);
    expect([exit, stderr]).toEqual([1, expect.stringContaining(code)]);
  }
});

test("replay: counts what a rule, or a text, would have done, and does nothing", async () => {
  const { user } = shared();
  const before = await user.json<Execution[]>("execution", "list", "--limit", "100");
  const replay = (...words: readonly string[]) => user.json<Replay>("rule", "replay", ...words);
  expect(await replay("default.big", "--since", "1h")).toMatchObject({
    rule: "default.big",
    looked: 9,
    matched: 3,
    failed: 1,
    items: [
      { trigger_instance: idOf(2), matched: true, agents: ["web-1"], parameters: { message: "it is ab" } },
      { trigger_instance: idOf(3), matched: false, error: expect.stringContaining("CRITERIA_TYPE") },
      { trigger_instance: idOf(5) },
      { trigger_instance: idOf(7) },
    ],
  });
  const file = join(await tempFolder("rule"), "changed.yaml");
  await writeFile(file, rule("big").replace("pattern: 10", "pattern: 35"));
  expect(await replay(file)).toMatchObject({ looked: 9, matched: 1, failed: 1 });
  expect(await replay(file, "--since", "2020-01-01T00:00:00Z", "--until", "1h")).toMatchObject({ looked: 0 });
  const text = await user.says("rule", "replay", "default.big", "-n", "1");
  expect(text).toContain("default.big: 3 of 9 triggers");
  expect(text).toContain("1 could not be judged (the first 1 are shown; -n shows more); nothing was run");
  await writeFile(file, rule("big").replace("chain.event", "chain.evend"));
  const { code, stderr } = await user.run("rule", "replay", file);
  expect([code, stderr]).toEqual([2, expect.stringContaining("write 'chain.event'")]);
  expect(await user.json<Execution[]>("execution", "list", "--limit", "100")).toHaveLength(before.length);
});

test("an update says when the file turns a switch that somebody turned by hand", async () => {
  const { user } = shared();
  const ref = "default.switched";
  const file = join(await tempFolder("rule"), "switched.yaml");
  await writeFile(file, rule("switched"));
  await user.says("rule", "create", file);
  await user.says("rule", "disable", ref);
  expect(await user.says("rule", "update", ref, file)).toBe(
    `${ref} is replaced; it was disabled, and is enabled now, as the file says\n`,
  );
  expect(await user.says("rule", "update", ref, file)).toBe(`${ref} is so already\n`);
  await writeFile(file, rule("switched").replace("enabled: true", "enabled: false"));
  expect(await user.says("rule", "update", ref, file)).toContain("it was enabled, and is disabled now");
  await writeFile(file, rule("switched").replace("enabled: true", "enabled: false\nmode: shadow"));
  expect(await user.json("rule", "update", ref, file)).toMatchObject({
    enabled: false,
    rev: 5,
    replaced: { rev: 4, enabled: false },
  });
});

test("history and rollback: a rule is again what it was, and stays disabled if it is", async () => {
  const { user } = shared();
  const ref = "default.versions";
  const file = join(await tempFolder("rule"), "versions.yaml");
  await user.rule(rule("versions"));
  await writeFile(file, rule("versions").replace("pattern: 10", "pattern: 50"));
  await user.says("rule", "update", ref, file);
  await user.says("rule", "disable", ref);
  const history = () => user.json<RuleVersion[]>("rule", "history", ref);
  const revs = async () => (await history()).map(({ rev, rule: then }) => [rev, then?.enabled ?? null]);
  expect(await revs()).toEqual([
    [3, false],
    [2, true],
    [1, true],
  ]);
  const table = await user.says("rule", "history", ref);
  expect(table).toMatch(/^3 .* false +enabled$/m);
  expect(table).toMatch(/^2 .* true +criteria\.trigger\.size\.pattern$/m);
  expect(table).toMatch(/^1 .* true +made$/m);
  expect(await user.says("rule", "history", ref, "--rev", "2")).toContain("pattern: 50");
  expect(await user.says("rule", "rollback", ref, "--to", "1")).toContain("version 1 again, as version 4");
  expect(await user.json("rule", "get", ref)).toMatchObject({
    enabled: false,
    rev: 4,
    criteria: { "trigger.size": { pattern: 10 } },
  });
  // What it is already makes no version: the history would not have it.
  expect(await user.says("rule", "rollback", ref, "--to", "1")).toContain("is that already, in version 4");
  expect((await history()).map(({ rev }) => rev)).toEqual([4, 3, 2, 1]);
  await user.says("rule", "rollback", ref);
  expect(await user.json("rule", "get", ref)).toMatchObject({
    criteria: { "trigger.size": { pattern: 50 } },
  });
  expect(await user.json("rule", "disable", ref)).toMatchObject({ rev: 5 });
  await user.says("rule", "delete", ref);
  expect((await revs())[0]).toEqual([5, null]);
  await user.says("rule", "rollback", ref, "--to", "1");
  expect(await user.json("rule", "get", ref)).toMatchObject({ enabled: true, rev: 6 });
  await user.says("rule", "delete", ref);
  await user.rule(rule("versions"));
  expect((await revs())[0]).toEqual([7, true]);
  const { code, stderr } = await user.run("rule", "rollback", ref, "--to", "99");
  expect([code, stderr]).toEqual([
    1,
    expect.stringContaining("NOT_FOUND: rule default.versions has no version 99"),
  ]);
});

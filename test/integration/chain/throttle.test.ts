/** Rules with a throttle, as their author meets them: what acts, what is held back, what the digest says, where it is seen. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import type { Replay, RuleWhy } from "../../../hub/rules/hindsight.ts";
import type { Execution } from "../../../shared/model/execution.ts";
import type { Enforcement } from "../../../shared/model/rule.ts";
import { sharedByFile } from "../../support/at-end.ts";
import { createHub } from "../../support/fleet.ts";
import { packsRunning, userOf } from "../../support/fleet-user.ts";
import { handmadeAgent } from "../../support/handmade-agent.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { waitUntil } from "../../support/wait-until.ts";

const message = `{{ trigger.name }} {{ trigger.size }}{% if throttle.count %} is the last of {{ throttle.count }} \
({% for each in throttle.first %}{{ each.origin.agent }}:{{ each.trigger.size }} {% endfor %}), {{ throttle.query }}{% endif %}`;

const rule = (name: string, throttle: string, more = "") => `
name: ${name}
enabled: true
trigger: {type: chain.event}
criteria: {trigger.rule: {type: equals, pattern: ${name}}}
throttle: ${throttle}
action: {ref: core.echo, parameters: {message: "${message}"}}
${more}`;

let sent = 0;
const idOf = (n: number) => `01K${String(n).padStart(23, "0")}`;

const shared = sharedByFile(async () => {
  const hub = await createHub();
  await hub.start();
  const user = userOf(hub);
  await user.says("pack", "register", `${packsRunning}/chain`);
  const agents = new Map([
    ["web-1", await handmadeAgent(hub, "web-1")],
    ["web-2", await handmadeAgent(hub, "web-2")],
  ]);
  /** Triggers of this rule; resolves to their ids. */
  const tell = async (of: string, agent: string, ...payloads: readonly object[]) => {
    const entries = payloads.map((payload) => ({
      id: idOf(++sent),
      at: new Date().toISOString(),
      kind: "trigger",
      trigger: "chain.event",
      payload: { rule: of, ...payload },
      sensor: null,
    }));
    await agents.get(agent)?.send(...entries);
    return entries.map(({ id }) => id);
  };
  const fired = (name: string, more = "") =>
    hub.all<Enforcement>(`/v1/rule-enforcements?rule=default.${name}${more}`);
  const digestsOf = (name: string, count: number) =>
    waitUntil(`${count} digests of ${name}`, async () => {
      const found = (await fired(name)).filter(({ digest }) => digest !== undefined);
      return found.length >= count && found;
    });
  const messages = async (name: string) =>
    (await hub.all<Execution>(`/v1/executions?rule=default.${name}`)).map(
      ({ agent, parameters }) => `${agent}: ${String(parameters.message)}`,
    );
  return { hub, user, tell, fired, digestsOf, messages };
});

const sizes = (count: number, name = "n") => Array.from({ length: count }, (_, size) => ({ name, size }));

test("a flood acts once, and is told by one digest, for each key and agent", async () => {
  const { user, tell, fired, digestsOf, messages } = shared();
  await user.rule(rule("flood", "{key: [trigger.name], every: 4, collect: 2}"));
  await tell("flood", "web-1", ...sizes(40), ...sizes(1, "other"));
  await tell("flood", "web-2", ...sizes(2));
  const [one, two] = (await digestsOf("flood", 2)).sort(
    (a, b) => (b.digest?.count ?? 0) - (a.digest?.count ?? 0),
  );
  expect(one).toMatchObject({ status: "succeeded", digest: { key: "n", count: 39 } });
  expect(two).toMatchObject({ status: "succeeded", digest: { key: "n", count: 1 } });
  expect((await messages("flood")).sort()).toEqual(
    [
      "web-1: n 0",
      "web-1: other 0",
      "web-2: n 0",
      `web-1: n 39 is the last of 39 (web-1:1 web-1:2 ), petrel rule-enforcement list --digest ${one?.id}`,
      `web-2: n 1 is the last of 1 (web-2:1 ), petrel rule-enforcement list --digest ${two?.id}`,
    ].sort(),
  );
  expect(await fired("flood", "&status=throttled")).toHaveLength(40);
  const args = ["rule-enforcement", "list", "--digest", one?.id ?? "", "--limit", "100"];
  expect(await user.json<Enforcement[]>(...args)).toHaveLength(39);
  expect(await user.says(...args)).toContain(`held back for ${one?.id}`);
  expect(await user.says("rule-enforcement", "list", "--rule", "default.flood")).toMatch(/digest of 39: 01/);
});

test("why tells what was held back, and what told of it; replay, how many would be", async () => {
  const { user, tell, digestsOf } = shared();
  await user.rule(rule("why", "{every: 3}"));
  const [first = "", held = "", newest = ""] = await tell("why", "web-1", ...sizes(3));
  const why = (id: string) => user.json<RuleWhy>("rule", "why", "default.why", id);
  expect(await why(first)).toMatchObject({ enforcement: { status: "succeeded" }, notes: [] });
  const [digest] = await digestsOf("why", 1);
  for (const id of [held, newest]) {
    expect(await why(id)).toMatchObject({
      matched: true,
      throttle_key: "",
      enforcement: { status: "throttled", executions: [], throttle: { digest: digest?.id } },
      digest: { id: digest?.id, digest: { count: 2 }, executions: digest?.executions },
      notes: [
        `it was held back for the digest ${digest?.id}, which told of 2 at ${digest?.enforced_at}: execution ${digest?.executions[0]}`,
      ],
    });
  }
  expect(await user.says("rule", "why", "default.why", held)).toContain("would run core.echo on web-1");
  const file = join(await tempFolder("rule"), "why.yaml");
  await writeFile(file, rule("why", "{every: 1h, max: 2}"));
  expect(await user.json<Replay>("rule", "replay", file)).toMatchObject({
    matched: 3,
    paced: { at_once: 2, held_back: 1, digests: 1 },
  });
  expect(await user.says("rule", "replay", file)).toContain(
    "would run 2 at once, and hold 1 back for 1 digests",
  );
});

test("a rule that is disabled, deleted or in shadow mode at the end leaves a trace and does not act", async () => {
  const { hub, user, tell, digestsOf, messages } = shared();
  const cases = ["disabled", "deleted", "shadow"];
  for (const name of cases)
    await user.rule(rule(name, "{every: 8}", name === "shadow" ? "mode: shadow" : ""));
  for (const name of cases) await tell(name, "web-1", ...sizes(3));
  await hub.api("POST", "/v1/rules/default.disabled/disable");
  await user.says("rule", "delete", "default.deleted");
  for (const name of ["disabled", "deleted"]) {
    const [digest] = await digestsOf(name, 1);
    expect(digest).toMatchObject({
      status: "failed",
      failure_reason: expect.stringMatching(
        `^RULE_DIGEST: the rule was ${name} while 2 triggers were held back`,
      ),
      digest: { count: 2 },
    });
    expect(await messages(name)).toHaveLength(1);
  }
  expect((await digestsOf("shadow", 1))[0]).toMatchObject({
    status: "succeeded",
    shadow: true,
    executions: [],
  });
  expect(await messages("shadow")).toEqual([]);
});

test("a digest acts by the rule as it is then", async () => {
  const { hub, user, tell, digestsOf, messages } = shared();
  await user.rule(rule("changed", "{every: 8}"));
  await tell("changed", "web-1", ...sizes(3));
  const text = rule("changed", "{every: 1h}").replace(message, "{{ throttle.count }} in new words");
  await hub.api("PUT", "/v1/rules/default.changed", parse(text));
  await digestsOf("changed", 1);
  expect(await messages("changed")).toEqual(["web-1: n 0", "web-1: 2 in new words"]);
});

test("rule test renders the action of a throttled rule, and says what it counts under", async () => {
  const { user } = shared();
  const folder = await tempFolder("rule");
  const [file, trigger] = [join(folder, "rule.yaml"), join(folder, "trigger.json")];
  await writeFile(file, rule("tested", '{every: 1m, key: "{{ origin.agent }}"}'));
  const payload = { rule: "tested", name: "n", size: 7 };
  await writeFile(trigger, JSON.stringify({ trigger: "chain.event", payload, origin: { agent: "web-1" } }));
  const args = ["rule", "test", file, "--trigger", trigger, "--packs", "packs"];
  const said = await user.run(...args);
  expect(said.stdout).toContain('would run core.echo, unless held back with others of the key "web-1"');
  expect(said.stdout).toContain('message: "n 7"');
  const { stdout } = await user.run(...args, "--json");
  expect(JSON.parse(stdout)).toMatchObject({ matched: true, throttle_key: "web-1" });
});

test("metrics count what was held back", async () => {
  const { hub, tell, user } = shared();
  await user.rule(rule("counted", "{every: 1h}"));
  const held = async () => {
    const { key } = JSON.parse(await readFile(join(hub.data, "api.json"), "utf8")) as { key: string };
    const headers = { authorization: `Bearer ${key}` };
    const text = await (await fetch(`${hub.url}/metrics`, { headers })).text();
    return Number(/^petrel_rule_throttled_total (\d+)$/m.exec(text)?.[1]);
  };
  const before = await held();
  await tell("counted", "web-1", ...sizes(5));
  expect((await held()) - before).toBe(4);
});

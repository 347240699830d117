/**
 * Packs in the manner of the StackStorm Exchange, all on one hub: what they ask for happens, and results are what
 * StackStorm gives, field by field.
 */
import { createSocket } from "node:dgram";
import { access, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Json } from "../../../shared/json.ts";
import type { Execution } from "../../../shared/model/execution.ts";
import type { TriggerInstance } from "../../../shared/model/trigger.ts";
import { sharedByFile } from "../../support/at-end.ts";
import { executionsOf, sensorsRun } from "../../support/fleet-user.ts";
import { installPublished, published } from "../../support/published-packs.ts";
import { runPetrel } from "../../support/run-petrel.ts";
import { waitUntil } from "../../support/wait-until.ts";

const shared = sharedByFile(installPublished);

/** What a shell's runner gives back. */
const shell = (stdout: Json, stderr: Json = "", code = 0) => ({
  failed: code !== 0,
  succeeded: code === 0,
  return_code: code,
  stdout,
  stderr,
});
const python = (result: Json, stderr = "", stdout = "") => ({ stdout, stderr, exit_code: 0, result });
const resultsOf = async (rule: string, count = 1) =>
  (await executionsOf(shared().hub, rule, count)).map(({ status, result }) => ({ status, result }));
const succeeded = (result: Json) => ({ status: "succeeded", result });

interface EnforcementRow {
  readonly rule: string;
  readonly status: string;
  readonly failure_reason: string | null;
}
const enforcementsOf = async (rule: string) =>
  (await shared().hub.all<EnforcementRow>("/v1/rule-enforcements")).filter((row) => row.rule === rule);

describe("installing", () => {
  /** The warnings about one place, or about any. */
  const warnings = (where: string) =>
    shared()
      .said.rest.stderr.split(/^warning /m)
      .flatMap((text) => (text.includes(where) ? [text.split("\n")[0] ?? ""] : []));

  test("says what will not work, and takes the rest", () => {
    const { first, rest } = shared().said;
    expect(first).toMatchObject({ code: 0, stderr: "" });
    expect(rest.code).toBe(0);
    expect(rest.stdout).toMatch(
      /^oldops 0\.3\.0 is installed from .*: 0 sensors, 0 trigger types, 2 rules, 8 actions/m,
    );
    const later = (runner: string) =>
      `PACK_RUNNER: the runner ${runner} is not supported yet: this action fails when it is run`;
    expect(warnings("where: oldops/")).toEqual([
      "PACK_FIELD: version 0.3 is read as 0.3.0",
      ...["run-remote-script", "mistral-v2", "run-remote", "action-chain"].map(later),
      "PACK_UNSUPPORTED: action chains are not supported yet: 1 file is ignored",
      "PACK_UNSUPPORTED: workflows are not supported yet: 1 file is ignored",
      "PACK_UNSUPPORTED: metadata in JSON files is not read: what this one defines is not there",
      "PACK_IMPORT: 'requests' is imported, which StackStorm brings along and Petrel does not",
      "PACK_IMPORT: 'st2common.persistence.execution' is imported, a part of StackStorm that Petrel does not have: this code fails when it runs",
    ]);
    expect(warnings("where: flows/").slice(0, 4)).toEqual(
      ["inquirer", "orquesta", "action-chain", "winrm-ps-cmd"].map(later),
    );
    expect(rest.stderr).toContain("oldops/actions/check_load.yaml:3 (runner_type)");
  });

  test("says what is to be configured", () => {
    const lacking = (pack: string) => warnings(`petrel pack config ${pack} --set NAME=VALUE`);
    expect(lacking("forge")).toEqual(["PACK_CONFIG: 'token' is a required property"]);
    expect(lacking("syslog_server")).toEqual(["PACK_CONFIG: 'sensor_listen_port' is a required property"]);
    expect(lacking("hostadmin")).toEqual([]);
  });

  test("a pack's own tests run", async () => {
    const { code, stdout } = await runPetrel(["pack", "test", join(published, "reporting")]);
    expect({ code, last: stdout.trimEnd().split("\n").at(-1) }).toEqual({
      code: 0,
      last: "Python: 3 tests, 0 failed",
    });
  });
});

test("of 2016: old runner names, metadata without types, its own config.yaml, a script in a folder", async () => {
  const { hook, place } = shared();
  const user = { name: "ada" };
  await hook("oldops", { text: "note: hello", user, loud: true, count: 2 });
  await hook("oldops", { text: "nothing", user, count: 0 });
  expect(await resultsOf("oldops.note_on_webhook")).toEqual([
    succeeded(
      python(
        { written: "NOTE: HELLO BY ADA", oncall: "ada", missing: null },
        "st2.actions.python.NoteAction: INFO     noted 18 characters\n",
      ),
    ),
  ]);
  expect(await readFile(join(place, "notebook"), "utf8")).toBe("ops: NOTE: HELLO BY ADA\n");
  expect(await resultsOf("oldops.count_on_webhook")).toEqual([succeeded(shell("tick 1\ntick 2"))]);
  const greeting = await shared().user.json<Execution>("run", "oldops.greet", "who=ada");
  expect(greeting.result).toEqual(shell("Good morning, ada"));
});

test("like GitHub: criteria over headers and nested bodies, a base class in lib, secret configuration", async () => {
  const { hook, user } = shared();
  const repository = { full_name: "ada/engine" };
  const push = (ref: string) => ({
    ref,
    repository,
    head_commit: { id: "0123456789abcdef" },
    commits: [
      { id: "c1", author: { name: "ada" } },
      { id: "c2", author: { name: "grace" } },
    ],
  });
  const headers = { "X-Forge-Event": "push", "X-Forge-Delivery": "7" };
  await hook("forge/events", push("refs/heads/release/3.x"), headers);
  await hook("forge/events", push("refs/heads/topic"), headers);
  await hook("forge/events", push("refs/heads/main"), { "X-Forge-Event": "push" });
  const deployment = { id: 7, environment: "production", payload: { urgent: true } };
  await hook("forge/events", { deployment, repository }, { "X-Forge-Event": "deployment" });
  expect(await resultsOf("forge.status_on_push")).toEqual([
    succeeded(
      python({
        repo: "ada/engine",
        sha: "0123456",
        state: "pending",
        url: "https://forge.example.org/statuses",
        labels: ["c1", "c2"],
        with_token: true,
        user_token: null,
        api_user: "None",
      }),
    ),
  ]);
  expect(await resultsOf("forge.deploy_on_deployment_event")).toEqual([
    succeeded(shell({ repo: "ada/engine", id: 7, here: true, urgent: true })),
  ]);
  // A missing value is no text: in StackStorm, too, such a rule fails visibly.
  expect(await enforcementsOf("forge.ignore_tags")).toMatchObject([{ status: "failed" }]);
  expect(await user.json("pack", "config", "forge")).toMatchObject({ token: "********" });
  expect(await user.says("action-alias", "list")).toContain("forge.forge_add_status");
});

test("like a tracker: pages, a cursor in the datastore, secrets, triggers made by rules", async () => {
  const { hub, user, asked } = shared();
  await sensorsRun(hub, "newsfeed.FeedSensor");
  expect(await resultsOf("newsfeed.remember_items", 2)).toEqual([
    succeeded(shell("#1 Storage news by A1 (news, t1)")),
    succeeded(shell("#5 Network and storage by A5 (news, t5)")),
  ]);
  expect(await resultsOf("newsfeed.matched_storage", 3)).toEqual(
    ["storage 1", "storage 4", "storage 5"].map((line) => succeeded(shell(line))),
  );
  expect(await resultsOf("newsfeed.matched_network", 2)).toEqual(
    ["network 3", "network 5"].map((line) => succeeded(shell(line))),
  );
  const instances = await hub.all<TriggerInstance>("/v1/trigger-instances?trigger=newsfeed.item");
  expect(instances.map(({ trace_tag, validation }) => [trace_tag, validation])).toEqual(
    [1, 2, 3, 4, 5].map((id) => [`item-${id}`, null]),
  );
  expect(instances[1]?.payload).toEqual({
    ...{ id: 2, title: "Nothing", tags: ["other"], author: { name: "A2" }, proof: "s3cret k1" },
    names: ["newsfeed.FeedSensor:expiring", "newsfeed.FeedSensor:last_id"],
  });
  const feed = asked.filter(({ request }) => request.startsWith("GET /items"));
  expect(feed.slice(0, 3).map(({ request, headers }) => [request, headers.key])).toEqual(
    [0, 2, 4].map((since) => [`GET /items?since=${since}&page=1&size=2`, "k1"]),
  );
  const keys = await user.json<{ name: string; value: string }[]>("key", "list", "--prefix", "newsfeed.");
  expect(keys).toMatchObject([
    { name: "newsfeed.last_title", value: "item 5", secret: false },
    { name: "newsfeed.secret", value: "********", secret: true },
  ]);
});

test("a passive sensor with a thread and eventlet; a payload schema that is none", async () => {
  const { hub, syslogPort } = shared();
  await sensorsRun(hub, "syslog_server.SyslogSensor");
  const socket = createSocket("udp4");
  const messages = [
    "<3>web-1 kernel: Out Of Memory: killed 7",
    "<6>web-1 all is well",
    "<2>web-1 out of memory test",
  ];
  for (const message of messages)
    await new Promise((done) => socket.send(message, syslogPort, "127.0.0.1", done));
  socket.close();
  expect(await resultsOf("syslog_server.errors")).toEqual([
    succeeded(shell("host=web-1 severity=3 message=kernel: Out Of Memory: killed 7")),
  ]);
});

test("like linux: shell commands and scripts, arguments by name and by position, JSON as result, exit codes", async () => {
  const { hook, place } = shared();
  await hook("hostadmin", { do: "facts", name: "web-1" });
  await hook("hostadmin", {
    ...{ do: "arguments", name: "web-1", ports: [80, 443], options: { a: "b c", n: null }, dry: true },
    note: `quoted "x" $(id)`,
    ratio: 1.5,
  });
  await hook("hostadmin", { do: "guard" });
  await writeFile(join(place, "gone"), "");
  await hook("hostadmin", { do: "rm", target: join(place, "gone"), force: true });
  expect(await resultsOf("hostadmin.facts_asked")).toEqual([
    succeeded(shell({ name: "web-1", disks: [{ device: "sda", free: 12.5 }], ok: true })),
  ]);
  const lines = [
    "[-level=2]",
    "[-quiet]",
    "[-ratio=1.5]",
    "[1]",
    "[80,443]",
    `[it's quoted "x" $(id)]`,
    "[web-1]",
    '[{"a":"b c","n":null}]',
    "n=8",
  ];
  expect(await resultsOf("hostadmin.arguments_asked")).toEqual([
    succeeded(shell(lines.join("\n"), "pack=hostadmin")),
  ]);
  expect(await resultsOf("hostadmin.guard_asked")).toEqual([
    { status: "failed", result: shell("", "usage above 90", 3) },
  ]);
  expect(await resultsOf("hostadmin.rm_asked")).toEqual([
    succeeded(shell(`removed '${join(place, "gone")}'`)),
  ]);
  await expect(access(join(place, "gone"))).rejects.toThrow(/ENOENT/);
});

test("like chats: requests from configuration and secrets, names with dots, a body that is escaped", async () => {
  const { hub, hook, asked } = shared();
  await hook("chatpost", { alert: { level: "warn", text: 'say "hi" {{ 1 }}\nnew' } });
  const message = { channel: "#general", text: 'WARN: say "hi" {{ 1 }}\nnew', username: "stanley" };
  const [posted] = await executionsOf(hub, "chatpost.tell_chat");
  expect(posted).toMatchObject({
    action: "chatpost.chat.postMessage",
    status: "succeeded",
    parameters: { token: "********", method: "POST", message: message.text },
    result: { status_code: 200, parsed: true, body: { ok: true, message } },
  });
  expect(Object.keys(posted?.result as object).sort()).toEqual(["body", "headers", "parsed", "status_code"]);
  const [listed] = await executionsOf(hub, "chatpost.list_users");
  expect(listed).toMatchObject({
    status: "succeeded",
    result: { status_code: 200, parsed: false, body: "ada,grace" },
  });
  expect(asked.filter(({ request }) => request.includes("/api/"))).toEqual(
    expect.arrayContaining([
      {
        request: "POST /api/chat.postMessage",
        headers: { authorization: "Bearer xoxb-1" },
        body: '{"channel": "#general", "text": "WARN: say \\"hi\\" {{ 1 }}\\nnew", "username": "stanley"}',
      },
      { request: "GET /api/users?team=acme&token=adm", headers: {}, body: "" },
    ]),
  );
});

test("by the clock: timers, modules that sensors and actions share, the datastore of actions, a failure with a result", async () => {
  const { hub, user, place } = shared();
  await sensorsRun(hub, "janitor.PileSensor");
  const pile = (name: string) => join(place, "pile", name);
  for (const name of ["a.tmp", "b.tmp", "c.tmp", "kept"]) await writeFile(pile(name), "");
  const log = "st2.actions.python.CleanAction:";
  expect(await resultsOf("janitor.clean_pile")).toEqual([
    {
      status: "failed",
      result: python(
        { found: ["a.tmp", "b.tmp", "c.tmp"], most: 2, why: "too many" },
        `${log} INFO     run 1 because of pile of 3\n${log} ERROR    3 are too many\n`,
      ),
    },
  ]);
  await rm(pile("a.tmp"));
  const each = "janitor.clean_each_second";
  await user.says("rule", "enable", each);
  await waitUntil("the timer to fire", async () => {
    return (await hub.all(`/v1/executions?rule=${each}`)).length > 0;
  });
  await user.says("rule", "disable", each);
  const [first] = await executionsOf(hub, each);
  expect(first?.result).toEqual(
    python(
      {
        removed: ["b.tmp", "c.tmp"],
        runs: 2,
        local: [["janitor.CleanAction:runs", "2"]],
        shared: "interval",
        nothing: null,
        day: true,
      },
      `${log} INFO     run 2 because of interval\n`,
      "removed 2\n",
    ),
  );
  const timers = await user.json<{ type: string; next_fire: string | null }[]>("timer", "list");
  const next = new Map(timers.map((timer) => [timer.type, timer.next_fire]));
  expect(next.get("core.st2.DateTimer")).toBe("2099-01-01T12:30:00.000Z");
  expect(next.get("core.st2.CronTimer")).toMatch(/T0[12]:[024]0:00\.000Z$/);
});

describe("policies, notifications, keys", () => {
  test("a flaky action is tried again; its end and its notification are triggers", async () => {
    const { user, place } = shared();
    await user.says("key", "set", "guarded.start.1", join(place, "flaky"));
    expect(await resultsOf("guarded.flaky_on_key", 3)).toEqual([
      { status: "failed", result: shell("", "", 1) },
      { status: "failed", result: shell("", "", 1) },
      succeeded(shell("")),
    ]);
    expect(await resultsOf("guarded.on_flaky_done")).toEqual([
      succeeded(shell("guarded.flaky by local-shell-script with flaky: succeeded")),
    ]);
    expect(await resultsOf("guarded.on_notify")).toEqual([succeeded(shell("flaky is done guarded ops 0"))]);
    for (const value of ["1", "2"]) await user.says("key", "set", "guarded.level", value);
    expect(await resultsOf("guarded.on_value_change")).toEqual([succeeded(shell("1 -> 2"))]);
  });

  test("loops, conditions, filters and types; what is switched off stays off", async () => {
    const { hook } = shared();
    await hook("guarded", {
      checks: [
        { name: "disk /", status: "full", notes: ["90%", "grows"] },
        { name: "cpu", status: "ok" },
        { name: "net", status: "" },
      ],
      ...{ yaml: "a: [1, two]\nb: {c: null}", nothing: null, ratio: 0.25, version: "1.3.0" },
    });
    const lines = ["1. disk / is full (90%; grows)", "2. net is unknown", "of 3, for 1h1m1s"];
    expect(await resultsOf("guarded.report_checks")).toEqual([succeeded(shell(lines.join("\n")))]);
    expect(await resultsOf("guarded.typed_checks")).toEqual([
      succeeded(
        shell({
          names: ["disk /", "cpu", "net"],
          table: { a: [1, "two"], b: { c: null } },
          // In StackStorm, too, the default takes the place of null again.
          nothing: "given",
          ...{ count: 3, ratio: 0.25, sure: true },
        }),
      ),
    ]);
    expect(await enforcementsOf("guarded.off_action")).toMatchObject([
      { status: "failed", failure_reason: expect.stringContaining("ACTION_DISABLED") },
    ]);
    for (const rule of ["guarded.disabled_part", "guarded.nobody_else"])
      expect(await enforcementsOf(rule)).toEqual([]);
  });
});

test("of 2026: types within types, a trigger that is injected, a secret in the output", async () => {
  const { hub, hook } = shared();
  const payload = { version: "1.2.3", endpoints: [{ name: "www", path: "index" }] };
  await hook("st2", { trigger: "modern.release", payload });
  const [execution] = await executionsOf(hub, "modern.inspect_release");
  expect(execution?.result).toEqual(
    expect.objectContaining({
      exit_code: 0,
      result: {
        ...{ name: "www", password: "********", checks: 2, paths: ["/index", "/health"] },
        ...{ port: null, configured_port: 443, verify: null, expect: [200, 204], token: 6, level: 1 },
        kinds: expect.arrayContaining(["get", "head"]),
        headers: { "X-Version": "1.2.3" },
        labels: { a: "b" },
      },
    }),
  );
  expect(execution?.parameters).toMatchObject({ token: "********", endpoint: { name: "www" } });
});

test("nested configuration: defaults in lists and patterns, values and secrets of the datastore", async () => {
  const { hook, user } = shared();
  await hook("inventory", {});
  const config = {
    database: { host: "db.example.org", credentials: { password: "pw1", username: "reader" }, port: 5432 },
    accounts: [
      { name: "one", password: "hidden", secure: true },
      { name: "two", secure: false },
    ],
    mirrors: { alpha: { url: "http://a", weight: 1 }, beta: { url: "http://b", weight: 2.5 } },
    tags: { team: "ops" },
    anything: { deep: { er: [1, { x: null }] } },
    ...{ from_store: "from the store", secret_from_store: "hidden", region: "eu", verify: true, ratio: 0.5 },
  };
  expect(await resultsOf("inventory.config_asked")).toEqual([
    succeeded(python({ config, missing: "ValueError", get: "default" })),
  ]);
  expect(await resultsOf("inventory.where_asked")).toEqual([
    succeeded(shell("db.example.org:5433 one from the store none")),
  ]);
  expect(await user.says("pack", "config", "inventory")).not.toMatch(/pw1|hidden/);
});

test("workflows and chains: the pack's other actions run, these say why they cannot", async () => {
  const { hub, user, hook } = shared();
  await hook("flows", { hosts: ["a", "b"] });
  expect(await resultsOf("flows.step_on_webhook")).toEqual([succeeded(shell("step on a"))]);
  const unknown = "RUNNER_UNKNOWN: action flows.deploy wants runner 'orquesta', which Petrel does not have";
  expect(await enforcementsOf("flows.deploy_on_webhook")).toMatchObject([
    { status: "failed", failure_reason: expect.stringContaining(unknown) },
  ]);
  expect((await user.run("run", "flows.deploy", "hosts=a")).stderr).toContain(unknown);
  await waitUntil("every pack to be applied", async () => {
    const status = await user.json<{ state: string }[]>("pack", "status", "flows");
    return status.every(({ state }) => state === "applied");
  });
  expect(await hub.all("/v1/dead-letters")).toEqual([]);
});

// Last: the virtualenv is built while the others run.
test("with requirements: its library comes from the index into a virtualenv of its own", async () => {
  const { hook } = shared();
  await hook("report", {
    rows: [
      [1, "x"],
      [2, "y"],
    ],
  });
  expect(await resultsOf("reporting.report_on_webhook")).toEqual([
    succeeded(python(["1;x", "2;y"], "st2.actions.python.MakeReportAction: INFO     2 rows\n")),
  ]);
});

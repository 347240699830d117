/** What programs rely on: every command's `--json`, the fields that docs/cli-json.md promises, paging, exit codes. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import { describe, expect, test } from "vitest";
import { createPetrel } from "../../../hub/cli/nouns-cli.ts";
import { systemIo } from "../../../shared/cli/system-io-cli.ts";
import { isObject, type JsonObject } from "../../../shared/json.ts";
import type { Execution } from "../../../shared/model/execution.ts";
import { sharedByFile } from "../../support/at-end.ts";
import { agentReady, createHub } from "../../support/fleet.ts";
import { packsRunning, userOf } from "../../support/fleet-user.ts";
import { handmadeAgent } from "../../support/handmade-agent.ts";
import { programFile } from "../../support/installed-program.ts";
import { runPetrel } from "../../support/run-petrel.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const count = 130;
const verbless = new Set(["run", "backup", "restore", "top", "doctor", "licenses"]);
const ruleText = `
name: on_event
enabled: true
trigger: {type: chain.event}
criteria: {trigger.kind: {type: eq, pattern: counted}, trigger.n: {type: eq, pattern: 1}}
action: {ref: core.echo, parameters: {message: "{{ trigger.n }}"}, target: hub}
`;

const hookRule = `
name: on_hook
trigger: {type: core.st2.webhook, parameters: {url: made/hook}}
action: {ref: core.noop}
`;
const timerRule = `
name: on_time
trigger: {type: core.st2.DateTimer, parameters: {date: "2099-01-01T00:00:00Z"}}
action: {ref: core.noop}
`;

/** A pack with an action alias, in a folder of its own. */
async function aliasedPack(): Promise<string> {
  const folder = join(await tempFolder("packs"), "aliased");
  await mkdir(join(folder, "aliases"), { recursive: true });
  await writeFile(
    join(folder, "pack.yaml"),
    "name: aliased\ndescription: Has an alias.\nversion: 1.0.0\nauthor: test\n",
  );
  const alias = "name: say\npack: aliased\naction_ref: core.echo\nformats: ['say {{ message }}']\n";
  await writeFile(join(folder, "aliases", "say.yaml"), alias);
  return folder;
}

const openWindow = [
  "change",
  "open",
  ...["--agent", "stranger", "--paths", "/srv/**", "--for", "5m", "--reason", "an upgrade"],
] as const;

/** A hub with a little of everything. */
const shared = sharedByFile(async () => {
  const hub = await createHub({ args: ["--with-agent"] });
  await hub.start();
  const user = userOf(hub);
  await user.says("pack", "register", `${packsRunning}/chain`);
  await user.says("pack", "register", `${packsRunning}/limited`);
  await user.rule(ruleText);
  await user.rule(hookRule);
  await user.rule(timerRule);
  await user.says("apikey", "create", "known");
  const aliased = await aliasedPack();
  await user.says("pack", "register", aliased);
  await agentReady(hub, "hub", ["chain", "core"]);
  const overrides = join(await tempFolder(), "overrides.yaml");
  await writeFile(overrides, "rules: {exceptions: {dark: {enabled: false}}}\n");
  await user.says("override", "set", "absent", overrides);
  const watched = await tempFolder("watched");
  await user.says("agent", "label", "hub", "watch=yes");
  const paths = `paths=[{path: ${watched}}]`;
  await user.says("pack", "assign", "watch", "--labels", "watch=yes", "--set", paths, "--wait");
  const stranger = await handmadeAgent(hub, "stranger");
  let made = 0;
  const entry = (more: object) => ({
    id: `01K${String(++made).padStart(23, "0")}`,
    at: new Date().toISOString(),
    ...more,
  });
  const payloads = Array.from({ length: count }, (_, n) => ({ kind: "counted", n }));
  await stranger.send(
    ...payloads.map((payload) => entry({ kind: "trigger", trigger: "chain.event", payload, sensor: null })),
  );
  const change = { path: "/etc/hosts", status: "modified", time: new Date().toISOString() };
  await stranger.send(
    entry({ kind: "trigger", trigger: "watch.file_changed", payload: change, sensor: null }),
  );
  const binary = join(await tempFolder("binary"), "petrel-agent");
  await writeFile(binary, "no program, and nobody runs it");
  await user.says("agent", "release", "add", binary, "--release", "9.9.9");
  await user.says("agent", "upgrade", "stranger", "--version", "9.9.9", "--detach");
  // News of an execution that nobody asked for: a dead letter.
  await stranger.send(entry({ kind: "execution-update", execution: "none", status: "running" }));
  return { hub, user, watched, aliased, binary };
});

describe("--json", () => {
  test("has the fields that are promised", async () => {
    const { user, watched, aliased } = shared();
    const promises = await promisedFields();
    expect(promises.length).toBeGreaterThan(10);
    const backup = join(await tempFolder(), "backup");
    const [change] = await user.json<{ id: string }[]>("file", "changes");
    const { id: window } = await user.json<{ id: string }>(...openWindow);
    const [rollout] = await user.json<{ id: string }[]>("agent", "rollout", "list");
    for (const name of ["gone", "gone.too"]) await user.says("key", "set", name, "x");
    // Those that have no verb; a restore needs a folder of its own.
    const alone: Readonly<Record<string, readonly string[]>> = {
      run: ["run", "core.noop"],
      "apikey create": ["apikey", "create", "promised"],
      "audit log": ["audit", "log"],
      doctor: ["doctor"],
      licenses: ["licenses"],
      top: ["top"],
      "agent release list": ["agent", "release", "list"],
      "agent rollout list": ["agent", "rollout", "list"],
      "agent rollout get": ["agent", "rollout", "get", rollout?.id ?? ""],
      "file history": ["file", "history", "/etc/hosts", "--agent", "stranger"],
      "file diff": ["file", "diff", change?.id ?? ""],
      "file ack": ["file", "ack", change?.id ?? "", "--reason", "seen"],
      "file compare": ["file", "compare", watched],
      "file coverage": ["file", "coverage"],
      "file coverage --agent": ["file", "coverage", "--agent", "hub"],
      "change open": openWindow,
      "change close": ["change", "close", window],
      "change list": ["change", "list", "--all"],
      "audit trace": ["audit", "trace", change?.id ?? ""],
      "key delete": ["key", "delete", "gone"],
      "key delete_by_prefix": ["key", "delete_by_prefix", "-p", "gone."],
      "pack show": ["pack", "show", aliased],
      backup: ["backup", backup],
      restore: ["restore", backup, "--data", `${backup}.restored`],
    };
    const refs: Readonly<Record<string, string>> = {
      ...{ action: "core.local", agent: "hub", pack: "chain", override: "absent" },
    };
    for (const { commands, fields } of promises) {
      for (const command of commands) {
        const [noun = "", verb = ""] = command.split(" ");
        let words = alone[command] ?? command.split(" ");
        if (verb === "get" && alone[command] === undefined) {
          const [first] = await user.json<{ id?: string; ref?: string; url?: string }[]>(noun, "list");
          words = [noun, "get", refs[noun] ?? first?.id ?? first?.ref ?? first?.url ?? ""];
        }
        const { stdout, stderr } = words.includes("--data")
          ? await runPetrel([...words, "--json"])
          : await user.run(...words, "--json");
        expect([command, stderr.replace(/^there are more: .*\n$/, "")]).toEqual([command, ""]);
        const answer = JSON.parse(stdout) as JsonObject | JsonObject[];
        const record = Array.isArray(answer) ? answer[0] : answer;
        expect([command, missing(fields, record)]).toEqual([command, []]);
      }
    }
  });

  test("is understood by every command, and prints one JSON text", async () => {
    const { user, watched, aliased, binary } = shared();
    const place = await tempFolder();
    await writeFile(
      join(place, "rule.yaml"),
      "name: made\ntrigger: {type: chain.event}\naction: {ref: core.noop}\n",
    );
    await writeFile(join(place, "trigger.json"), '{"trigger": "chain.event", "payload": {}}');
    const [instance] = await user.json<{ id: string }[]>(
      "trigger-instance",
      "list",
      "--trigger",
      "chain.event",
    );
    await writeFile(join(place, "overrides.yaml"), "rules: {defaults: {enabled: false}}\n");
    await writeFile(join(place, "keys.yaml"), "- {name: loaded, value: one}\n");
    const [timer] = await user.json<{ id: string }[]>("timer", "list");
    const [letter] = await user.json<{ id: string }[]>("dead-letter", "list");
    const [enforcement] = await user.json<{ id: string }[]>("rule-enforcement", "list");
    const { id } = await user.json<Execution>("run", "core.local", "sleep 300", "--async");
    const { id: ended } = await user.json<Execution>("run", "core.noop");
    const [change] = await user.json<{ id: string }[]>("file", "changes");
    const { id: window } = await user.json<{ id: string }>(...openWindow);
    const { id: key } = await user.json<{ id: string }>("apikey", "create", "lasting");
    const lines: readonly (readonly string[])[] = [
      ["action", "list"],
      ["action-alias", "list"],
      ["action-alias", "get", "aliased.say"],
      ["action", "get", "core.local"],
      ["agent", "list"],
      ["agent", "get", "hub"],
      ["agent", "label", "hub", "a=b"],
      ["agent", "release", "list"],
      ["agent", "release", "remove", "9.9.9"],
      ["agent", "rollout", "list"],
      ["agent", "upgrade", "stranger", "--binary", binary, "--release", "9.9.8", "--detach"],
      // By UDP nobody says whether it arrived.
      ["pack", "config", "alert", "--set", "syslog.address=udp://127.0.0.1:9"],
      ["alert", "test", "syslog"],
      ["apikey", "create", "passing"],
      ["apikey", "list"],
      ["apikey", "get", key],
      ["apikey", "update", key, "--ttl", "1h"],
      ["apikey", "disable", key],
      ["apikey", "enable", key],
      ["apikey", "delete", key],
      ["audit", "log"],
      openWindow,
      ["change", "list"],
      ["change", "close", window],
      ["config", "show"],
      ["dead-letter", "list"],
      ["dead-letter", "get", letter?.id ?? ""],
      ["dead-letter", "drop", letter?.id ?? ""],
      ["execution", "list"],
      ["execution", "get", id],
      ["execution", "re-run", ended],
      ["execution", "cancel", id],
      ["file", "changes"],
      ["file", "history", "/etc/hosts", "--agent", "stranger"],
      ["file", "diff", change?.id ?? ""],
      ["file", "ack", change?.id ?? "", "--reason", "seen"],
      ["file", "compare", watched],
      ["file", "coverage", "--agent", "hub"],
      ["file", "verify", "--wait"],
      ["audit", "head"],
      ["audit", "verify"],
      ["audit", "trace", ended],
      ["gap", "list"],
      ["key", "set", "color", "blue"],
      ["key", "get", "color"],
      ["key", "list"],
      ["key", "load", join(place, "keys.yaml")],
      ["key", "delete", "color"],
      ["key", "delete_by_prefix", "-p", "loaded"],
      ["hub", "status"],
      ["pack", "create", "made", "--dir", place],
      ["pack", "check", join(place, "made")],
      ["pack", "show", aliased],
      ["pack", "install", aliased],
      ["pack", "register", join(place, "made")],
      ["pack", "list"],
      ["pack", "get", "made"],
      ["pack", "config", "made"],
      ["pack", "assign", "made", "--all"],
      ["pack", "status", "made"],
      ["pack", "remove", "made"],
      ["override", "set", "absent", join(place, "overrides.yaml")],
      ["override", "list"],
      ["override", "get", "absent"],
      ["override", "delete", "absent"],
      ["policy", "list"],
      ["rule", "create", join(place, "rule.yaml")],
      ["rule", "list"],
      ["rule", "get", "default.made"],
      ["rule", "update", "default.made", join(place, "rule.yaml")],
      ["rule", "enable", "default.made"],
      ["rule", "disable", "default.made"],
      ["rule", "test", join(place, "rule.yaml"), "--trigger", join(place, "trigger.json")],
      ["rule", "history", "default.made"],
      ["rule", "rollback", "default.made"],
      ["rule", "why", "default.on_event", instance?.id ?? ""],
      ["rule", "replay", "default.on_event"],
      ["rule", "delete", "default.made"],
      ["rule-enforcement", "list"],
      ["rule-enforcement", "get", enforcement?.id ?? ""],
      ["run", "core.noop"],
      ["sensor", "list"],
      ["trigger", "list"],
      ["trigger", "get", "chain.event"],
      ["trigger-instance", "list"],
      ["trigger-instance", "get", instance?.id ?? ""],
      ["trigger-instance", "re-emit", instance?.id ?? ""],
      ["timer", "list"],
      ["timer", "get", timer?.id ?? ""],
      ["webhook", "list"],
      ["webhook", "get", "made/hook"],
      ["top"],
      ["version"],
      ["install", "--root", place, "--binary", await programFile(place, "1.0.0", { program: "petrel" })],
      ["upgrade", await programFile(place, "1.1.0", { program: "petrel" }), "--root", place],
      ["uninstall", "--root", place, "--purge"],
      ["licenses"],
    ];
    const tried = new Set(lines.map(([noun, verb]) => `${noun} ${verb}`));
    const untried = (await commandLines()).filter(
      (line) => !tried.has(line) && !lines.some(([noun]) => noun === line),
    );
    // Refused here, and JSON on standard error: `agent resolve`, `dead-letter retry`, `policy get`; what is paused and
    // resumed has to run first (fan-out.test.ts); the runners of a pack's tests speak besides (pack-test.test.ts); a tail prints lines (executions.test.ts); the doctor may find this machine's disk full; the others are tried below, for their fields.
    // A hub in dev mode has no identities: those commands are tried in enrolment.test.ts.
    expect(untried.sort()).toEqual([
      "agent approve",
      "agent pending",
      "agent reject",
      "agent remove",
      "agent resolve",
      "agent token",
      "backup",
      "dead-letter retry",
      "doctor",
      "execution pause",
      "execution resume",
      "execution tail",
      "hub broker-config",
      "hub ca",
      "hub keys",
      "hub root",
      "pack test",
      "policy get",
      "restore",
    ]);
    for (const line of lines) {
      const answer = await user.run(...line, "--json");
      expect([line, answer.code, answer.stderr.replace(/^there are more: .*\n$/, "")]).toEqual([line, 0, ""]);
      expect(() => JSON.parse(answer.stdout), line.join(" ")).not.toThrow();
    }
    const refused = await user.run("dead-letter", "retry", "none", "--json");
    expect([refused.code, refused.stdout, JSON.parse(refused.stderr)]).toMatchObject([
      1,
      "",
      { error: { code: "NOT_FOUND", fix: expect.any(String) } },
    ]);
  });
});

/** `noun verb` of every command that does something. */
async function commandLines(): Promise<readonly string[]> {
  const petrel = createPetrel(systemIo());
  await petrel.loadAll();
  return petrel.commands.flatMap((noun: Command) =>
    noun.commands.length === 0
      ? [noun.name()]
      : noun.commands.map((verb: Command) => `${noun.name()} ${verb.name()}`),
  );
}

/** The rows of the table in docs/cli-json.md whose second column is a list of fields. */
async function promisedFields() {
  const text = await readFile(resolve(import.meta.dirname, "../../../docs/cli-json.md"), "utf8");
  const quoted = (cell: string) => [...cell.matchAll(/`([^`]+)`/g)].map(([, word = ""]) => word);
  return [...text.matchAll(/^\| (`[a-z].*?) \| (.*`) \|$/gm)].map(([, names = "", fields = ""]) => {
    const words = quoted(names);
    const noun = words[0]?.split(" ")[0] ?? "";
    const commands = words.map((word) =>
      word.includes(" ") || verbless.has(word) ? word : `${noun} ${word}`,
    );
    return { commands, fields: quoted(fields).join(" ") };
  });
}

/** Names of `a b{c, d} e[{f}]` that the record lacks; an empty list has no members to look at. */
function missing(fields: string, record: unknown): readonly string[] {
  return [...fields.matchAll(/([a-z_][a-z0-9_]*)(?:\[?\{([^}]*)\}\]?)?/g)].flatMap(([, name = "", inner]) => {
    if (!isObject(record) || !Object.hasOwn(record, name)) return [name];
    const value = record[name];
    const sample = Array.isArray(value) ? value[0] : value;
    return inner === undefined || sample === undefined
      ? []
      : missing(inner, sample).map((each) => `${name}.${each}`);
  });
}

describe("lists", () => {
  interface Row {
    readonly id: string;
    readonly received_at: string;
    readonly payload: { readonly n: number };
  }
  const list = ["trigger-instance", "list", "--trigger", "chain.event", "--agent", "stranger"];

  test("--ndjson streams all of them in order of intake, with the promised fields and no others", async () => {
    const rows = (await shared().user.says(...list, "--ndjson"))
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Row);
    const inOrder = rows.slice(0, count);
    expect(inOrder.map(({ payload }) => payload.n)).toEqual(Array.from({ length: count }, (_, n) => n));
    for (const row of rows) {
      expect(Object.keys(row)).toEqual([
        "id",
        "trigger",
        "agent",
        "occurrence_time",
        "received_at",
        "status",
        "payload",
      ]);
    }
  });

  test("pages lead through all of them, newest first, and no row is in two", async () => {
    const { user } = shared();
    const seen: Row[] = [];
    let cursor: string | undefined;
    do {
      const more = cursor === undefined ? [] : ["--cursor", cursor];
      const { code, stdout, stderr } = await user.run(...list, "--json", "--limit", "60", ...more);
      expect(code).toBe(0);
      seen.push(...(JSON.parse(stdout) as Row[]));
      cursor = /--cursor '(.+?)'/.exec(stderr)?.[1];
    } while (cursor !== undefined);
    const all = (await user.says(...list, "--ndjson")).trimEnd().split("\n");
    expect(seen.map(({ id }) => id)).toEqual(all.map((line) => (JSON.parse(line) as Row).id).reverse());
    expect(new Set(seen.map(({ id }) => id)).size).toBe(seen.length);
  });

  test("--since cuts a history by the time of intake", async () => {
    const { user } = shared();
    expect(await user.json<Row[]>(...list, "--since", "1h", "--limit", "3")).toHaveLength(3);
    expect(await user.json<Row[]>(...list, "--since", "2099-01-01T00:00:00Z")).toEqual([]);
    const [newest] = await user.json<Row[]>(...list, "--limit", "1");
    const since = await user.json<Row[]>(...list, "--since", newest?.received_at ?? "");
    expect(since[0]).toEqual(newest);
  });
});

test("rules are tested in bulk without a hub", async () => {
  const place = await tempFolder();
  const triggers = Array.from({ length: 3 }, (_, n) =>
    JSON.stringify({ trigger: "chain.event", payload: { kind: "counted", n } }),
  );
  await writeFile(join(place, "t.ndjson"), `${triggers.join("\n")}\n`);
  await writeFile(
    join(place, "r.yaml"),
    `${ruleText}---\nname: broken\ntrigger: {type: chain.event}\naction: {ref: core.nope}\n`,
  );
  const args = ["rule", "test", "--rules", "r.yaml", "--triggers", "t.ndjson", "--json"];
  const { code, stdout } = await runPetrel(args, { cwd: place });
  const lines = stdout
    .trimEnd()
    .split("\n")
    .map(
      (line) =>
        JSON.parse(line) as {
          rule: string;
          line: number;
          matched: boolean;
          error: string | null;
          action: unknown;
        },
    );
  expect(code).toBe(0);
  expect(lines).toHaveLength(6);
  const good = lines.filter(({ rule }) => rule === "default.on_event");
  expect(good.map(({ line, matched }) => [line, matched])).toEqual([
    [1, false],
    [2, true],
    [3, false],
  ]);
  expect(good[1]).toMatchObject({ error: null, action: { ref: "core.echo", parameters: { message: "1" } } });
  expect(
    await runPetrel(["rule", "test", "--rules", "nowhere", "--triggers", "t.ndjson"], { cwd: place }),
  ).toMatchObject({ code: 2 });
});

describe("exit codes", () => {
  test("say what went wrong: 1 failed, 2 used wrongly, 3 not reachable, 4 refused", async () => {
    const { hub, user } = shared();
    expect((await user.run("run", "core.local", "exit 7")).code).toBe(1);
    expect((await user.run("run")).code).toBe(2);
    expect(
      (await runPetrel(["rule", "list", "--api", "http://127.0.0.1:1", "--api-key", "k", "--wait", "0"]))
        .code,
    ).toBe(3);
    expect((await runPetrel(["rule", "list", "--api", hub.url, "--api-key", "wrong"])).code).toBe(4);
  });
});

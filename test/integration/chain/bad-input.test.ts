/** What people and programs get wrong: each has a code, a place and a mend, and leaves the hub as it was. */
import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { readApiFile } from "../../../hub/http/api-file-fs.ts";
import { sharedByFile } from "../../support/at-end.ts";
import { agentReady, createAgent, createHub } from "../../support/fleet.ts";
import { packsRunning, userOf } from "../../support/fleet-user.ts";
import { hubState } from "../../support/hub-state.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { waitUntil } from "../../support/wait-until.ts";

const shared = sharedByFile(async () => {
  const hub = await createHub();
  await hub.start();
  const user = userOf(hub);
  const agent = await createAgent(hub, "web-1");
  agent.start();
  await user.says("pack", "register", `${packsRunning}/chain`);
  await agentReady(hub, "web-1", ["chain", "core"]);
  await user.rule(rule({ name: "there" }));
  return { hub, user };
});

async function untouched(harm: () => Promise<unknown>): Promise<void> {
  const { hub } = shared();
  const before = await hubState(hub);
  await harm();
  expect(await hubState(hub)).toEqual(before);
}

/** A good rule but for what `more` says. */
function rule(more: {
  name?: string;
  trigger?: string;
  criteria?: string;
  action?: string;
  message?: string;
  rest?: string;
}) {
  return `name: ${more.name ?? "bad"}
enabled: true
trigger: {type: ${more.trigger ?? "chain.event"}}
criteria:
  ${more.criteria ?? "trigger.kind: {type: eq, pattern: x}"}
action:
  ref: ${more.action ?? "core.echo"}
  parameters: {message: ${more.message ?? '"x"'}}
${more.rest ?? ""}`;
}

/** Code and what is wrong, where, how to mend it: one line each. */
const threeLines = (code: string) =>
  new RegExp(`^${code}: [^\\n]+\\n(  where: [^\\n]+\\n)?  fix:   [^\\n]+\\n$`);

describe("a rule", () => {
  test.for<[what: string, text: string, code: string, where: RegExp]>([
    ["that is no YAML", "name: bad\ntrigger: [", "YAML_SYNTAX", /rule.yaml:2/],
    ["that holds two rules", `${rule({})}\n---\n${rule({})}`, "RULE_INVALID", /rule.yaml\n/],
    ["that is a list", "- 1\n", "RULE_INVALID", /rule.yaml:1/],
    ["with an unknown field", rule({ rest: "colour: red\n" }), "RULE_INVALID", /rule.yaml:9/],
    [
      "with an unknown operator",
      rule({ criteria: "trigger.kind: {type: resembles, pattern: x}" }),
      "CRITERIA_OPERATOR",
      /rule.yaml:5/,
    ],
    [
      "with a pattern that is no expression",
      rule({ criteria: 'trigger.kind: {type: regex, pattern: "(["}' }),
      "CRITERIA_REGEX",
      /rule.yaml:5/,
    ],
    [
      "with a key that cannot be read",
      rule({ criteria: "'trigger..': {type: eq, pattern: x}" }),
      "CRITERIA_KEY",
      /rule.yaml:5/,
    ],
    [
      "for an unknown trigger",
      rule({ trigger: "chain.evnet" }),
      "RULE_TRIGGER_UNKNOWN",
      /rule.yaml:3 \(trigger.type\)/,
    ],
    [
      "with an unknown action",
      rule({ action: "core.ecoh" }),
      "RULE_ACTION_UNKNOWN",
      /rule.yaml:7 \(action.ref\)/,
    ],
    ["that is empty", "\n", "RULE_INVALID", /rule.yaml\n/],
    [
      "with a template that does not parse",
      rule({ message: '"{{ trigger. }}"' }),
      "EXPRESSION_SYNTAX",
      /rule.yaml:8/,
    ],
    ["with a target that is none", rule({ rest: "  target: everywhere\n" }), "RULE_INVALID", /rule.yaml:9/],
    ["with an expiry that is none", rule({ rest: "expires: soon\n" }), "RULE_INVALID", /rule.yaml:9/],
    ["that is there already", rule({ name: "there" }), "ALREADY_EXISTS", /.?/],
  ])("%s is refused", async ([_what, text, code, where]) => {
    const { user } = shared();
    const file = join(await tempFolder(), "rule.yaml");
    await writeFile(file, text);
    await untouched(async () => {
      const { code: exit, stdout, stderr } = await user.run("rule", "create", file);
      expect([stdout, stderr]).toEqual(["", expect.stringMatching(threeLines(code))]);
      expect(stderr).toMatch(where);
      expect(exit).toBe(code === "ALREADY_EXISTS" ? 1 : 2);
    });
  });

  test("with several errors is told all of them at once", async () => {
    const { user } = shared();
    const file = join(await tempFolder(), "rule.yaml");
    await writeFile(
      file,
      rule({
        criteria: "trigger.kind: {type: resembles, pattern: x}",
        message: '"{{ ( }}"',
        rest: "colour: red\n",
      }),
    );
    await untouched(async () => {
      const { code, stderr } = await user.run("rule", "create", file, "--json");
      const { error } = JSON.parse(stderr);
      expect([code, error.code]).toEqual([2, "RULE_INVALID"]);
      for (const part of ["CRITERIA_OPERATOR", "EXPRESSION_SYNTAX", "colour"])
        expect(error.message).toContain(part);
    });
  });

  test("that names neither a trigger nor an action that is there is told both", async () => {
    const { user } = shared();
    const file = join(await tempFolder(), "rule.yaml");
    await writeFile(file, rule({ trigger: "chain.evnet", action: "core.ecoh" }));
    await untouched(async () => {
      const { code, stderr } = await user.run("rule", "create", file);
      expect([code, stderr]).toEqual([2, expect.stringMatching(/^RULE_INVALID: /)]);
      for (const part of ["RULE_TRIGGER_UNKNOWN", "RULE_ACTION_UNKNOWN", "write 'core.echo'"])
        expect(stderr).toContain(part);
    });
  });

  test("that is updated, enabled or deleted must be there, and an update keeps its name", async () => {
    const { user } = shared();
    const file = join(await tempFolder(), "rule.yaml");
    await writeFile(file, rule({ name: "none" }));
    await untouched(async () => {
      for (const args of [
        ["update", "default.none", file],
        ["enable", "default.none"],
        ["delete", "default.none"],
      ]) {
        const { code, stderr } = await user.run("rule", ...args);
        expect([args[0], code, stderr]).toEqual([args[0], 1, expect.stringMatching(threeLines("NOT_FOUND"))]);
      }
      const renamed = await user.run("rule", "update", "default.there", file);
      expect([renamed.code, renamed.stderr]).toEqual([2, expect.stringMatching(threeLines("RULE_INVALID"))]);
    });
  });
});

describe("a run", () => {
  test.for<[what: string, args: string[], code: string, exit: number]>([
    ["of an unknown action", ["core.ecoh"], "NOT_FOUND", 1],
    ["with a parameter of another type", ["chain.big", "bytes=many"], "PARAMETER_INVALID", 2],
    ["with an unknown parameter", ["core.echo", "message=x", "volume=1"], "PARAMETER_UNKNOWN", 2],
    ["without a required parameter", ["chain.big"], "PARAMETER_MISSING", 2],
    ["with an immutable parameter", ["core.echo", "message=x", "cmd=id"], "PARAMETER_IMMUTABLE", 2],
    ["on an unknown agent", ["core.noop", "--host", "nowhere"], "RULE_TARGET", 2],
    ["on labels nobody has", ["core.noop", "--labels", "role=db"], "RULE_TARGET", 2],
  ])("%s is refused", async ([_what, args, code, exit]) => {
    await untouched(async () => {
      const ended = await shared().user.run("run", ...args);
      expect(ended).toEqual({ code: exit, stdout: "", stderr: expect.stringMatching(threeLines(code)) });
    });
  });
});

type Files = Readonly<Record<string, string>>;
const manifest = "ref: wrong\nname: wrong\ndescription: d\nversion: 1.0.0\nauthor: a\n";
const action = (more: string) => `name: act\nrunner_type: local-shell-cmd\nenabled: true\n${more}`;

describe("a pack", () => {
  test.for<[what: string, files: Files, code: string, where: string]>([
    ["whose manifest is no YAML", { "pack.yaml": "name: [" }, "YAML_SYNTAX", "pack.yaml:1"],
    [
      "without a name",
      { "pack.yaml": "description: d\nversion: 1.0.0\nauthor: a\nref: NO\n" },
      "PACK_INVALID",
      "pack.yaml",
    ],
    [
      "with an unknown runner",
      { "pack.yaml": manifest, "actions/act.yaml": "name: act\nrunner_type: telepathy\nentry_point: x\n" },
      "PACK_RUNNER",
      "actions/act.yaml:2",
    ],
    [
      "whose action has no code",
      {
        "pack.yaml": manifest,
        "actions/act.yaml": "name: act\nrunner_type: node-script\nentry_point: act.ts\n",
      },
      "PACK_ENTRY_POINT",
      "actions/act.yaml:3",
    ],
    [
      "whose parameter is of no type",
      { "pack.yaml": manifest, "actions/act.yaml": action("parameters: {a: {type: colour}}\n") },
      "PACK_PARAMETER",
      "actions/act.yaml:4",
    ],
    [
      "with two actions of one name",
      { "pack.yaml": manifest, "actions/a.yaml": action(""), "actions/b.yaml": action("") },
      "PACK_DUPLICATE",
      "actions/b.yaml:1",
    ],
    [
      "whose sensor has no code",
      { "pack.yaml": manifest, "sensors/s.yaml": "class_name: S\nentry_point: s.py\n" },
      "PACK_ENTRY_POINT",
      "sensors/s.yaml:2",
    ],
    [
      "whose rule has an unknown operator",
      {
        "pack.yaml": manifest,
        "rules/r.yaml": `${rule({ criteria: "trigger.kind: {type: resembles, pattern: x}" })}pack: wrong\n`,
      },
      "CRITERIA_OPERATOR",
      "rules/r.yaml:5",
    ],
  ])("%s is refused by check and by register alike", async ([_what, files, code, where]) => {
    const { user } = shared();
    const folder = join(await tempFolder(), "wrong");
    await write(folder, files);
    await untouched(async () => {
      const checked = await user.run("pack", "check", folder);
      expect([checked.code, checked.stderr]).toEqual([2, ""]);
      const wanted = code === "PACK_INVALID" ? "PACK_" : `${code}: `;
      expect(checked.stdout).toContain(wanted);
      expect(checked.stdout).toContain(where);
      const { code: exit, stdout, stderr } = await user.run("pack", "register", folder);
      expect([exit, stdout]).toEqual([2, ""]);
      expect(stderr).toContain(wanted);
      expect(stderr).toContain(where);
      expect(stderr).toMatch(/^ {2}fix: {3}./m);
    });
  });

  test("with many errors is told all of them at once, and a good version stays", async () => {
    const { user } = shared();
    const folder = join(await tempFolder(), "chain");
    await cp(join(packsRunning, "chain"), folder, { recursive: true });
    await write(folder, {
      "actions/greet.yaml": (await readFile(join(folder, "actions/greet.yaml"), "utf8")).replace(
        "node-script",
        "telepathy",
      ),
      "actions/big.yaml": "name: [",
      "sensors/spool.yaml": "class_name: Spool\n",
    });
    await untouched(async () => {
      const { code, stderr } = await user.run("pack", "register", folder);
      expect([code, stderr]).toEqual([2, expect.stringMatching(/^PACK_INVALID: /)]);
      for (const part of [
        "PACK_RUNNER",
        "YAML_SYNTAX",
        "PACK_FIELD",
        "greet.yaml:4",
        "big.yaml:1",
        "spool.yaml:1",
      ]) {
        expect(stderr).toContain(part);
      }
    });
  });

  test("whose rule waits for a pack that is not there yet is taken, and says so", async () => {
    const { user } = shared();
    const folder = join(await tempFolder(), "early");
    const early = rule({ trigger: "chain.evnet", action: "elsewhere.act" });
    await write(folder, {
      "pack.yaml": manifest.replaceAll("wrong", "early"),
      "rules/r.yaml": `${early}pack: early\n`,
    });
    const { code, stderr } = await user.run("pack", "register", folder);
    expect([code, stderr]).toEqual([
      0,
      "warning RULE_TRIGGER_UNKNOWN: no trigger type is called 'chain.evnet' yet\n  where: rule early.bad\n" +
        "  fix:   write 'chain.event', or register its pack too\n" +
        "warning RULE_ACTION_UNKNOWN: no action is called 'elsewhere.act' yet\n  where: rule early.bad\n" +
        "  fix:   register its pack too\n",
    ]);
    await user.says("pack", "remove", "early");
  });

  test("that is no folder, or is given a configuration that does not fit, is refused", async () => {
    const { user } = shared();
    const folder = await tempFolder();
    await write(folder, { "config.yaml": "greeting: [1]\n", list: "- 1\n", broken: "a: [" });
    const chain = join(packsRunning, "chain");
    const cases: readonly (readonly [string[], string, number])[] = [
      [["pack", "register", join(folder, "nowhere")], "FILE_UNREADABLE", 2],
      [["pack", "register", join(folder, "list")], "FILE_UNREADABLE", 2],
      [["pack", "register", folder], "PACK_INVALID", 2],
      [["pack", "register", chain, "--set", "greeting=[1]"], "PACK_CONFIG", 2],
      [["pack", "register", chain, "--config", join(folder, "config.yaml")], "PACK_CONFIG", 2],
      [["pack", "register", chain, "--config", join(folder, "nowhere")], "FILE_UNREADABLE", 2],
      [["pack", "register", chain, "--config", join(folder, "broken")], "YAML_SYNTAX", 2],
      [["pack", "config", "chain", "--set", "greeting={}"], "PACK_CONFIG", 2],
      [["pack", "config", "chain", "--file", join(folder, "list")], "PACK_CONFIG", 2],
      [["pack", "config", "none", "--set", "a=1"], "NOT_FOUND", 1],
      [["pack", "remove", "none"], "NOT_FOUND", 1],
      [["pack", "remove", "core"], "PACK_REF", 2],
    ];
    await untouched(async () => {
      for (const [args, code, exit] of cases) {
        const ended = await user.run(...args);
        expect([args, ended.code, ended.stderr]).toEqual([
          args,
          exit,
          expect.stringMatching(threeLines(code)),
        ]);
      }
    });
  });
});

test("what is not there cannot be canceled, emitted again, labelled or shown", async () => {
  const { user } = shared();
  const cases: readonly (readonly [string[], string])[] = [
    [["execution", "cancel", "01NONE"], "NOT_FOUND"],
    [["execution", "get", "01NONE"], "NOT_FOUND"],
    [["trigger-instance", "re-emit", "01NONE"], "NOT_FOUND"],
    [["trigger-instance", "get", "01NONE"], "NOT_FOUND"],
    [["dead-letter", "retry", "01NONE"], "NOT_FOUND"],
    [["agent", "label", "nobody", "a=b"], "AGENT_UNKNOWN"],
    [["agent", "get", "nobody"], "NOT_FOUND"],
  ];
  await untouched(async () => {
    for (const [args, code] of cases) {
      const ended = await user.run(...args);
      expect([args, ended.code, ended.stderr]).toEqual([args, 1, expect.stringMatching(threeLines(code))]);
    }
    const ended = await user.run("agent", "label", "web-1", `${"k".repeat(200)}=v`);
    expect(ended.stderr).toMatch(/^(CONFIG_INVALID|API_BAD_REQUEST): /);
  });
});

describe("the HTTP API", () => {
  test.for<
    [
      what: string,
      method: string,
      path: string,
      init: { body?: string; type?: string; key?: string },
      status: number,
      code: string,
    ]
  >([
    ["no key", "GET", "/v1/rules", { key: "" }, 401, "API_UNAUTHORIZED"],
    ["a wrong key", "POST", "/v1/rules", { key: "guess", body: "name: x" }, 401, "API_UNAUTHORIZED"],
    ["an unknown route", "GET", "/v1/rulez", {}, 404, "API_NOT_FOUND"],
    ["half a JSON text", "POST", "/v1/executions", { body: '{"action": ' }, 400, "API_BAD_REQUEST"],
    [
      "another type than JSON",
      "POST",
      "/v1/executions",
      { body: "<x/>", type: "text/xml" },
      415,
      "API_BAD_REQUEST",
    ],
    ["a body that is none", "POST", "/v1/executions", { body: "[]" }, 400, "API_BAD_REQUEST"],
    [
      "an unknown field",
      "POST",
      "/v1/executions",
      { body: '{"action": "core.noop", "sudo": true}' },
      400,
      "API_BAD_REQUEST",
    ],
    [
      "an unknown action",
      "POST",
      "/v1/executions",
      { body: '{"action": "core.ecoh"}' },
      404,
      "ACTION_UNKNOWN",
    ],
    [
      "a parameter of another type",
      "POST",
      "/v1/executions",
      { body: '{"action": "chain.big", "parameters": {"bytes": "many"}, "target": {"host": "web-1"}}' },
      400,
      "PARAMETER_INVALID",
    ],
    [
      "a member that would reach a prototype",
      "POST",
      "/v1/executions",
      { body: '{"action": "core.noop", "__proto__": {"x": 1}}' },
      400,
      "API_BAD_REQUEST",
    ],
    [
      "a body over the cap",
      "POST",
      "/v1/rules",
      { body: "x".repeat(2 << 20), type: "text/yaml" },
      413,
      "API_BAD_REQUEST",
    ],
    ["a limit that is none", "GET", "/v1/rules?limit=-1", {}, 400, "API_BAD_REQUEST"],
    [
      "a pack that would leave its folder",
      "POST",
      "/v1/packs",
      { body: JSON.stringify({ files: [{ path: "../../etc/x", content: "" }] }) },
      400,
      "PACK_INVALID",
    ],
  ])("%s is answered with a code", async ([_what, method, path, { body, type, key }, status, code]) => {
    const { hub } = shared();
    const real = (await readApiFile(hub.data))?.key ?? "";
    await untouched(async () => {
      const response = await fetch(`${hub.url}${path}`, {
        method,
        headers: { authorization: `Bearer ${key ?? real}`, "content-type": type ?? "application/json" },
        ...(body !== undefined && { body }),
      });
      expect([response.status, await response.json()]).toMatchObject([status, { error: { code } }]);
    });
  });

  test("noise is answered and ends its own connection", async () => {
    const { hub } = shared();
    await untouched(async () => {
      const socket = connect({ host: "127.0.0.1", port: Number(new URL(hub.url).port) });
      let text = "";
      socket.on("data", (chunk) => {
        text += chunk;
      });
      socket.write(Buffer.from([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3, 10, 13, 10, 13, 10]));
      await waitUntil("the connection to be closed", () => socket.closed);
      expect(text).toMatch(/^HTTP\/1\.1 400 /);
      expect(JSON.parse(text.slice(text.indexOf("\r\n\r\n")))).toMatchObject({
        error: { code: "API_BAD_REQUEST" },
      });
    });
  });
});

async function write(folder: string, files: Files): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
}

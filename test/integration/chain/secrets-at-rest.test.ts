/** Secrets are planted in a hub and its agent; then the disks of both are searched for them, and keys are lost. */
import { readdir, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { ClassicLevel } from "classic-level";
import { expect, test } from "vitest";
import type { Execution } from "../../../shared/model/execution.ts";
import { agentReady, createHub, type TestHub } from "../../support/fleet.ts";
import { userOf } from "../../support/fleet-user.ts";
import { leaksIn, marker, plantedRule, secretivePack } from "../../support/planted-secrets.ts";
import { waitUntil } from "../../support/wait-until.ts";

const kinds = [
  "by-hand",
  "quoted",
  "by-rule",
  "stored",
  "failed",
  "held",
  "large",
  "result",
  "config",
  "layer",
  "named",
  "never-sent",
] as const;

const files: Readonly<Record<string, string>> = {
  "config.schema.yaml": "password: {type: string, secret: true}\nfrom_store: {type: string, secret: true}\n",
  "actions/login.yaml": [
    "name: login",
    "runner_type: local-shell-script",
    "enabled: true",
    "entry_point: login.sh",
    "parameters:",
    "  name: {type: string, position: 0}",
    "  token: {type: string, secret: true, position: 1}",
    "  nested: {type: object, position: 2, properties: {token: {type: string, secret: true}}}",
    "  bulk: {type: string, position: 3}",
    "output_schema: {session: {type: string, secret: true}, seen: {type: integer}}",
    "",
  ].join("\n"),
  // Its result is secret; what it was given it tells by its length alone.
  "actions/login.sh": [
    "#!/bin/sh",
    '[ "$1" = fails ] && exit 3',
    `printf '{"session": "Planted-%s-9f3c71", "seen": %d}' result "\${#2}"`,
    "",
  ].join("\n"),
  "actions/quote.yaml": [
    "name: quote",
    "runner_type: local-shell-cmd",
    "enabled: true",
    'entry_point: ""',
    "parameters:",
    "  token: {type: string, secret: true}",
    "  cmd: {type: string, immutable: true, default: \"test -n '{{ token }}'\"}",
    "",
  ].join("\n"),
};

/** A pack whose results alone are secret. */
const telling: Readonly<Record<string, string>> = {
  "pack.yaml": "name: telling\ndescription: Tells secrets.\nversion: 1.0.0\nauthor: test\n",
  "actions/session.yaml": [
    "name: session",
    "runner_type: local-shell-script",
    "enabled: true",
    "entry_point: session.sh",
    "output_schema: {session: {type: string, secret: true}}",
    "",
  ].join("\n"),
  "actions/session.sh": `#!/bin/sh\nprintf '{"session": "Planted-%s-9f3c71"}' result\n`,
};

/** Where on a disk secrets are: raw bytes of every file, and what databases hold, which may be compressed in them. */
async function leaksBelow(folder: string): Promise<readonly string[]> {
  const found = new Set<string>();
  const look = (where: string, content: string) => {
    for (const kind of leaksIn(content, kinds)) found.add(`${kind} in ${where}`);
  };
  const entries = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) =>
    entry.isFile(),
  );
  for (const { parentPath, name } of entries)
    look(join(parentPath, name).slice(folder.length), await readFile(join(parentPath, name), "latin1"));
  // Opening changes files.
  for (const { parentPath } of entries.filter(({ name }) => name === "CURRENT")) {
    const database = new ClassicLevel<string, string>(parentPath);
    for await (const [key, value] of database.iterator())
      look(`${parentPath.slice(folder.length)} ${key}`, value);
    await database.close();
  }
  return [...found].sort();
}

const ended = async (hub: TestHub, id: string) =>
  waitUntil(`execution ${id} to end`, async () => {
    const execution = await hub.api<Execution>("GET", `/v1/executions/${id}`);
    return /succeeded|failed/.test(execution.status) &&
      (execution.result !== null || execution.result_blob === null)
      ? execution
      : null;
  });

const asked = async (hub: TestHub, body: object): Promise<string> => {
  const { items } = await hub.api<{ items: Execution[] }>("POST", "/v1/executions", {
    target: "hub",
    ...body,
  });
  return items[0]?.id ?? "";
};

test("no secret is on the disk of hub or agent; with the key they run, without it that is said", async () => {
  const hub = await createHub({ args: ["--with-agent", "--log-level", "debug"] });
  await hub.start();
  const user = userOf(hub);
  await user.says("pack", "register", await secretivePack(files));
  await user.says("pack", "register", await secretivePack(telling));
  await agentReady(hub, "hub", ["core", "secretive", "telling"]);
  await hub.api("PUT", "/v1/keys/planted", { value: marker("stored"), secret: true });
  await hub.api("PUT", "/v1/keys/named", { value: marker("named"), secret: true });
  await hub.api("PUT", "/v1/packs/secretive/config", {
    password: marker("config"),
    from_store: "{{ st2kv.system.named }}",
  });
  await hub.api("PUT", "/v1/packs/secretive/config?labels=role%3Dweb", { password: marker("layer") });
  await user.rule(plantedRule("planted_literal", `{token: "${marker("by-rule")}"}`));
  await user.rule(plantedRule("planted_named", '{token: "{{ st2kv.system.planted | decrypt_kv }}"}'));

  const login = (parameters: object, more: object = {}) =>
    asked(hub, { action: "secretive.login", parameters, ...more });
  const byHand = await login({ name: "ann", token: marker("by-hand"), nested: { token: marker("by-hand") } });
  const failed = await login({ name: "fails", token: marker("failed") });
  const large = await login({ name: "ann", token: marker("large"), bulk: "x".repeat(110_000) });
  await login({ name: "ann", token: marker("held") }, { delay: 3_600 });
  const quoted = await asked(hub, { action: "secretive.quote", parameters: { token: marker("quoted") } });
  await hub.api("POST", "/v1/webhooks/planted", {});

  expect(await ended(hub, byHand)).toMatchObject({
    status: "succeeded",
    parameters: { name: "ann", token: "********", nested: { token: "********" } },
    result: { stdout: { session: "********", seen: marker("by-hand").length } },
  });
  expect(await ended(hub, failed)).toMatchObject({ status: "failed", result: { return_code: 3 } });
  expect(await ended(hub, large)).toMatchObject({ result: { stdout: { seen: marker("large").length } } });
  expect(await ended(hub, quoted)).toMatchObject({
    status: "succeeded",
    parameters: { cmd: "test -n '********'", token: "********" },
  });
  const again = await hub.api<Execution>("POST", `/v1/executions/${byHand}/re-run`, {});
  expect(await ended(hub, again.id)).toMatchObject({
    result: { stdout: { seen: marker("by-hand").length } },
  });
  for (const [name, length] of [
    ["planted_literal", marker("by-rule").length],
    ["planted_named", marker("stored").length],
  ] as const) {
    const [made] = await waitUntil(`rule ${name} to act`, async () => {
      const all = await hub.all<Execution>(`/v1/executions?rule=default.${name}`);
      return all.length > 0 && all.every(({ status }) => status === "succeeded") ? all : null;
    });
    expect(made).toMatchObject({ result: { stdout: { seen: length } } });
  }

  await hub.stop();
  expect(await leaksBelow(hub.data)).toEqual([]);
  expect(leaksIn(hub.daemon().log(), kinds)).toEqual([]);

  // The key is lost.
  const [key, aside] = [join(hub.data, "datastore.key"), join(hub.data, "aside.key")];
  await rename(key, aside);
  await hub.start();
  await agentReady(hub, "hub", ["core", "secretive"]);
  const refused = await user.run("run", "secretive.login", "name=ann", `token=${marker("never-sent")}`);
  expect(refused).toMatchObject({ code: 1 });
  expect(refused.stderr).toMatch(/KEY_FILE.*datastore\.key.*missing[\s\S]*put the one back/);
  await expect(hub.api("POST", `/v1/executions/${byHand}/re-run`, {})).rejects.toThrow("KEY_FILE");
  expect(await user.run("run", "core.noop")).toMatchObject({ code: 0 });
  // It takes none; what is secret in its result cannot be kept, which the execution says.
  const without = await user.says("run", "telling.session");
  expect(without).toMatch(/session: "?\*{8}"?/);
  expect(without).toMatch(/left_out:\n\s+- "?secrets of result: KEY_FILE: datastore\.key is missing/);
  expect(await readdir(hub.data)).not.toContain("datastore.key");
  // It is there again: no restart is needed.
  await rename(aside, key);
  await waitUntil("the key to be taken", async () =>
    hub.api<Execution>("POST", `/v1/executions/${byHand}/re-run`, {}).catch(() => null),
  );

  // The action goes: what is secret in its executions is known all the same.
  await user.says("pack", "remove", "secretive");
  await waitUntil("the pack to be gone", async () =>
    hub.api("GET", "/v1/actions/secretive.login").then(
      () => false,
      () => true,
    ),
  );
  expect(await hub.api<Execution>("GET", `/v1/executions/${byHand}`)).toMatchObject({
    parameters: { name: "ann", token: "********" },
    result: { stdout: { session: "********", seen: marker("by-hand").length } },
  });
});

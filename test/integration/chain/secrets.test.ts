/** Secrets of every kind are planted in a hub and its agent; then all that either says is searched for them. */
import { readFile } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { parse } from "yaml";
import type { ApiKeyRecord } from "../../../shared/model/api-key.ts";
import type { Execution } from "../../../shared/model/execution.ts";
import { agentReady, createHub, type TestHub } from "../../support/fleet.ts";
import { userOf } from "../../support/fleet-user.ts";
import { leaksIn, marker, plantedRule, secretivePack } from "../../support/planted-secrets.ts";
import { runPetrel } from "../../support/run-petrel.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { waitUntil } from "../../support/wait-until.ts";

const kinds = [
  "parameter",
  "wrong",
  "default",
  "inner",
  "preset",
  "rule",
  "config",
  "layer",
  "stored",
  "named",
  "mail",
  "key",
  "environment",
] as const;

const files: Readonly<Record<string, string>> = {
  "config.schema.yaml": [
    "password: {type: string, secret: true}",
    "from_store: {type: string, secret: true}",
    "nested: {type: object, properties: {token: {type: string, secret: true}}}",
    `preset: {type: object, properties: {token: {type: string, secret: true, default: ${marker("preset")}}}}`,
    "",
  ].join("\n"),
  "actions/login.yaml": [
    "name: login",
    "runner_type: local-shell-script",
    "description: Takes secrets and says none.",
    "enabled: true",
    "entry_point: login.sh",
    "parameters:",
    "  token: {type: string, secret: true}",
    "  pin: {type: integer, secret: true}",
    `  standing: {type: string, secret: true, default: ${marker("default")}}`,
    `  inner: {type: object, properties: {token: {type: string, secret: true, default: ${marker("inner")}}}}`,
    "",
  ].join("\n"),
  "actions/login.sh": "#!/bin/sh\necho done\n",
};

/** All that the stream says until it is closed. */
function listen(hub: TestHub, key: string): { text(): string; close(): void } {
  let text = "";
  const asked = request(`${hub.url}/v1/stream`, { headers: { authorization: `Bearer ${key}` } }, (answer) => {
    answer.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
    answer.on("error", () => {});
  });
  asked.on("error", () => {});
  asked.end();
  return { text: () => text, close: () => void asked.destroy() };
}

/** Every answer of every GET route, for what is there. */
async function everyAnswer(hub: TestHub, key: string): Promise<readonly (readonly [string, string])[]> {
  const get = async (path: string) => {
    const answer = await fetch(`${hub.url}${path}`, { headers: { authorization: `Bearer ${key}` } });
    return answer.text();
  };
  const { paths } = parse(await get("/v1/openapi.yaml")) as {
    paths: Record<string, Record<string, unknown>>;
  };
  const routes = Object.keys(paths).filter((path) => paths[path]?.get !== undefined && path !== "/v1/stream");
  const answers: (readonly [string, string])[] = [];
  for (const route of routes.filter((path) => !path.includes("{"))) answers.push([route, await get(route)]);
  for (const route of routes.filter((path) => path.includes("{"))) {
    const [list = "", rest = ""] = route.split(/\/\{\w+\}/);
    const { items = [] } = JSON.parse(answers.find(([path]) => path === list)?.[1] ?? "{}") as {
      items?: Record<string, string>[];
    };
    for (const item of items) {
      const name = item.id ?? item.ref ?? item.url ?? item.name ?? "";
      if (rest.includes("{")) continue;
      const path = `${list}/${encodeURIComponent(name)}${rest}`;
      answers.push([path, await get(path)]);
      if (route.endsWith("/config")) answers.push([`${path}?agent=hub`, await get(`${path}?agent=hub`)]);
      if (list === "/v1/rules") {
        for (const instance of await hub.all<{ id: string }>(
          "/v1/trigger-instances?trigger=core.st2.webhook",
        )) {
          const why = `${list}/${encodeURIComponent(name)}/why/${instance.id}`;
          answers.push([why, await get(why)]);
        }
      }
    }
  }
  return answers;
}

test("no secret is in an answer of the API, its stream, the command line, or the log of hub and agent", async () => {
  const hub = await createHub({ args: ["--with-agent", "--log-level", "debug"] });
  await hub.start();
  const user = userOf(hub);
  await user.says("pack", "register", await secretivePack(files));
  await agentReady(hub, "hub", ["core", "secretive"]);
  const { key: local } = JSON.parse(await readFile(join(hub.data, "api.json"), "utf8")) as { key: string };
  const made = await hub.api<ApiKeyRecord & { key: string }>("POST", "/v1/apikeys", {
    name: "sender",
    role: "operator",
  });
  const stream = listen(hub, local);

  await hub.api("PUT", "/v1/keys/planted", { value: marker("stored"), secret: true });
  const config = {
    password: marker("config"),
    from_store: "{{ st2kv.system.planted }}",
    nested: { token: marker("config") },
  };
  await hub.api("PUT", "/v1/packs/secretive/config", config);
  await hub.api("PUT", "/v1/packs/secretive/config?labels=role%3Dweb", { password: marker("layer") });
  await hub.api("PUT", "/v1/packs/alert/config", { mail: { username: "ann", password: marker("mail") } });
  await user.rule(plantedRule("planted_literal", `{token: ${marker("rule")}}`));
  await user.rule(plantedRule("planted_named", "{token: '{{ st2kv.system.planted | decrypt_kv }}'}"));
  const run = (parameters: object, more: object = {}) => ({
    action: "secretive.login",
    parameters,
    target: "hub",
    ...more,
  });
  const runs: string[] = [];
  // It is warned of, and made.
  const misfit = plantedRule("planted_wrong", `{pin: ${marker("wrong")}}`);
  runs.push((await runPetrel(["rule", "create", "-", "--data", hub.data], { input: misfit })).stderr);
  for (const body of [
    run({ token: marker("parameter") }),
    run({ token: marker("parameter") }, { dry_run: true }),
    run({ pin: marker("wrong") }),
    run({ token: { a: marker("wrong") } }),
  ]) {
    const answer = await fetch(`${hub.url}/v1/executions`, {
      method: "POST",
      headers: { authorization: `Bearer ${local}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    runs.push(await answer.text());
  }
  const hook = `${hub.url}/v1/webhooks/planted?st2-api-key=${made.key}`;
  for (const headers of [{}, { authorization: `Bearer ${made.key}` }, { "st2-api-key": made.key }]) {
    expect((await fetch(hook, { method: "POST", headers, body: "{}" })).status).toBe(202);
  }
  await waitUntil("the executions to end", async () => {
    const executions = await hub.all<Execution>("/v1/executions?action=secretive.login");
    return executions.length >= 7 && executions.every(({ status }) => /succeeded|failed/.test(status));
  });

  const secrets = (text: string) => [
    ...leaksIn(text, kinds),
    ...(text.includes(made.key) ? ["api key"] : []),
  ];
  const texts: (readonly [string, string])[] = [...(await everyAnswer(hub, local))];
  expect(texts.length).toBeGreaterThan(60);
  texts.push(...runs.map((text, at) => [`run ${at}`, text] as const));
  stream.close();
  texts.push(["the stream", stream.text()]);
  expect(stream.text()).toContain("secretive.login");
  const [execution] = await hub.all<Execution>("/v1/executions?action=secretive.login");
  for (const args of [
    ["execution", "get", execution?.id ?? ""],
    ["rule", "get", "default.planted_literal", "--json"],
    ["rule", "replay", "default.planted_named", "--since", "1h", "--json"],
    ["pack", "config", "secretive", "--json"],
    ["pack", "status", "secretive"],
    ["run", "secretive.login", "--help"],
    ["run", "secretive.login", "--dry-run"],
    ["apikey", "list", "--json"],
    ["audit", "log", "--json"],
    ["doctor", "--json"],
  ]) {
    const { stdout, stderr } = await runPetrel([...args, "--data", hub.data]);
    texts.push([`petrel ${args.join(" ")}`, stdout + stderr]);
  }
  for (const [command, data] of [
    ["petrel", hub.data],
    ["petrel-agent", join(hub.data, "agent")],
  ] as const) {
    const file = join(await tempFolder("bundle"), "doctor.tar.gz");
    const env = {
      SMTP_PASSWORD: marker("environment"),
      PETREL_ENROLL_TOKEN: "petrel-token-2.Planted-token.x",
    };
    const { stdout } = await runPetrel(["doctor", "--data", data, "--bundle", file], { command, env });
    expect(stdout).toContain(`wrote ${file}`);
    const text = gunzipSync(await readFile(file)).toString("utf8");
    expect(text).toContain("findings.json");
    expect([command, text.includes(local), text.includes("Planted-")]).toEqual([command, false, false]);
    texts.push([`the bundle of ${command}`, text]);
  }
  texts.push(["the log of hub and agent", hub.daemon().log()]);
  expect(hub.daemon().log()).toContain(" DEBUG ");
  const found = texts.filter(([, text]) => secrets(text).length > 0);
  expect(found.map(([where, text]) => [where, secrets(text)])).toEqual([]);
});

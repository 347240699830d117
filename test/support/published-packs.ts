/** Packs in the manner of published ones, installed on one hub with the agent beside it. */
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join, resolve } from "node:path";
import { readApiFile } from "../../hub/http/api-file-fs.ts";
import type { Json, JsonObject } from "../../shared/json.ts";
import { atEnd } from "./at-end.ts";
import { agentReady, createHub, freePort, type TestHub } from "./fleet.ts";
import { type HubUser, userOf } from "./fleet-user.ts";
import type { Ended } from "./run-petrel.ts";
import { tempFolder } from "./temp-folder.ts";
import { makeWheel } from "./wheel.ts";

export const published = resolve(import.meta.dirname, "../fixtures/packs-published");

export interface PublishedPacks {
  readonly hub: TestHub;
  readonly user: HubUser;
  /** A folder for what the packs' actions write. */
  readonly place: string;
  readonly syslogPort: number;
  /** What the service that packs talk to was asked, with the headers that packs set. */
  readonly asked: readonly Asked[];
  /** What `petrel pack install` said of `newsfeed`, with its configuration, and of all others, without theirs. */
  readonly said: { readonly first: Ended; readonly rest: Ended };
  /** Posts to a webhook. */
  hook(url: string, body: Json, headers?: Record<string, string>): Promise<JsonObject>;
}

export interface Asked {
  readonly request: string;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

const titles = ["Storage news", "Nothing", "NETWORK down", "Old storage", "Network and storage"];
const items = titles.map((title, at) => ({
  id: at + 1,
  title,
  tags: at % 2 === 0 ? ["news", `t${at + 1}`] : ["other"],
  author: { name: `A${at + 1}`, ...(at === 2 && { email: "a3@example.org" }) },
}));

/** A feed in pages, and a chat. */
async function startService(asked: Asked[]): Promise<string> {
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const piece of request) body += String(piece);
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
    const { authorization, "x-api-key": key } = request.headers;
    asked.push({ request: `${request.method} ${request.url}`, headers: { authorization, key }, body });
    const answer = (value: unknown) => {
      response.setHeader("content-type", "application/json; charset=utf-8");
      response.end(JSON.stringify(value));
    };
    if (pathname === "/items") {
      const size = Number(searchParams.get("size"));
      const rest = items.filter(({ id }) => id > Number(searchParams.get("since")));
      answer({ items: rest.slice(0, size), more: rest.length > size });
    } else if (pathname === "/api/chat.postMessage") answer({ ok: true, message: JSON.parse(body) as Json });
    else response.setHeader("content-type", "text/plain").end("ada,grace");
  });
  await new Promise<void>((done) => {
    server.listen(0, "127.0.0.1", done);
  });
  atEnd(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const inventory = `
database: {host: db.example.org, credentials: {password: pw1}}
accounts:
  - {name: one, password: "{{ st2kv.system.inventory.secret }}"}
  - {name: two, secure: false}
mirrors: {alpha: {url: "http://a"}, beta: {url: "http://b", weight: 2.5}}
tags: {team: ops}
anything: {deep: {er: [1, {x: null}]}}
from_store: "{{ st2kv.system.inventory.stored }}"
secret_from_store: "{{ st2kv.system.inventory.secret }}"
`;

/** With `petrel pack install` and, where a test is not about it, the API for keys and configuration. */
export async function installPublished(): Promise<PublishedPacks> {
  const place = await tempFolder("published");
  const wheels = join(place, "wheels");
  await mkdir(wheels);
  await mkdir(join(place, "pile"));
  const table = "def table(rows, sep):\n    return [sep.join(str(c) for c in row) for row in rows]\n";
  await makeWheel(wheels, "petrel_tabular", table, "1.2");
  const asked: Asked[] = [];
  const service = await startService(asked);
  const syslogPort = await freePort();
  const hub = await createHub({ args: ["--with-agent"] });
  await hub.start({ PETREL_AGENT_PIP_INDEX: wheels });
  await agentReady(hub, "hub");
  const user = userOf(hub);
  for (const [name, value, secret] of [
    ["inventory.stored", "from the store", false],
    ["inventory.secret", "hidden", true],
    ["chatpost_token", "xoxb-1", true],
    ["modern_token", "abcdef", true],
  ] as const)
    await hub.api("PUT", `/v1/keys/${name}`, { value, secret });

  const file = join(place, "config.yaml");
  await writeFile(file, `url: ${service}\napi_key: k1\n`);
  const first = await user.run("pack", "install", join(published, "newsfeed"), "--config", file);
  const others = (await readdir(published)).sort().filter((name) => name !== "newsfeed");
  const rest = await user.run("pack", "install", ...others.map((name) => join(published, name)));
  await writeFile(file, inventory);
  await user.says("pack", "config", "inventory", "--file", file);
  const admin = "admin={organization: acme, admin_token: adm}";
  const url = `post_message_action.webhook_url=${service}`;
  await user.says("pack", "config", "chatpost", "--set", url, "--set", admin);
  for (const [pack, values] of Object.entries({
    syslog_server: { sensor_listen_port: syslogPort },
    janitor: { "cleaning.folder": join(place, "pile") },
    oldops: { notebook: join(place, "notebook") },
    forge: { token: "tok" },
    guarded: { folder: place },
    modern: { endpoints: [{ name: "www", password: "pp" }], labels: { a: "b" } },
  }))
    await hub.api("PATCH", `/v1/packs/${pack}/config`, values);
  const key = (await readApiFile(hub.data))?.key ?? "";
  return {
    hub,
    user,
    place,
    syslogPort,
    asked,
    said: { first, rest },
    async hook(url, body, headers = {}) {
      const response = await fetch(`${hub.url}/v1/webhooks/${url}`, {
        method: "POST",
        headers: { authorization: `Bearer ${key}`, "content-type": "application/json", ...headers },
        body: JSON.stringify(body),
      });
      if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`);
      return (await response.json()) as JsonObject;
    },
  };
}

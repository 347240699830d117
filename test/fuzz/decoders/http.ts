/** The HTTP API of a whole hub, every route of it, as a client sends requests to it. */
import { Buffer } from "node:buffer";
import { join } from "node:path";
import { permissions } from "../../../hub/access/permissions.ts";
import { readApiFile } from "../../../hub/http/api-file-fs.ts";
import { startHub } from "../../../hub/main.ts";
import { defaultShares } from "../../../shared/config/hub-config.ts";
import { createLogger } from "../../../shared/log.ts";
import { http } from "../../../shared/node-http.ts";
import { systemClock } from "../../../shared/system-process.ts";
import { atEnd } from "../../support/at-end.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import type { Decoder } from "../campaign.ts";

/** One of them for each kind of body; mutations bring them to the other routes too. */
const bodies: readonly object[] = [
  {},
  {
    name: "r",
    pack: "p",
    trigger: { type: "core.st2.webhook" },
    action: { ref: "core.noop" },
    criteria: { "trigger.body.a": { type: "equals", pattern: 1 } },
  },
  { action: "core.noop", parameters: { a: 1 }, target: { host: "web-1" } },
  { name: "k", value: "v", scope: "system", encrypted: true, ttl: 5, secret: false },
  { status: "canceled" },
  { role: "observer", description: "d", expires_at: "2027-01-01T00:00:00Z" },
  { files: { "pack.yaml": "ref: p\n" }, config: { a: 1 } },
  { labels: { role: "web" }, uses: 5, ttl: 3600, approve: true },
  {
    rule: { name: "r" },
    trigger: { type: "a.b", payload: { a: [1] } },
    instances: ["01HQ0000000000000000000001"],
  },
  { from: "2026-01-01T00:00:00Z", until: "2027-01-01T00:00:00Z", paths: ["/etc/**"], reason: "x" },
];
const queries = [
  "?limit=5",
  "?limit=2&cursor=bGlzdA",
  "?since=2026-01-01T00:00:00Z&status=failed",
  "?agent=web-1&trigger=a.b&labels=a=b",
];
/** They end when their listener goes; and a backup goes to whatever folder is asked for. */
const avoided = /^\/+v1\/+(?:stream|backups)/i;

interface Answer {
  readonly status: number;
  readonly text: string;
}

/** A hub in dev mode in a folder of its own, without an agent, and what it logs as an error. */
async function aHub() {
  const folder = await tempFolder("fuzz");
  const faults: string[] = [];
  const log = createLogger({
    level: "error",
    format: "text",
    write: (line) => faults.push(line),
    now: systemClock.now,
  });
  const any = { host: "127.0.0.1", port: 0 };
  const hub = await startHub(
    {
      dev: true,
      withAgent: false,
      data: join(folder, "hub"),
      http: any,
      mqtt: any,
      brokerUrl: null,
      retention: { days: 90, maxInstances: 5_000_000, maxBytes: null },
      lostAfter: 120,
      certificateSeconds: 86_400,
      shares: defaultShares,
      loopDepth: 8,
      timers: { catchUp: "last" },
      log: { level: "error", format: "text" },
    },
    log,
  );
  atEnd(() => hub.stop());
  const { key = "" } = (await readApiFile(join(folder, "hub"))) ?? {};
  const agent = new http.Agent({ keepAlive: true, maxSockets: 2 });
  atEnd(() => agent.destroy());
  const ask = (
    method: string,
    path: string,
    headers: Readonly<Record<string, string>>,
    body: Uint8Array,
  ): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const { hostname, port } = new URL(hub.url);
      const options = { agent, hostname, port, method, path, headers };
      const request = http.request(options, (response) => {
        const parts: Buffer[] = [];
        response.on("data", (part: Buffer) => parts.push(part));
        response.on("error", reject);
        response.on("end", () =>
          resolve({ status: response.statusCode ?? 0, text: Buffer.concat(parts).toString("utf8") }),
        );
      });
      request.on("error", reject);
      request.end(body);
    });
  return { ask, key, faults };
}

export async function openHttp(): Promise<Decoder> {
  const { ask, key, faults } = await aHub();
  const routes = [...permissions.keys()].map((route) => route.split(" ") as [method: string, path: string]);
  const words = [
    "01HQ0000000000000000000001",
    "web-1",
    "mypack",
    "mypack.login",
    "a".repeat(600),
    "%00",
    "%ff",
    "..",
    "%2e%2e%2f",
    ":id",
  ];
  const named = (path: string, i: number) => path.replace(/:\w+/g, () => words[i % 4] ?? "x");
  const seeds = routes.map(([method, path], i) => {
    const query = method === "GET" ? queries[i % queries.length] : "";
    const body = method === "GET" || method === "DELETE" ? "" : JSON.stringify(bodies[i % bodies.length]);
    return Buffer.from(`${method} ${named(path, i)}${query}\napplication/json\n${body}`);
  });
  const more = bodies.flatMap((body, i) =>
    routes
      .filter(([method]) => method === "POST" || method === "PUT")
      .filter((_, j) => j % bodies.length === i)
      .map(([method, path]) =>
        Buffer.from(`${method} ${named(path, i)}\napplication/json\n${JSON.stringify(body)}`),
      ),
  );
  const yaml = Buffer.from(
    "POST /v1/rules\napplication/yaml\nname: r\npack: p\ntrigger: {type: a.b}\naction: {ref: core.noop}\n",
  );
  const hook = {
    name: "hook",
    pack: "default",
    enabled: true,
    trigger: { type: "core.st2.webhook", parameters: { url: "hook" } },
    action: { ref: "core.noop" },
  };
  const json = { authorization: `Bearer ${key}`, "content-type": "application/json" };
  const made = await ask("POST", "/v1/rules", json, Buffer.from(JSON.stringify(hook)));
  if (made.status >= 300) throw new Error(`no rule for webhooks: ${made.text}`);
  const hooks = [
    ["application/x-www-form-urlencoded", "a=1&b=%C3%BC+x&a=2&c[d]=e"],
    ["application/json", '{"a":[1,{"b":null}]}'],
    ["text/plain", "a: 1"],
  ].map(([type, body]) => Buffer.from(`POST /v1/webhooks/hook\n${type}\n${body}`));
  // By the thousand it is a matter of luck that a mutation leaves it JSON.
  const deep = `${"[".repeat(10_000)}1${"]".repeat(10_000)}`;
  const nested = [
    `POST /v1/rules\napplication/json\n{"name":"r","action":${deep}}`,
    `POST /v1/webhooks/st2\napplication/json\n{"trigger":"core.st2.webhook","payload":{"body":${deep}}}`,
    `POST /v1/executions\napplication/json\n{"action":"core.noop","parameters":{"a":${deep}}}`,
  ].map((text) => Buffer.from(text));
  return {
    name: "http",
    // Rules, keys and packs that are made stay, and the hub has them in memory.
    growthMib: 128,
    maxBytes: 400 * 1024,
    seeds: [...seeds, ...more, ...hooks, ...nested, yaml],
    words: [
      ...words,
      "application/yaml",
      "text/plain",
      "application/x-www-form-urlencoded",
      "&limit=-1",
      "&cursor=",
      "&since=9999-99-99",
      "&a[b]=c",
      "&__proto__=1",
    ],
    async take(input) {
      const [first = "", type = "", ...rest] = Buffer.from(input).toString("latin1").split("\n");
      const [verb = "", target = "/"] = first.split(" ");
      const [known] = routes.filter(([method]) => method === verb);
      const method = known?.[0] ?? "POST";
      // What a client of HTTP can send at all.
      const url = `/${target.replace(/[^\x21-\x7e]/g, "%").replace(/^\/+/, "")}`;
      if (avoided.test(decodedUrl(url)) || url.includes("#") || !isUrl(url)) return "refused";
      const headers = {
        authorization: `Bearer ${key}`,
        "content-type": /^[\w/+.-]+$/.test(type) ? type : "application/json",
      };
      const payload = Buffer.from(rest.join("\n"), "latin1");
      const { status, text } = await ask(method, url, headers, payload);
      const [fault] = faults;
      if (fault !== undefined) {
        faults.length = 0;
        throw new Error(`${method} ${url}: ${fault}`);
      }
      // 503: what it asks of an agent nobody answers here.
      if (status >= 500 && status !== 503) throw new Error(`${method} ${url}: ${status} ${text}`);
      if (status < 400) return "taken";
      const { error } = JSON.parse(text) as { error?: { code?: unknown } };
      if (typeof error?.code !== "string" || error.code === "INTERNAL")
        throw new Error(`${url}: ${status} ${text}`);
      return "refused";
    },
  };
}

function decodedUrl(url: string): string {
  try {
    return decodeURI(url);
  } catch {
    return url;
  }
}

function isUrl(url: string): boolean {
  return URL.canParse(url, "http://127.0.0.1");
}

/** The HTTP API, every route of it, on a real store. */
import { Buffer } from "node:buffer";
import { startApi } from "../../support/start-api.ts";
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
/** They end when their listener goes. */
const endless = /^\/v1\/stream/;

export async function openHttp(): Promise<Decoder> {
  const { api, key, faults } = await startApi();
  await api.ready();
  const routes = api.routeNames.map((route) => route.split(" ") as [method: string, path: string]);
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
  return {
    name: "http",
    seeds: [...seeds, ...more, yaml],
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
      if (endless.test(decodedUrl(url)) || url.includes("#") || !isUrl(url)) return "refused";
      const headers = {
        authorization: `Bearer ${key}`,
        "content-type": /^[\w/+.-]+$/.test(type) ? type : "application/json",
      };
      const payload = Buffer.from(rest.join("\n"), "latin1");
      const response = await api.inject({
        method: method as "POST",
        url,
        headers,
        ...(payload.length > 0 && { payload }),
      });
      const [fault] = faults;
      if (fault !== undefined) {
        (faults as string[]).length = 0;
        throw new Error(`${method} ${url}: ${fault}`);
      }
      if (response.statusCode >= 500)
        throw new Error(`${method} ${url}: ${response.statusCode} ${response.body}`);
      if (response.statusCode < 400) return "taken";
      const { error } = JSON.parse(response.body) as { error?: { code?: unknown } };
      if (typeof error?.code !== "string" || error.code === "INTERNAL")
        throw new Error(`${url}: ${response.body}`);
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

import { connect } from "node:net";
import { describe, expect, test } from "vitest";
import { listenApi } from "../../../../hub/http/listen-http.ts";
import { startApi } from "../../../support/start-api.ts";
import { waitUntil } from "../../../support/wait-until.ts";

const bearer = (key: string) => ({ authorization: `Bearer ${key}` });

/** What a server answers to raw bytes. */
async function answerTo(url: string, bytes: string | Buffer): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  let text = "";
  let closed = false;
  socket.setEncoding("latin1");
  socket.on("data", (chunk) => {
    text += chunk;
  });
  socket.on("error", () => {});
  socket.on("close", () => {
    closed = true;
  });
  socket.write(bytes);
  await waitUntil("the server closes the connection", () => closed);
  return text;
}

describe("a request that is wrong", () => {
  test("a broker's name with a port: no certificate is made for that", async () => {
    const { api, operations, key } = await startApi({ brokerConfig: async () => ({}) });
    const { statusCode, body } = await api.inject({
      method: "POST",
      url: "/v1/hub/broker-config",
      headers: bearer(key),
      payload: { hosts: ["mq.example.org:8883"] },
    });
    expect([statusCode, JSON.parse(body).error]).toEqual([
      400,
      expect.objectContaining({ code: "API_BAD_REQUEST", fix: "--host mq.example.org --port 8883" }),
    ]);
    expect(operations.calls).toEqual([]);
  });

  test.for(["/v1/rules", "/v1/webhooks/st2", "/v1/executions"])("%s: nested by the thousand", async (url) => {
    const { api, key } = await startApi();
    const deep = `${"[".repeat(50_000)}${"]".repeat(50_000)}`;
    const { statusCode, body } = await api.inject({
      method: "POST",
      url,
      headers: { ...bearer(key), "content-type": "application/json" },
      payload: `{"action":{"ref":"core.noop"},"payload":${deep}}`,
    });
    expect([statusCode, JSON.parse(body).error]).toEqual([
      400,
      {
        code: "API_BAD_REQUEST",
        message: "the body is not taken: nested deeper than 100 levels",
        where: "body",
        fix: "flatten it",
      },
    ]);
  });

  test.each([
    ["POST", "/v1/executions", "{not json", "application/json", 400, "API_BAD_REQUEST", /JSON/],
    ["POST", "/v1/executions", "", "application/json", 400, "API_BAD_REQUEST", /empty/],
    ["POST", "/v1/executions", "[]", "application/json", 400, "API_BAD_REQUEST", /must be object/],
    ["POST", "/v1/executions", "{}", "application/json", 400, "API_BAD_REQUEST", /'action'/],
    ["POST", "/v1/executions", '{"action":5}', "application/json", 400, "API_BAD_REQUEST", /must be string/],
    [
      "POST",
      "/v1/executions",
      '{"__proto__":{"a":1},"action":"a.b"}',
      "application/json",
      400,
      "API_BAD_REQUEST",
      /JSON/,
    ],
    ["POST", "/v1/executions", "<xml/>", "text/xml", 415, "API_BAD_REQUEST", /Media Type/],
    [
      "POST",
      "/v1/rules",
      `{"action":"${"x".repeat(1_100_000)}"}`,
      "application/json",
      413,
      "API_BAD_REQUEST",
      /large/,
    ],
    ["POST", "/v1/rules", "", "application/yaml", 400, "API_BAD_REQUEST", /./],
    ["POST", "/v1/packs", '{"files":[]}', "application/json", 400, "API_BAD_REQUEST", /fewer than 1/],
    [
      "POST",
      "/v1/packs",
      '{"files":[{"path":"a","content":"%%"}]}',
      "application/json",
      400,
      "API_BAD_REQUEST",
      /pattern/,
    ],
    [
      "PATCH",
      "/v1/agents/a",
      '{"labels":{"a":1}}',
      "application/json",
      400,
      "API_BAD_REQUEST",
      /string,null|string/,
    ],
    ["GET", "/v1/rules?limit=0", undefined, undefined, 400, "API_BAD_REQUEST", />= 1/],
    ["GET", "/v1/rules?limit=1001", undefined, undefined, 400, "API_BAD_REQUEST", /<= 1000/],
    ["GET", "/v1/rules?cursor=garbage", undefined, undefined, 400, "API_BAD_REQUEST", /cursor is none that/],
    [
      "GET",
      "/v1/executions?cursor=01HQ",
      undefined,
      undefined,
      400,
      "API_BAD_REQUEST",
      /cursor is none that/,
    ],
    [
      "GET",
      "/v1/gaps?format=ndjson&cursor=x",
      undefined,
      undefined,
      400,
      "API_BAD_REQUEST",
      /cursor is none/,
    ],
    ["GET", "/v1/rules?colour=red", undefined, undefined, 400, "API_BAD_REQUEST", /unknown field 'colour'/],
    ["GET", "/v1/trigger-instances?since=5", undefined, undefined, 400, "API_BAD_REQUEST", /date-time/],
    ["GET", "/v1/executions?status=done", undefined, undefined, 400, "API_BAD_REQUEST", /succeeded/],
    ["GET", "/v1/stream?types=rules,secrets", undefined, undefined, 400, "API_BAD_REQUEST", /pattern/],
    ["GET", "/v1/%zz", undefined, undefined, 400, "API_BAD_REQUEST", /./],
    ["GET", "/v1/executions/nothing", undefined, undefined, 404, "NOT_FOUND", /'nothing'/],
    ["GET", "/v1/colours", undefined, undefined, 404, "API_NOT_FOUND", /GET \/v1\/colours/],
    ["PUT", "/v1/executions", "{}", "application/json", 404, "API_NOT_FOUND", /PUT/],
  ] as const)("%s %s %j (%s) is %i %s", async (method, url, payload, type, status, code, message) => {
    const { api, operations, key, faults } = await startApi();
    const reply = await api.inject({
      method,
      url,
      headers: { ...bearer(key), ...(type !== undefined && { "content-type": type }) },
      ...(payload !== undefined && { payload }),
    });
    expect([reply.statusCode, reply.json().error.code]).toEqual([status, code]);
    expect(reply.json().error.message).toMatch(message);
    expect(reply.json().faultstring).toBe(reply.json().error.message);
    expect(reply.body).not.toMatch(/\bat .*\.(ts|js)|node_modules/);
    expect(operations.calls).toEqual([]);
    expect(faults).toEqual([]);
  });

  test("has all its faults named at once", async () => {
    const { api, key } = await startApi();
    const reply = await api.inject({
      method: "POST",
      url: "/v1/executions",
      headers: bearer(key),
      payload: { parameters: 1, acton: "a.b" },
    });
    const { message } = reply.json().error;
    expect(message).toContain("'action'");
    expect(message).toContain("unknown field 'acton'");
    expect(message).toContain("parameters must be object");
  });

  test("a fault of the hub's own is told without its inside, and logged with it", async () => {
    const { api, key, faults } = await startApi({
      status: async () => {
        throw new TypeError("the secret inside");
      },
    });
    const reply = await api.inject({ url: "/v1/hub", headers: bearer(key) });
    expect([reply.statusCode, reply.json().error.code]).toEqual([500, "INTERNAL"]);
    expect(reply.body).not.toContain("secret");
    expect(faults.join("\n")).toContain("the secret inside");
  });
});

describe("bytes that are no request", () => {
  test.each([
    ["noise", Buffer.from([0, 1, 2, 255, 254, 13, 10, 13, 10])],
    ["an MQTT packet", Buffer.from([0x10, 0x0c, 0, 4, 77, 81, 84, 84, 4, 2, 0, 60, 0, 0])],
    ["TLS", Buffer.from([0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3])],
    ["a header without end", `GET / HTTP/1.1\r\nX: ${"y".repeat(40_000)}`],
  ])("%s gets a refusal, and the API goes on", async (_what, bytes) => {
    const { listen } = await startApi();
    const url = await listen();
    const answer = await answerTo(url, bytes);
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).toContain("API_BAD_REQUEST");
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
  });
});

describe("listening", () => {
  test("on a port that is taken says so, and how to choose another", async () => {
    const port = Number(new URL(await (await startApi()).listen()).port);
    const { api: second } = await startApi();
    const address = { host: "127.0.0.1", port };
    await expect(listenApi(second, address, { isSecure: false })).rejects.toMatchObject({
      code: "HUB_PORT_IN_USE",
      message: expect.stringContaining(String(port)),
      hint: expect.stringContaining("--http"),
    });
  });
});

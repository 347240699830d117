/** The runner `http-request` against real servers, by HTTP, HTTPS and through a proxy. */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, connect, type Socket } from "node:net";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import type { Json, JsonObject } from "../../shared/json.ts";
import { atEnd } from "../support/at-end.ts";
import { packageMissing } from "../support/debian-process.ts";
import { startRun } from "../support/runner-bench.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { waitUntil } from "../support/wait-until.ts";

const openssl = "/usr/bin/openssl";
const missing = await packageMissing("openssl", () => existsSync(openssl));
if (missing !== null) console.warn(`NOT TESTED: https of http-request: ${missing}`);

interface Heard {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

async function listening(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  atEnd(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** A server that notes what it hears and answers by `answer`. */
async function serving(answer: RequestListener, tls?: { readonly key: Buffer; readonly cert: Buffer }) {
  const heard: Heard[] = [];
  const listener: RequestListener = async (request, response) => {
    const { method = "", url = "", headers } = request;
    let body = "";
    for await (const piece of request.setEncoding("utf8")) body += piece;
    heard.push({ method, url, headers, body });
    answer(request, response);
  };
  const port = await listening(tls ? createTlsServer(tls, listener) : createServer(listener));
  return { heard, port, url: `${tls ? "https" : "http"}://127.0.0.1:${port}` };
}

const ok: RequestListener = (_, response) => response.end("fine");

async function run(runner: JsonObject, action: JsonObject = {}, outputCapBytes = 100_000) {
  const { outcome } = await startRun(
    "http-request",
    { runner_parameters: runner, parameters: action },
    { settings: { outputCapBytes } },
  );
  return outcome;
}

describe("what is sent", () => {
  test.each<{ name: string; runner?: JsonObject; action?: JsonObject; heard: Partial<Heard> }>([
    { name: "a GET, when nothing is said", heard: { method: "GET", url: "/a?b=c", body: "" } },
    {
      name: "parameters of the query, as Python spells them",
      action: { params: { x: [1, "zwei"], y: true, z: null, ü: "&" } },
      heard: { url: "/a?b=c&x=1&x=zwei&y=True&%C3%BC=%26" },
    },
    { name: "a body makes a POST", action: { body: "text ü" }, heard: { method: "POST", body: "text ü" } },
    { name: "the method that is asked for", action: { method: "put", body: "1" }, heard: { method: "PUT" } },
    {
      name: "JSON, where the content type says so",
      runner: { headers: { "Content-Type": "application/json; charset=utf-8" } },
      action: { body: '{"a":  12345678901234567890}' },
      heard: { body: '{"a":  12345678901234567890}' },
    },
    {
      name: "text that is no JSON as a JSON string",
      runner: { headers: { "content-type": "application/json" } },
      action: { body: "no json" },
      heard: { body: '"no json"' },
    },
    {
      name: "an object as a form",
      action: { body: { a: "1 2", b: [3, 4] } },
      heard: {
        body: "a=1+2&b=3&b=4",
        headers: expect.objectContaining({ "content-type": "application/x-www-form-urlencoded" }),
      },
    },
    {
      name: "headers, cookies, who asks",
      runner: { headers: { "X-One": 1 }, cookies: { a: "b", c: "d" }, username: "ann", password: "pa:ss" },
      heard: {
        headers: expect.objectContaining({
          "x-one": "1",
          cookie: "a=b; c=d",
          authorization: `Basic ${Buffer.from("ann:pa:ss").toString("base64")}`,
          "user-agent": "petrel",
        }),
      },
    },
    {
      name: "a header for authentication",
      action: { auth: "x-auth-token=abc=" },
      heard: { headers: expect.objectContaining({ "x-auth-token": "abc=" }) },
    },
    {
      name: "a file",
      action: { file_name: "f.txt", file_content: "line\n", file_content_type: "text/plain" },
      heard: {
        method: "POST",
        body: expect.stringMatching(
          /name="f\.txt"; filename="f\.txt"\r\nContent-Type: text\/plain\r\n\r\nline\n\r\n/,
        ),
      },
    },
  ])("$name", async ({ runner, action, heard }) => {
    const server = await serving(ok);
    const outcome = await run({ url: `${server.url}/a?b=c`, ...runner }, action);
    expect(outcome).toMatchObject({ status: "succeeded" });
    expect(server.heard).toEqual([expect.objectContaining(heard)]);
  });

  test("a name and a password in the URL are for the server, and stay out of the request's line", async () => {
    const server = await serving(ok);
    await run({ url: server.url.replace("://", "://ann:p%40ss@") });
    expect(server.heard[0]).toMatchObject({
      url: "/",
      headers: { authorization: `Basic ${Buffer.from("ann:p@ss").toString("base64")}` },
    });
  });
});

describe("what comes back", () => {
  test.each<{ name: string; answer: RequestListener; status?: string; result: Record<string, unknown> }>([
    {
      name: "text",
      answer: (_, response) => response.setHeader("X-Twice", ["a", "b"]).end("fine"),
      result: {
        status_code: 200,
        body: "fine",
        parsed: false,
        headers: expect.objectContaining({ "X-Twice": "a, b" }),
      },
    },
    {
      name: "JSON, where it says that it is",
      answer: (_, response) => response.setHeader("content-type", "application/json").end('{"a": [1, null]}'),
      result: { status_code: 200, body: { a: [1, null] }, parsed: true },
    },
    {
      name: "what says that it is JSON and is not",
      answer: (_, response) => response.setHeader("content-type", "application/json").end("{"),
      result: { body: "{", parsed: false },
    },
    {
      name: "a number that a double cannot hold, as text",
      answer: (_, response) =>
        response.setHeader("content-type", "application/json").end('{"n": 12345678901234567890}'),
      result: { body: { n: "12345678901234567890" }, parsed: true },
    },
    { name: "206", answer: (_, response) => response.writeHead(206).end("x"), result: { status_code: 206 } },
    {
      name: "a failure of the server",
      answer: (_, response) => response.writeHead(500).end("no"),
      status: "failed",
      result: { status_code: 500, body: "no" },
    },
    {
      name: "a redirect that nobody asked to follow",
      answer: (_, response) => response.writeHead(302, { location: "/elsewhere" }).end(),
      status: "failed",
      result: { status_code: 302 },
    },
    {
      name: "another character set",
      answer: (_, response) =>
        response.setHeader("content-type", "text/plain; charset=iso-8859-1").end(Buffer.from([0xfc])),
      result: { body: "ü" },
    },
    {
      name: "compressed bytes",
      answer: (_, response) => response.setHeader("content-encoding", "gzip").end(gzipSync("unpacked")),
      result: { body: "unpacked" },
    },
    {
      name: "bytes that are no text",
      answer: (_, response) => response.end(Buffer.from([0xff, 0x00, 0x41])),
      result: { body: "\ufffd\0A" },
    },
  ])("$name", async ({ answer, status = "succeeded", result }) => {
    const server = await serving(answer);
    expect(await run({ url: server.url })).toMatchObject({ status, result });
  });

  test("nothing but headers, compressed or not", async () => {
    const server = await serving((_, response) => response.setHeader("content-encoding", "gzip").end());
    expect(await run({ url: server.url }, { method: "HEAD" })).toMatchObject({
      status: "succeeded",
      result: { body: "" },
    });
  });

  test("more than is kept is cut and marked, and the sender is hung up on", async () => {
    let hungUp = false;
    const server = await serving((_, response) => {
      response.on("close", () => {
        hungUp = !response.writableFinished;
      });
      const piece = Buffer.alloc(64 * 1024, "x");
      const more = () => {
        while (response.write(piece));
        response.once("drain", more);
      };
      more();
    });
    const { status, result } = await run({ url: server.url });
    expect(status).toBe("succeeded");
    expect(result).toMatchObject({ body: "x".repeat(100_000), body_truncated: true });
    await waitUntil("the connection to be closed", () => hungUp);
  });

  test("an answer that breaks off is a failure", async () => {
    const server = await serving((request, response) => {
      response.writeHead(200, { "content-length": "100" });
      response.write("half");
      setImmediate(() => request.socket.destroy());
    });
    expect(await run({ url: server.url })).toMatchObject({
      status: "failed",
      result: { error: expect.any(String) },
    });
  });
});

describe("redirects", () => {
  test.each([
    [301, "POST", "GET", ""],
    [302, "PUT", "GET", ""],
    [303, "PUT", "GET", ""],
    [307, "POST", "POST", "data"],
    [308, "PUT", "PUT", "data"],
  ])("%i of a %s becomes a %s", async (status, method, then, body) => {
    const server = await serving((request, response) =>
      request.url === "/there"
        ? response.end("there")
        : response.writeHead(status, { location: "/there" }).end(),
    );
    const outcome = await run({ url: server.url, allow_redirects: true }, { method, body: "data" });
    expect(outcome).toMatchObject({ status: "succeeded", result: { body: "there" } });
    expect(server.heard[1]).toMatchObject({ method: then, url: "/there", body });
  });

  test("to another host go without what names the sender", async () => {
    const other = await serving(ok);
    const server = await serving((_, response) => response.writeHead(302, { location: other.url }).end());
    await run(
      { url: server.url, allow_redirects: true, username: "a", password: "b", cookies: { c: "d" } },
      { auth: "X-Api-Key=secret" },
    );
    const identity = { authorization: expect.any(String), cookie: "c=d", "x-api-key": "secret" };
    expect(server.heard[0]?.headers).toMatchObject(identity);
    expect(other.heard[0]?.headers.authorization).toBeUndefined();
    expect(other.heard[0]?.headers.cookie).toBeUndefined();
    expect(other.heard[0]?.headers["x-api-key"]).toBeUndefined();
  });

  test("without an end are given up", async () => {
    const server = await serving((_, response) => response.writeHead(302, { location: "/" }).end());
    const outcome = await run({ url: server.url, allow_redirects: true });
    expect(outcome).toMatchObject({ status: "failed", reason: expect.stringContaining("redirects") });
    expect(server.heard).toHaveLength(31);
  });

  test("obey the lists of hosts", async () => {
    const server = await serving((_, response) =>
      response.writeHead(302, { location: "http://localhost:1/" }).end(),
    );
    for (const lists of [{ url_hosts_blacklist: ["localhost"] }, { url_hosts_whitelist: ["127.0.0.1"] }]) {
      const outcome = await run({ url: server.url, allow_redirects: true, ...lists });
      expect(outcome).toMatchObject({ status: "failed", reason: expect.stringContaining("host localhost") });
    }
  });
});

describe("what is refused before anything is sent", () => {
  test.each<[string, JsonObject, JsonObject, string]>([
    ["no URL", {}, {}, "url"],
    [
      "a name in other letters",
      { url: "http://bücher.example/", url_hosts_blacklist: ["bücher.example."] },
      {},
      "host xn--",
    ],
    [
      "an address in other digits",
      { url: "http://127.0.0.1/", url_hosts_blacklist: ["127.1"] },
      {},
      "127.0.0.1",
    ],
    ["a wrong % before the host", { url: "http://a%zz@h/" }, {}, "wrong %"],
    ["another scheme", { url: "file:///etc/passwd" }, {}, "http://"],
    [
      "a host on the list",
      { url: "http://Bad.Example/", url_hosts_blacklist: ["bad.example"] },
      {},
      "bad.example",
    ],
    [
      "a host in other words",
      { url: "http://bad.example./", url_hosts_blacklist: ["bad.example"] },
      {},
      "bad.example",
    ],
    ["a host not on the list", { url: "http://[::1]/", url_hosts_whitelist: ["127.0.0.1"] }, {}, "::1"],
    [
      "both lists",
      { url: "http://a/", url_hosts_blacklist: ["b"], url_hosts_whitelist: ["a"] },
      {},
      "only one",
    ],
    ["a header with a line end", { url: "http://a/", headers: { x: "a\r\nY: b" } }, {}, "header 'x'"],
    ["a method that is none", { url: "http://a/" }, { method: "GET / HTTP/1.1" }, "method"],
    ["a proxy that is none", { url: "http://a/", http_proxy: "ftp://x" }, {}, "http_proxy"],
  ])("%s", async (_, runner, action, message) => {
    const { outcome, groups } = await startRun("http-request", {
      runner_parameters: runner,
      parameters: action,
    });
    await expect(outcome).rejects.toThrow(message);
    expect(groups).toEqual([]);
  });
});

async function certificate(): Promise<{ readonly key: Buffer; readonly cert: Buffer }> {
  const folder = await tempFolder("tls");
  const [key, cert] = [join(folder, "key"), join(folder, "cert")];
  const subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"];
  execFileSync(
    openssl,
    ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"].concat(
      ["-keyout", key, "-out", cert],
      subject,
    ),
    { stdio: "ignore" },
  );
  return { key: readFileSync(key), cert: readFileSync(cert) };
}

test.skipIf(missing !== null)("a certificate that does not verify is refused, unless it may be", async () => {
  const server = await serving(ok, await certificate());
  expect(await run({ url: server.url })).toMatchObject({
    status: "failed",
    result: { code: "DEPTH_ZERO_SELF_SIGNED_CERT" },
  });
  expect(server.heard).toEqual([]);
  expect(await run({ url: server.url, verify_ssl_cert: false })).toMatchObject({ status: "succeeded" });
});

test.skipIf(missing !== null)("a proxy is asked for both schemes, and only where it is named", async () => {
  const asked: string[] = [];
  const proxy = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    response.end("by proxy");
  });
  proxy.on("connect", (request: IncomingMessage, socket: Socket) => {
    asked.push(`CONNECT ${request.url}`);
    const [host = "", port = ""] = (request.url ?? "").split(":");
    const through = connect(Number(port), host, () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      through.pipe(socket).pipe(through);
    });
    through.on("error", () => socket.destroy());
    socket.on("error", () => through.destroy());
  });
  const at = `127.0.0.1:${await listening(proxy)}`;
  const plain = await serving(ok);
  const secure = await serving(ok, await certificate());
  const proxies = { http_proxy: at, https_proxy: `http://${at}`, verify_ssl_cert: false };
  expect(await run({ url: `${plain.url}/x`, ...proxies })).toMatchObject({ result: { body: "by proxy" } });
  expect(await run({ url: secure.url, ...proxies })).toMatchObject({ result: { body: "fine" } });
  expect(await run({ url: plain.url, https_proxy: at })).toMatchObject({ result: { body: "fine" } });
  expect(asked).toEqual([`GET ${plain.url}/x`, `CONNECT 127.0.0.1:${secure.port}`]);
});

test.each<[string, Parameters<Awaited<ReturnType<typeof startRun>>["stop"]>[0], Json]>([
  ["timeout", { kind: "timeout", seconds: 2 }, { error: "Action failed to complete in 2 seconds" }],
  ["canceled", { kind: "cancel", reason: "by hand" }, { error: "Action was canceled: by hand" }],
  ["abandoned", { kind: "shutdown" }, { error: "Action was ended: agent stopped" }],
])("%s ends the request, before and within the answer", async (status, reason, result) => {
  for (const begins of [false, true]) {
    let closed = false;
    const server = await serving((request, response) => {
      request.socket.on("close", () => {
        closed = true;
      });
      if (begins) response.write("some");
    });
    const started = await startRun("http-request", { runner_parameters: { url: server.url } });
    await waitUntil("the request to be heard", () => server.heard.length > 0);
    started.stop(reason);
    expect(await started.outcome).toMatchObject({ status, result });
    expect(started.groups).toEqual([null]);
    await waitUntil("the connection to be closed", () => closed);
  }
});

test("its start is known before anything is sent, and nothing is when that fails", async () => {
  const server = await serving(ok);
  const { outcome } = await startRun(
    "http-request",
    { runner_parameters: { url: server.url } },
    {
      onStarted: () => {
        expect(server.heard).toEqual([]);
        throw new Error("the disk refuses");
      },
    },
  );
  await expect(outcome).rejects.toThrow("the disk refuses");
  expect(server.heard).toEqual([]);
});

test("nobody there is a failure with a code, and without the password", async () => {
  const outcome = await run({ url: "http://127.0.0.1:1/", username: "ann", password: "s3cret" });
  expect(outcome).toMatchObject({ status: "failed", result: { code: "ECONNREFUSED" } });
  expect(JSON.stringify(outcome)).not.toContain("s3cret");
});

/** Pack alert against servers that speak the real protocols: what comes out there is what people get. */
import { execFile } from "node:child_process";
import { createHmac } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer as createHttp, type IncomingHttpHeaders } from "node:http";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import mail from "../../../packs/alert/actions/mail.ts";
import slack from "../../../packs/alert/actions/slack.ts";
import syslog from "../../../packs/alert/actions/syslog.ts";
import webhook from "../../../packs/alert/actions/webhook.ts";
import type { Alert } from "../../../packs/alert/lib/alert.ts";
import { stuffed } from "../../../packs/alert/lib/smtp.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { waitUntil } from "../../support/wait-until.ts";

const alert: Alert = {
  title: "/etc/pässwd modified",
  text: "",
  severity: "error",
  host: "web-1.example",
  event: {
    path: "/etc/pässwd",
    status: "modified",
    actor: { pid: 4711, user: "root", login_user: "eve", cmdline: "vi /etc/pässwd" },
  },
};

async function listening(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

interface Request {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

async function httpSink(status = 200) {
  const requests: Request[] = [];
  const server = createHttp(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    requests.push({ headers: request.headers, body: Buffer.concat(chunks).toString() });
    response.writeHead(status, { location: "http://127.0.0.1:9/secret" }).end("ok");
  });
  return { port: await listening(server), requests };
}

/** Takes one mail a connection, as a plain server does. */
async function smtpSink({ refuses = "" } = {}) {
  const said: string[] = [];
  const messages: string[] = [];
  const serve = (socket: Socket) => {
    socket.setEncoding("latin1").on("error", () => {});
    socket.write("220 sink ready\r\n");
    let rest = "";
    let isData = false;
    socket.on("data", (text: string) => {
      rest += text;
      for (;;) {
        if (isData) {
          const end = rest.indexOf("\r\n.\r\n");
          if (end < 0) return;
          messages.push(rest.slice(0, end).replace(/^\.\./gm, "."));
          rest = rest.slice(end + 5);
          isData = false;
          socket.write("250 taken\r\n");
          continue;
        }
        const end = rest.indexOf("\r\n");
        if (end < 0) return;
        const line = rest.slice(0, end);
        rest = rest.slice(end + 2);
        said.push(line);
        if (refuses !== "" && line.startsWith(refuses)) socket.write("550 no\r\n");
        else if (line.startsWith("EHLO")) socket.write("250-sink\r\n250 AUTH PLAIN\r\n");
        else if (line.startsWith("AUTH")) socket.write("235 welcome\r\n");
        else if (line === "DATA") {
          isData = true;
          socket.write("354 go on\r\n");
        } else if (line === "QUIT") socket.end("221 bye\r\n");
        else socket.write("250 fine\r\n");
      }
    });
  };
  return { port: await listening(createServer(serve)), said, messages };
}

test("a webhook gets path, host and actor, signed, with the authorization of the configuration", async () => {
  const { port, requests } = await httpSink();
  const config = { url: `http://127.0.0.1:${port}/hook`, key: "k3y", authorization: "Bearer t0ken" };
  expect(await webhook(alert, { config: { webhook: config } })).toEqual([
    true,
    { status: 200, host: `127.0.0.1:${port}` },
  ]);
  const [request] = requests;
  expect(JSON.parse(request?.body ?? "")).toEqual(alert);
  const signature = createHmac("sha256", "k3y")
    .update(request?.body ?? "")
    .digest("hex");
  expect(request?.headers).toMatchObject({
    authorization: "Bearer t0ken",
    "x-petrel-signature": `sha256=${signature}`,
  });
});

test.for<[what: string, status: number]>([
  ["an error", 500],
  ["a redirection, which is not followed", 302],
])("a webhook that answers with %s is a failure that tells no secret", async ([, status]) => {
  const { port, requests } = await httpSink(status);
  const url = `http://127.0.0.1:${port}/services/s3cret`;
  const [isTold, why] = await webhook(alert, { config: { webhook: { url } } });
  expect([isTold, why]).toEqual([false, `127.0.0.1:${port} answers with status ${status}`]);
  expect(requests).toHaveLength(1);
});

test("a webhook that nobody answers, and one with an odd address, tell no secret either", async () => {
  const { port } = await httpSink();
  const said = [
    await webhook(alert, { config: { webhook: { url: "http://127.0.0.1:1/s3cret" } } }),
    await webhook(alert, { config: { webhook: { url: "s3cret" } } }),
    await webhook(alert, {
      config: { webhook: { url: `http://127.0.0.1:${port}`, authorization: "s3\ncret" } },
    }),
    await webhook(alert, { config: {} }),
  ];
  expect(said.map(([isTold]) => isTold)).toEqual([false, false, false, false]);
  expect(JSON.stringify(said)).not.toMatch(/s3\\?n?cret/);
});

test("Slack gets path, host and actor, and nothing of theirs is read as its own marks", async () => {
  const { port, requests } = await httpSink();
  const odd = { ...alert, title: "<!channel> & more", event: { ...alert.event, path: "/a\n*b*" } };
  const url = `http://127.0.0.1:${port}/`;
  expect((await slack(odd, { config: { slack: { url, channel: "#ops" } } }))[0]).toBe(true);
  const { text, channel } = JSON.parse(requests[0]?.body ?? "") as { text: string; channel: string };
  expect(channel).toBe("#ops");
  expect(text.split("\n")).toEqual([
    "*&lt;!channel&gt; &amp; more*",
    "severity: error",
    "host: web-1.example",
    "path: /a *b*",
    "status: modified",
    "actor: root (logged in as eve) vi /etc/pässwd pid 4711",
  ]);
});

test("a mail has path, host and actor, whatever letters they have", async () => {
  const { port, said, messages } = await smtpSink();
  const server = { host: "127.0.0.1", port, security: "none", username: "petrel", password: "pw" };
  const config = {
    mail: { ...server, from: "petrel@example.org", to: ["ops@example.org", "two@example.org"] },
  };
  expect((await mail({ ...alert, title: "odd\r\nBcc: all@example.org" }, { config }))[0]).toBe(true);
  expect(said.filter((line) => /^(AUTH|MAIL|RCPT)/.test(line))).toEqual([
    `AUTH PLAIN ${Buffer.from("\0petrel\0pw").toString("base64")}`,
    "MAIL FROM:<petrel@example.org>",
    "RCPT TO:<ops@example.org>",
    "RCPT TO:<two@example.org>",
  ]);
  const [head = "", body = ""] = (messages[0] ?? "").split("\r\n\r\n");
  expect(head).toContain("Subject: [web-1.example] odd Bcc: all@example.org\r\n");
  expect(head).not.toMatch(/^Bcc:/m);
  expect(Buffer.from(body, "base64").toString().trim().split("\r\n")).toEqual([
    "severity: error",
    "host: web-1.example",
    "path: /etc/pässwd",
    "status: modified",
    "actor: root (logged in as eve) vi /etc/pässwd pid 4711",
  ]);
});

test.for<[refuses: string, why: RegExp]>([
  ["AUTH", /the server answers 550 to AUTH$/],
  ["RCPT", /the server answers 550 to RCPT TO:<ops@example.org>$/],
])("a mail server that refuses %s makes a failure without the password", async ([refuses, reason]) => {
  const { port, messages } = await smtpSink({ refuses });
  const server = { host: "127.0.0.1", port, security: "none", username: "petrel", password: "s3cret" };
  const [isTold, why] = await mail(alert, {
    config: { mail: { ...server, from: "petrel@example.org", to: ["ops@example.org"] } },
  });
  expect(isTold).toBe(false);
  expect(why).toMatch(reason);
  expect(messages).toEqual([]);
});

test("an address that is none is refused before anything is said", async () => {
  const config = { mail: { host: "127.0.0.1", port: 1, security: "none", from: "petrel@example.org" } };
  const to = ["ops@example.org>\r\nDATA"];
  expect((await mail({ ...alert, to }, { config }))[1]).toMatch(/is no mail address$/);
});

test("a dot at the beginning of a line does not end a mail", () => {
  expect(stuffed("a\r\n.\r\n..b")).toBe("a\r\n..\r\n...b");
});

const said =
  /^<27>1 \S+Z \S+ petrel \d+ alert - \/etc\/pässwd modified; severity: error; host: web-1\.example; path: \/etc\/pässwd; .*actor: root \(logged in as eve\) vi \/etc\/pässwd pid 4711/;

test("syslog over UDP has path, host and actor", async () => {
  const sink = createSocket("udp4").bind(0, "127.0.0.1");
  await once(sink, "listening");
  onTestFinished(() => void sink.close());
  const got = once(sink, "message");
  const address = `udp://127.0.0.1:${sink.address().port}`;
  expect(await syslog(alert, { config: { syslog: { address } } })).toEqual([true, { address }]);
  expect(String((await got)[0])).toMatch(said);
});

async function streamSink(listen: (server: Server) => Promise<unknown>) {
  let text = "";
  const server = createServer((socket) => {
    socket.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
    socket.on("end", () => socket.end());
  });
  await listen(server);
  return { text: () => text };
}

test("syslog over TCP counts its octets", async () => {
  let port = 0;
  const sink = await streamSink(async (server) => {
    port = await listening(server);
  });
  const address = `tcp://127.0.0.1:${port}`;
  expect(await syslog(alert, { config: { syslog: { address } } })).toEqual([true, { address }]);
  await waitUntil("the line", async () => sink.text() !== "");
  const [, count, line = ""] = /^(\d+) (.*)$/s.exec(sink.text()) ?? [];
  expect(Buffer.byteLength(line)).toBe(Number(count));
  expect(line).toMatch(said);
});

test("syslog over a local stream socket", async () => {
  const path = join(await tempFolder("syslog"), "log");
  const sink = await streamSink(async (server) => {
    server.listen(path);
    await once(server, "listening");
    onTestFinished(() => void server.close());
  });
  const address = `unix://${path}`;
  expect(await syslog(alert, { config: { syslog: { address } } })).toEqual([true, { address }]);
  await waitUntil("the line", async () => sink.text() !== "");
  expect(sink.text()).toMatch(said);
});

test("syslog over a local socket for datagrams, as journald has it", async () => {
  const path = join(await tempFolder("syslog"), "log");
  const program = `import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind(sys.argv[1]); s.settimeout(20)
print("ready", flush=True)
sys.stdout.buffer.write(s.recv(65536)); sys.stdout.flush()`;
  const sink = execFile("python3", ["-c", program, path]);
  let text = "";
  sink.stdout?.on("data", (chunk) => {
    text += String(chunk);
  });
  const ended = once(sink, "close");
  await waitUntil("the sink", async () => text.startsWith("ready"));
  const address = `unix://${path}`;
  expect(await syslog(alert, { config: { syslog: { address } } })).toEqual([true, { address }]);
  await ended;
  expect(text).toMatch(/<27>.*petrel.*\/etc\/pässwd modified; severity: error; host: web-1\.example/s);
});

test("syslog where nothing listens is a failure that says so", async () => {
  const address = "unix:///nonexistent/log";
  expect(await syslog(alert, { config: { syslog: { address } } })).toEqual([false, `${address}: ENOENT`]);
});

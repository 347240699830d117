/** Syslog: how a line looks (RFC 5424), and how it gets to a server (RFC 5426, RFC 6587, a local socket). */
import { execFile } from "node:child_process";
import { createSocket } from "node:dgram";
import { lookup } from "node:dns/promises";
import { connect, isIPv6, type NetConnectOpts } from "node:net";
import { promisify } from "node:util";

export interface Line {
  readonly facility: number;
  /** 0 (emergency) to 7 (debug). */
  readonly severity: number;
  readonly at: Date;
  readonly host: string;
  readonly app: string;
  readonly pid: number;
  readonly text: string;
}

/** A field of the header: printable ASCII without blanks. */
const field = (text: string, most: number) => text.replace(/[^\x21-\x7e]/g, "_").slice(0, most) || "-";

export function syslogLine({ facility, severity, at, host, app, pid, text }: Line): string {
  const head = `<${facility * 8 + severity}>1 ${at.toISOString()}`;
  return `${head} ${field(host, 255)} ${field(app, 48)} ${pid} alert - ${text}`;
}

/** Bytes of a datagram that every receiver takes. */
const mostBytes = 2_048;

/** No letter is cut in two. */
function cut(bytes: Buffer): Buffer {
  if (bytes.length <= mostBytes) return bytes;
  let end = mostBytes;
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return bytes.subarray(0, end);
}

async function overUdp(host: string, port: number, bytes: Buffer): Promise<void> {
  const { address } = await lookup(host);
  const socket = createSocket(isIPv6(address) ? "udp6" : "udp4");
  try {
    await new Promise<void>((resolve, reject) => {
      socket
        .once("error", reject)
        .send(cut(bytes), port, address, (error) => (error ? reject(error) : resolve()));
    });
  } finally {
    socket.close();
  }
}

function overStream(to: NetConnectOpts, bytes: Buffer, withinMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(to);
    socket.setTimeout(withinMs, () => socket.destroy(Object.assign(new Error(), { name: "TimeoutError" })));
    socket.once("error", reject).once("connect", () => socket.end(bytes));
    // The other side has read to the end, or hung up; a server that says nothing is none that refuses.
    socket.once("close", (hadError) => {
      if (!hadError) resolve();
    });
    socket.resume();
  });
}

const run = promisify(execFile);

/** Node has no datagrams on local sockets, which is what journald and most others listen to; `logger` has. */
async function byLogger(path: string, line: Line, withinMs: number): Promise<void> {
  const priority = `${line.facility * 8 + line.severity}`;
  const names = [
    "kern",
    "user",
    "mail",
    "daemon",
    "auth",
    "syslog",
    "lpr",
    "news",
    "uucp",
    "cron",
    "authpriv",
  ];
  const facility = line.facility >= 16 ? `local${line.facility - 16}` : (names[line.facility] ?? "daemon");
  const severities = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];
  const level = `${facility}.${severities[line.severity] ?? priority}`;
  await run("logger", ["-u", path, "-p", level, "-t", line.app, "--", line.text], { timeout: withinMs });
}

/** Resolves when the line was handed over. By UDP nobody says whether it arrived. */
export async function sendLine(address: string, line: Line, withinMs: number): Promise<void> {
  const url = new URL(address);
  const bytes = Buffer.from(syslogLine(line));
  const port = Number(url.port || 514);
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (url.protocol === "udp:") return overUdp(host, port, bytes);
  if (url.protocol === "tcp:") {
    // Counted octets: a line break in a message ends nothing.
    return overStream({ host, port }, Buffer.concat([Buffer.from(`${bytes.length} `), bytes]), withinMs);
  }
  const path = decodeURIComponent(url.pathname);
  try {
    await overStream({ path }, Buffer.concat([bytes, Buffer.from("\n")]), withinMs);
  } catch (error) {
    if ((error as { code?: unknown }).code !== "EPROTOTYPE") throw error;
    await byLogger(path, line, withinMs);
  }
}

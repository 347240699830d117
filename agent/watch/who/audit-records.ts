/** Reads what Linux audit tells its listeners (netlink, group 1): which process touched which paths. Pure. */
import { Buffer } from "node:buffer";
import type { BytePath } from "../../../shared/watch/paths.ts";

/** One system call that touched watched paths. */
export interface AuditAccess {
  readonly pid: number;
  readonly parentPid: number;
  readonly uid: number;
  /** `null`: nobody logged in. */
  readonly loginUid: number | null;
  readonly exe: string | null;
  /** As the kernel keeps it: the first 128 bytes. */
  readonly args: readonly string[] | null;
  readonly paths: readonly BytePath[];
}

type Open = { -readonly [Field in keyof AuditAccess]: AuditAccess[Field] } & {
  cwd: BytePath;
  names: BytePath[];
  isCall: boolean;
};

const record = { syscall: 1300, path: 1302, cwd: 1307, end: 1320, title: 1327 } as const;
const headBytes = 16;
/** Calls of which records are still to come. */
const maxOpen = 4_096;
const noLogin = 4_294_967_295;

export class AuditRecords {
  readonly #open = new Map<string, Open>();

  /** One datagram: one record. The access once its last record was taken; a call that failed touched nothing. */
  take(bytes: Buffer): AuditAccess | null {
    if (bytes.length < headBytes) return null;
    const type = bytes.readUInt16LE(4);
    // The length in the header leaves out the header in some kernels.
    const text = bytes.toString("latin1", headBytes).replace(/\0+$/, "");
    const found = /^audit\([\d.]+:(\d+)\): ?/.exec(text);
    const serial = found?.[1];
    if (found === null || serial === undefined) return null;
    const body = text.slice(found[0].length);
    if (type === record.end) return this.#close(serial);
    const open = this.#of(serial);
    if (type === record.syscall) takeCall(open, body);
    else if (type === record.cwd) open.cwd = field(body, "cwd") ?? "";
    else if (type === record.title) open.args = argumentsIn(body);
    else if (type === record.path) {
      const name = field(body, "name");
      if (name !== null) open.names.push(name);
    }
    return null;
  }

  #of(serial: string): Open {
    const known = this.#open.get(serial);
    if (known !== undefined) return known;
    const open: Open = {
      pid: 0,
      parentPid: 0,
      uid: 0,
      loginUid: null,
      exe: null,
      args: null,
      paths: [],
      cwd: "",
      names: [],
      isCall: false,
    };
    this.#open.set(serial, open);
    const [oldest] = this.#open.keys();
    if (this.#open.size > maxOpen && oldest !== undefined) this.#open.delete(oldest);
    return open;
  }

  #close(serial: string): AuditAccess | null {
    const open = this.#open.get(serial);
    this.#open.delete(serial);
    if (open === undefined || !open.isCall) return null;
    const { cwd, names, isCall: _, ...access } = open;
    return { ...access, paths: names.map((name) => absolute(cwd, name)) };
  }
}

function takeCall(open: Open, body: string): void {
  open.isCall = /\bsuccess=yes\b/.test(body);
  open.pid = number(body, "pid");
  open.parentPid = number(body, "ppid");
  open.uid = number(body, "uid");
  const login = number(body, "auid");
  open.loginUid = login === noLogin ? null : login;
  const exe = field(body, "exe");
  open.exe = exe === null ? null : Buffer.from(exe, "latin1").toString("utf8");
}

function argumentsIn(body: string): readonly string[] | null {
  const title = field(body, "proctitle");
  if (title === null) return null;
  const parts = Buffer.from(title, "latin1").toString("utf8").split("\0");
  if (parts.at(-1) === "") parts.pop();
  return parts;
}

function number(body: string, name: string): number {
  return Number(new RegExp(`(?:^|\\s)${name}=(\\d+)`).exec(body)?.[1] ?? 0);
}

/** In quotes, or, when it holds blanks, quotes or bytes that are no ASCII, in hexadecimal. */
function field(body: string, name: string): string | null {
  const found = new RegExp(`(?:^|\\s)${name}=(?:"([^"]*)"|([0-9A-F]+)(?=\\s|$))`).exec(body);
  if (found === null) return null;
  return found[1] ?? Buffer.from(found[2] ?? "", "hex").toString("latin1");
}

function absolute(cwd: BytePath, name: BytePath): BytePath {
  const parts: string[] = [];
  for (const part of (name.startsWith("/") ? name : `${cwd}/${name}`).split("/")) {
    if (part === "" || part === ".") continue;
    if (part === "..") parts.pop();
    else parts.push(part);
  }
  return `/${parts.join("/")}`;
}

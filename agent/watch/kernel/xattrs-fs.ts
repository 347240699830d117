/** Extended attributes, xattr(7): ACL, SELinux label, file capabilities, and the users' own. */
import { createHash } from "node:crypto";
import type { ReadXattrs } from "../look-fs.ts";
import { loadLibc } from "./libc-fs.ts";

/** A longer value is told, and kept, as its digest. */
const maxBytes = 512;
/** More attributes than these are told as one digest. */
const maxNames = 32;

/** Never throws: without the system calls, and on file systems without attributes, there are none. */
export function xattrReader(): ReadXattrs {
  let libc: ReturnType<typeof loadLibc>;
  try {
    libc = loadLibc();
  } catch {
    // The coverage report says that there are no system calls.
    return () => null;
  }
  return (path) => xattrsFrom(libc.xattrNames(path), (name) => libc.xattr(path, name));
}

/** `list`: names as listxattr(2) has them, `null` where there are none. `value`: of a name that ends with a zero byte. */
export function xattrsFrom(
  list: Buffer | null,
  value: (name: Buffer) => Buffer | null,
): Readonly<Record<string, string>> | null {
  if (list === null || list.length === 0) return null;
  const found: Record<string, string> = {};
  const names = list
    .toString("latin1")
    .split("\0")
    .filter((name) => name !== "")
    .sort();
  for (const name of names.slice(0, maxNames)) {
    const bytes = value(Buffer.from(`${name}\0`, "latin1"));
    if (bytes !== null) found[name] = bytes.length > maxBytes ? digest(bytes) : bytes.toString("base64");
  }
  if (names.length > maxNames) found["…"] = digest(Buffer.from(names.join("\n"), "latin1"));
  return found;
}

function digest(value: Buffer): string {
  return `sha256:${createHash("sha256").update(value).digest("hex")}`;
}

/**
 * Paths as the kernel has them: bytes. A `BytePath` is a string with one character for each byte (latin1), so that names
 * that are no UTF-8 survive, sort like their bytes, and cost no more than other strings.
 */
import { Buffer, isUtf8 } from "node:buffer";

/** An absolute path without a trailing slash (except `/` itself), one character for each byte. */
export type BytePath = string;

export function bytePath(text: string): BytePath {
  return Buffer.from(text, "utf8").toString("latin1");
}

/** What `node:fs` takes, byte for byte. */
export function pathBuffer(path: BytePath): Buffer {
  return Buffer.from(path, "latin1");
}

/** How a path is told: exact text, or, when it is no UTF-8, readable text and the exact bytes in base64. */
export interface ShownPath {
  readonly path: string;
  readonly path_base64?: string;
}

export function shownPath(path: BytePath): ShownPath {
  const bytes = pathBuffer(path);
  if (isUtf8(bytes)) return { path: bytes.toString("utf8") };
  return { path: escaped(bytes), path_base64: bytes.toString("base64") };
}

/** Bytes that belong to no character become `\xNN`. */
function escaped(bytes: Buffer): string {
  let text = "";
  for (let at = 0; at < bytes.length; ) {
    const length = [1, 2, 3, 4].find(
      (size) => isUtf8(bytes.subarray(at, at + size)) && at + size <= bytes.length,
    );
    if (length === undefined) {
      text += `\\x${(bytes[at] ?? 0).toString(16).padStart(2, "0")}`;
      at += 1;
    } else {
      text += bytes.toString("utf8", at, at + length);
      at += length;
    }
  }
  return text;
}

/** Without `.`, `..`, double and trailing slashes. */
export function normalPath(path: BytePath): BytePath {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === "..") parts.pop();
    else parts.push(part);
  }
  return `/${parts.join("/")}`;
}

export function joinPath(folder: BytePath, name: BytePath): BytePath {
  return folder === "/" ? `/${name}` : `${folder}/${name}`;
}

/** The folder a path is in; `/` is in itself. */
export function parentOf(path: BytePath): BytePath {
  const at = path.lastIndexOf("/");
  return at <= 0 ? "/" : path.slice(0, at);
}

export function nameOf(path: BytePath): BytePath {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** Whether `path` is `folder` or below it. */
export function isWithin(path: BytePath, folder: BytePath): boolean {
  if (folder === "/") return path.startsWith("/");
  return path.startsWith(folder) && (path.length === folder.length || path[folder.length] === "/");
}

/**
 * The order of a walk that visits a folder before what is in it, names by their bytes. With `/` as it is, a name that
 * goes on with a character below it (a blank, `!`, `-`, `.`) would come between a folder and its content.
 */
export function walkKey(path: BytePath): string {
  if (path === "/") return "\0";
  // Most are asked for in the order of a walk.
  const at = path.lastIndexOf("/");
  const folder = path.slice(0, Math.max(0, at));
  if (folder !== last.folder) last = { folder, key: folder.replaceAll("/", "\0") };
  return at < 0 ? path : `${last.key}\0${path.slice(at + 1)}`;
}

/** The folder whose key was made last. */
let last = { folder: "", key: "" };

export function pathOfKey(key: string): BytePath {
  return key === "\0" ? "/" : key.replaceAll("\0", "/");
}

/** The keys of all that is below a folder, itself left out: `gt` and `lt` of a range of walk keys. */
export function keysBelow(folder: BytePath): { readonly gt: string; readonly lt: string } {
  const key = folder === "/" ? "" : walkKey(folder);
  return { gt: `${key}\0`, lt: `${key}\x01` };
}

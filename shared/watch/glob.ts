/**
 * Globs over paths, relative to the watched folder: `*` and `?` within one name, `**` over any number of folders,
 * `[a-z]` and `{a,b}`; a character that is no ASCII is several bytes, so `?` does not fit it, `*` does. A pattern without a slash fits a name at any depth, as in gitignore(5); one that ends in a slash
 * fits folders and all that is in them. Compiled to a regular expression without ways to backtrack far.
 */
import { PetrelError } from "../errors.ts";
import { type BytePath, bytePath } from "./paths.ts";

export interface Glob {
  readonly text: string;
  /** `path` is relative, without a leading slash. */
  matches(path: BytePath): boolean;
  /** Whether something below the folder `path` may match: a folder for which this is false need not be entered. */
  mayMatchBelow(folder: BytePath): boolean;
}

/** Longer ones are mistakes, and their expressions grow. */
const maxLength = 1_024;

/** Throws WATCH_GLOB. */
export function compileGlob(text: string): Glob {
  const bad = (why: string, hint: string) =>
    new PetrelError("WATCH_GLOB", `the pattern ${JSON.stringify(text.slice(0, 200))} ${why}`, { hint });
  if (text === "") throw bad("is empty", "write for instance *.conf or **/tmp/**");
  if (text.length > maxLength)
    throw bad(`is longer than ${maxLength} characters`, "use several shorter patterns");
  if (text.includes("\0")) throw bad("contains a NUL", "no file name does");
  const isFolder = text.endsWith("/");
  const trimmed = bytePath(text.replace(/^\/+/, "").replace(/\/+$/, ""));
  const isAnchored = text.startsWith("/") || trimmed.includes("/");
  const pattern = `${isAnchored ? "" : "**/"}${trimmed}`;
  const parts = pattern.split("/").filter((part) => part !== "");
  if (parts.length === 0) throw bad("names nothing", "write ** for everything");
  const expressions = parts.map((part) => (part === "**" ? null : nameExpression(part, bad)));
  const whole = new RegExp(`^${expressionOf(expressions)}${isFolder ? "(?:/.*)?" : ""}$`, "s");
  return {
    text,
    matches: (path) => whole.test(path),
    mayMatchBelow: (folder) =>
      mayFit(expressions, folder === "" ? [] : folder.split("/")) || (isFolder && whole.test(folder)),
  };
}

/** `null` stands for `**`. */
function expressionOf(parts: readonly (RegExp | null)[]): string {
  let source = "";
  for (const [at, part] of parts.entries()) {
    const isLast = at === parts.length - 1;
    // At the end: anything in the folder. Elsewhere: any number of whole names.
    if (part === null) source += isLast ? (at === 0 ? ".*" : ".+") : "(?:[^/]+/)*";
    else source += part.source.slice(1, -1) + (isLast ? "" : "/");
  }
  return source;
}

/** Whether names can follow `folder` so that all of it fits: decided part by part, without looking at the tree. */
function mayFit(parts: readonly (RegExp | null)[], folder: readonly BytePath[]): boolean {
  for (const [at, name] of folder.entries()) {
    const part = parts[at];
    if (part === undefined) return false;
    if (part === null) return true;
    if (!part.test(name)) return false;
  }
  return parts.length > folder.length;
}

type Bad = (why: string, hint: string) => PetrelError;

function nameExpression(part: string, bad: Bad): RegExp {
  let source = "";
  let depth = 0;
  for (let at = 0; at < part.length; at++) {
    const character = part[at] ?? "";
    if (character === "*") {
      while (part[at + 1] === "*") at++;
      source += "[^/]*";
    } else if (character === "?") source += "[^/]";
    else if (character === "\\") source += escapeCharacter(part[++at] ?? "\\");
    else if (character === "[") {
      const end = part.indexOf("]", at + 2);
      if (end === -1) throw bad("has an open [", "close it with ], or write \\[ for the character itself");
      source += characterClass(part.slice(at + 1, end));
      at = end;
    } else if (character === "{") {
      depth++;
      source += "(?:";
    } else if (character === "}" && depth > 0) {
      depth--;
      source += ")";
    } else if (character === "," && depth > 0) source += "|";
    else source += escapeCharacter(character);
  }
  if (depth > 0) throw bad("has an open {", "close it with }, or write \\{ for the character itself");
  return new RegExp(`^${source}$`, "s");
}

function escapeCharacter(character: string): string {
  return character.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}

function characterClass(inner: string): string {
  const isNegated = inner.startsWith("!") || inner.startsWith("^");
  const members = (isNegated ? inner.slice(1) : inner).replace(/[\\\]^]/g, "\\$&");
  return `(?!/)[${isNegated ? "^" : ""}${members}]`;
}

/** `re.sub`: replaces every match by a template with Python's escapes. */
import { fail, roomFor } from "../python/values.ts";
import type { RegexMatch, RegexOracle } from "./answer.ts";
import type { Pattern } from "./pattern.ts";

type Piece = string | { readonly group: number };

const ESCAPE = /\\(?:g<([^>]*)>|(0[0-7]{0,2}|[1-3][0-7]{2})|([1-9]\d?)|([\s\S])|$)/g;
const CONTROLS: Readonly<Record<string, string>> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\\": "\\",
};

export function substitute(pattern: Pattern, template: string, text: string, oracle: RegexOracle): string {
  const pieces = parseTemplate(template, pattern);
  const matches = pattern.all(text, oracle);
  let out = "";
  let from = 0;
  for (const match of matches) {
    out += text.slice(from, match.start) + pieces.map((piece) => expand(piece, match, text)).join("");
    roomFor(out.length);
    from = match.end;
  }
  return out + text.slice(from);
}

function expand(piece: Piece, match: RegexMatch, text: string): string {
  if (typeof piece === "string") return piece;
  if (piece.group === 0) return text.slice(match.start, match.end);
  const [start, end] = match.groups[piece.group - 1] ?? [-1, -1];
  return start < 0 ? "" : text.slice(start, end);
}

function parseTemplate(template: string, pattern: Pattern): readonly Piece[] {
  const pieces: Piece[] = [];
  let from = 0;
  for (const found of template.matchAll(ESCAPE)) {
    pieces.push(template.slice(from, found.index), escaped(found, pattern));
    from = found.index + found[0].length;
  }
  return [...pieces, template.slice(from)];
}

function escaped(
  [all, name, octal, digits, letter]: RegExpExecArray | RegExpMatchArray,
  pattern: Pattern,
): Piece {
  if (name !== undefined) return { group: groupNumber(name, pattern) };
  if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8));
  if (digits !== undefined) return { group: groupNumber(digits, pattern) };
  if (letter === undefined) return fail("bad escape (end of pattern)");
  const control = CONTROLS[letter];
  if (control !== undefined) return control;
  return /[A-Za-z]/.test(letter) ? fail(`bad escape \\${letter}`) : (all ?? "");
}

function groupNumber(name: string, pattern: Pattern): number {
  const number = /^\d+$/.test(name) ? Number(name) : pattern.tree.groupNames.get(name);
  if (number === undefined) return fail(`unknown group name '${name}'`);
  return number <= pattern.tree.groupCount ? number : fail(`invalid group reference ${number}`);
}

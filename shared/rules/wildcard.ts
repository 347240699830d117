/** Shell wildcards as Python's `fnmatch` reads them: `*`, `?`, `[seq]`, `[!seq]`, over the whole text, case kept. */
import { codePoints } from "../expressions/python/sequence.ts";

type Part =
  | { readonly type: "any" }
  | { readonly type: "many" }
  | { readonly type: "letter"; readonly letter: string }
  | {
      readonly type: "set";
      readonly negated: boolean;
      readonly ranges: readonly (readonly [number, number])[];
    };

/** A test of whole texts; its cost is at most pattern length times text length. */
export function compileWildcard(pattern: string): (text: string) => boolean {
  const parts = parse(pattern);
  return (text) => matches(parts, codePoints(text));
}

/** The runs of plain letters in a pattern: each is in every text that fits. */
export function wildcardTexts(pattern: string): readonly string[] {
  const runs = [""];
  for (const part of parse(pattern)) {
    if (part.type === "letter") runs.push((runs.pop() ?? "") + part.letter);
    else runs.push("");
  }
  return runs.filter((run) => run !== "");
}

function parse(pattern: string): readonly Part[] {
  const letters = codePoints(pattern);
  const parts: Part[] = [];
  for (let i = 0; i < letters.length; i++) {
    const letter = letters[i] ?? "";
    if (letter === "*") {
      if (parts.at(-1)?.type !== "many") parts.push({ type: "many" });
    } else if (letter === "?") parts.push({ type: "any" });
    else if (letter === "[") {
      const end = closing(letters, i);
      parts.push(end < 0 ? { type: "letter", letter } : set(letters.slice(i + 1, end)));
      if (end >= 0) i = end;
    } else parts.push({ type: "letter", letter });
  }
  return parts;
}

/** The `]` of a set: one right after `[` or `[!` is a member. Without it, `[` stands for itself. */
function closing(letters: readonly string[], open: number): number {
  let i = open + 1;
  if (letters[i] === "!") i++;
  if (letters[i] === "]") i++;
  return letters.indexOf("]", i);
}

/** Ranges that run backwards are empty, as in Python 3.11. */
function set(members: readonly string[]): Part {
  const negated = members[0] === "!";
  const letters = negated ? members.slice(1) : members;
  const ranges: [number, number][] = [];
  for (let i = 0; i < letters.length; i++) {
    const from = letters[i]?.codePointAt(0) ?? 0;
    if (letters[i + 1] === "-" && i + 2 < letters.length) {
      const to = letters[i + 2]?.codePointAt(0) ?? 0;
      if (from <= to) ranges.push([from, to]);
      i += 2;
    } else ranges.push([from, from]);
  }
  return { type: "set", negated, ranges };
}

function fits(part: Part, letter: string): boolean {
  if (part.type === "letter") return part.letter === letter;
  if (part.type !== "set") return true;
  const code = letter.codePointAt(0) ?? 0;
  return part.ranges.some(([from, to]) => code >= from && code <= to) !== part.negated;
}

/** On a mismatch only the last `*` takes one letter more: earlier ones never need another try. */
function matches(parts: readonly Part[], letters: readonly string[]): boolean {
  let part = 0;
  let at = 0;
  let star = -1;
  let starAt = 0;
  while (at < letters.length) {
    const current = parts[part];
    if (current?.type === "many") {
      star = part++;
      starAt = at;
    } else if (current !== undefined && fits(current, letters[at] ?? "")) {
      part++;
      at++;
    } else if (star >= 0) {
      part = star + 1;
      at = ++starAt;
    } else return false;
  }
  while (parts[part]?.type === "many") part++;
  return part === parts.length;
}

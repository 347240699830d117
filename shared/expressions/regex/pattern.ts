/** Compiled Python patterns: run by a linear-time engine where one can, else asked of the slow oracle. */
import { RE2JS } from "re2js";
import { PetrelError } from "../../errors.ts";
import { type RegexAnswer, type RegexMatch, RegexNeeded, type RegexOracle } from "./answer.ts";
import { parseRegex, type RegexFlags } from "./parse.ts";
import { type Clause, requiredTexts } from "./required-text.ts";
import { children, type RegexNode, type RegexTree, some } from "./syntax.ts";
import { translate } from "./translate.ts";

/** Values longer than this (UTF-16 units) are not searched. */
export const MAX_TEXT = 1_000_000;
/** RE2 refuses larger counts. */
const MAX_COUNT = 1000;
/** Counts after counts: a pattern of two pages could take a second to compile, and a hundred MiB. */
const MAX_WRITTEN_OUT = 20_000;
const CACHE_SIZE = 5_000;
/** KiB, roughly, of all that are kept: one with large counts takes fifty times what an ordinary one does. */
const CACHE_KIB = 128 * 1024;

const cache = new Map<string, Pattern>();
let cachedKib = 0;

/** How many are kept, and their weight; for whoever asks what takes the memory. */
export function keptPatterns() {
  return { patterns: cache.size, weight: cachedKib, mostWeight: CACHE_KIB };
}

/** Throws CRITERIA_REGEX. Compiled patterns are kept, up to 5,000 of them and 128 MiB; the oldest go first. */
export function compilePattern(source: string, flags: RegexFlags = {}): Pattern {
  const key = `${flags.ignoreCase ? "i" : ""}${flags.dotAll ? "s" : ""}:${source}`;
  const known = cache.get(key);
  if (known !== undefined) return known;
  const pattern = new Pattern(source, flags);
  cache.set(key, pattern);
  cachedKib += pattern.kib;
  for (const [oldest, { kib }] of cache) {
    if (cache.size <= CACHE_SIZE && cachedKib <= CACHE_KIB) break;
    cache.delete(oldest);
    cachedKib -= kib;
  }
  return pattern;
}

interface Linear {
  readonly search: RE2JS;
  /** The same pattern, anchored where a `re.match` is asked for. */
  readonly anchored: RE2JS;
}

export class Pattern {
  readonly source: string;
  readonly tree: RegexTree;
  readonly #linear: Linear | null;
  readonly #wordBorders: boolean;
  readonly #softEnd: "none" | "last" | "inner";
  #native: string | null = null;

  constructor(source: string, flags: RegexFlags) {
    this.source = source;
    this.tree = parseRegex(source, flags);
    const { root } = this.tree;
    this.#wordBorders = some(root, (node) => node.type === "position" && isBorder(node.at) && !node.ascii);
    this.#softEnd = !some(root, isSoftEnd)
      ? "none"
      : endsSoftly(root) && !some(root, isHardEnd)
        ? "last"
        : "inner";
    this.#linear = needsBacktracking(root) ? null : compileLinear(root);
  }

  /** What it takes of memory, roughly, with what its engine remembers of texts: measured, 0.36 KiB an instruction. */
  get kib(): number {
    return 16 + 0.36 * (this.#linear?.search.programSize() ?? this.source.length);
  }

  /** Whether a linear-time engine runs it on ordinary text. */
  get isLinear(): boolean {
    return this.#linear !== null;
  }

  /**
   * Clauses that every text fulfils in which the pattern is found, for patterns that never ask the slow engine; none for
   * those that may: whether it answers in time is part of what their test says.
   */
  get needs(): readonly Clause[] {
    const mayAsk = this.#linear === null || this.#wordBorders || this.#softEnd === "inner";
    return mayAsk ? [] : requiredTexts(this.tree.root);
  }

  /** `re.search(…) is not None`, or `re.match` when `anchored`. */
  test(text: string, anchored: boolean, oracle: RegexOracle): boolean {
    checkLength(text);
    const linear = this.#linear;
    if (linear === null || this.#unicodeBorders(text))
      return this.#ask(text, anchored, false, oracle).length > 0;
    const engine = anchored ? linear.anchored : linear.search;
    if (engine.test(text)) return true;
    if (this.#softEnd === "none" || !text.endsWith("\n")) return false;
    // `$` also holds before a final newline: true if the text without it matches.
    if (this.#softEnd === "last") return engine.test(text.slice(0, -1));
    return this.#ask(text, anchored, false, oracle).length > 0;
  }

  /** All matches from left to right, as `re.finditer` finds them. */
  all(text: string, oracle: RegexOracle): readonly RegexMatch[] {
    checkLength(text);
    const linear = this.#linear;
    if (linear === null || this.#unicodeBorders(text) || (this.#softEnd !== "none" && text.endsWith("\n"))) {
      return this.#ask(text, false, true, oracle);
    }
    return linearMatches(linear.search, text, this.tree.groupCount);
  }

  /** RE2 knows ASCII word borders only. */
  #unicodeBorders(text: string): boolean {
    return this.#wordBorders && /[^\0-\x7f]/.test(text);
  }

  #ask(text: string, anchored: boolean, all: boolean, oracle: RegexOracle): readonly RegexMatch[] {
    this.#native ??= translate(this.tree.root, "javascript");
    const request = { source: this.#native, flags: anchored ? "dvy" : "dvg", text, all };
    const answer: RegexAnswer | "unknown" = oracle(request);
    if (answer === "unknown") throw new RegexNeeded(request);
    if ("timeout" in answer) {
      throw new PetrelError("CRITERIA_REGEX", `the pattern '${this.source.slice(0, 80)}' took too long`, {
        hint: "look-around, back-references and possessive counts need a slow engine: write the pattern without them",
      });
    }
    return answer.matches;
  }
}

function checkLength(text: string): void {
  if (text.length > MAX_TEXT) throw new PetrelError("CRITERIA_REGEX", "the value is too long to be searched");
}

function isBorder(at: string): boolean {
  return at === "word" || at === "not-word";
}

function isSoftEnd(node: RegexNode): boolean {
  return node.type === "position" && node.at === "end-or-last-newline";
}

function isHardEnd(node: RegexNode): boolean {
  return node.type === "position" && (node.at === "end" || node.at === "line-end");
}

/** Whether every `$` stands at the very end of its alternative, so that nothing can follow it. */
function endsSoftly(node: RegexNode): boolean {
  if (isSoftEnd(node) || !some(node, isSoftEnd)) return true;
  switch (node.type) {
    case "sequence":
      return node.parts.every((part, i) =>
        i === node.parts.length - 1 ? endsSoftly(part) : !some(part, isSoftEnd),
      );
    case "choice":
      return node.options.every(endsSoftly);
    case "group":
      return endsSoftly(node.of);
    default:
      return false;
  }
}

/** What no linear-time engine has: look-ahead, back-references, atomic groups, look-behind with groups. */
function needsBacktracking(root: RegexNode): boolean {
  return some(root, (node) => {
    switch (node.type) {
      case "reference":
      case "atomic":
        return true;
      case "look":
        return node.ahead || some(node.of, (inner) => inner.type === "group" || inner.type === "look");
      case "repeat":
        return (
          node.mode === "possessive" ||
          node.min > MAX_COUNT ||
          (Number.isFinite(node.max) && node.max > MAX_COUNT)
        );
      default:
        return false;
    }
  });
}

/** How many nodes there are once counts are written out, as a linear-time engine does; it may be infinite. */
function writtenOut(node: RegexNode): number {
  const inner = children(node).reduce((sum, child) => sum + writtenOut(child), 0);
  if (node.type !== "repeat") return 1 + inner;
  return 1 + inner * Math.max(1, Number.isFinite(node.max) ? node.max : node.min + 1);
}

function compileLinear(root: RegexNode): Linear | null {
  if (writtenOut(root) > MAX_WRITTEN_OUT) return null;
  const text = translate(root, "re2");
  try {
    return {
      search: RE2JS.compile(text, RE2JS.LOOKBEHINDS),
      anchored: RE2JS.compile(`\\A(?:${text})`, RE2JS.LOOKBEHINDS),
    };
  } catch {
    // Too large for its program limits (counts within counts): the slow engine takes it.
    return null;
  }
}

/** Unlike RE2, Python allows an empty match right after another match: each search starts where the last one ended. */
function linearMatches(engine: RE2JS, text: string, groupCount: number): readonly RegexMatch[] {
  const matches: RegexMatch[] = [];
  const matcher = engine.matcher(text);
  let from = 0;
  while (from <= text.length && matcher.find(from)) {
    const groups: [number, number][] = [];
    for (let i = 1; i <= groupCount; i++) groups.push([matcher.start(i), matcher.end(i)]);
    const start = matcher.start();
    const end = matcher.end();
    matches.push({ start, end, groups });
    from = end > start ? end : end + ((text.codePointAt(end) ?? 0) > 0xffff ? 2 : 1);
  }
  return matches;
}

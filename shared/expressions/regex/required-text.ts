/** Texts without which a pattern cannot match: what an index of patterns goes by. */
import type { RegexNode } from "./syntax.ts";

/** One of these is in every text that fits. */
export type Clause = readonly string[];

/** A clause of more texts than this is given up: a long choice tells little. */
const MAX_CHOICES = 32;

interface Required {
  /** The node matches this text and no other; `""` for what takes no room; `null` when it is not so simple. */
  readonly exact: string | null;
  readonly clauses: readonly Clause[];
}

const NOTHING: Required = { exact: null, clauses: [] };

/** All clauses hold for every text in which the pattern is found; there may be none. */
export function requiredTexts(root: RegexNode): readonly Clause[] {
  return clausesOf(required(root));
}

function clausesOf({ exact, clauses }: Required): readonly Clause[] {
  return exact === null ? clauses : exact === "" ? [] : [[exact]];
}

function required(node: RegexNode): Required {
  switch (node.type) {
    case "literal":
      return node.ignoreCase ? NOTHING : { exact: String.fromCodePoint(node.code), clauses: [] };
    case "set": {
      const [only] = node.items;
      const isLetter =
        node.items.length === 1 && only !== undefined && "from" in only && only.from === only.to;
      return isLetter && !node.negated && !node.ignoreCase
        ? { exact: String.fromCodePoint(only.from), clauses: [] }
        : NOTHING;
    }
    case "position":
    case "look":
      return { exact: "", clauses: [] };
    case "sequence":
      return inSequence(node.parts.map(required));
    case "choice":
      return inChoice(node.options.map((option) => required(option)));
    case "group":
    case "atomic":
      return required(node.of);
    case "repeat": {
      if (node.min === 0) return NOTHING;
      const of = required(node.of);
      return node.min === 1 && node.max === 1 ? of : { exact: null, clauses: clausesOf(of) };
    }
    default:
      return NOTHING;
  }
}

/** What stands side by side is one text. */
function inSequence(parts: readonly Required[]): Required {
  const clauses: Clause[] = [];
  let run = "";
  let isExact = true;
  for (const part of parts) {
    if (part.exact !== null) {
      run += part.exact;
      continue;
    }
    if (run !== "") clauses.push([run]);
    run = "";
    isExact = false;
    clauses.push(...part.clauses);
  }
  if (isExact) return { exact: run, clauses: [] };
  if (run !== "") clauses.push([run]);
  return { exact: null, clauses };
}

/** Each way has to need something, and of that the longest texts are taken. */
function inChoice(options: readonly Required[]): Required {
  const texts = new Set<string>();
  for (const option of options) {
    const clauses = clausesOf(option);
    const [first] = clauses;
    if (first === undefined) return NOTHING;
    const best = clauses.reduce((a, b) => (shortest(b) > shortest(a) ? b : a), first);
    for (const text of best) texts.add(text);
    if (texts.size > MAX_CHOICES) return NOTHING;
  }
  return { exact: null, clauses: [[...texts]] };
}

function shortest(clause: Clause): number {
  return Math.min(...clause.map((text) => text.length));
}

/** Reads YAML as PyYAML's safe_load does, and remembers the line of every value. */
import type { Document, YAMLError } from "yaml";
import type { Json } from "../json.ts";
import type { Problem } from "../problem.ts";
import { type ComposeLimits, compose, type Finding, type Position } from "./compose.ts";
import { type ParseLimits, parseBounded } from "./parse-bounded.ts";

export type Path = readonly (string | number)[];

export interface YamlDocument {
  /** `null` also when the document could not be read: see `problems`. */
  readonly value: Json;
  /** `file:line (path)` of the value, or of the nearest one around it that exists. */
  at(path: Path): string;
  readonly problems: readonly Problem[];
}

export interface YamlReading {
  readonly documents: readonly YamlDocument[];
  /** Of all documents, in order. */
  readonly problems: readonly Problem[];
}

export interface YamlLimits extends ComposeLimits, ParseLimits {
  /** Characters of the whole text. */
  readonly length: number;
}

/** Wide enough for a file of ten thousand rules, read by whoever wrote it. */
export const yamlLimits: YamlLimits = {
  length: 32 * 1024 * 1024,
  depth: 64,
  tokens: 16_000_000,
  aliasWeight: 100_000,
};

/**
 * For one file written by hand, and for what a hub is sent: a megabyte is a thousand pages, thirty thousand lines of it
 * are no list of rules any more. Whatever it is, it is read in about a second. One document is wanted: of more, two are read.
 */
export const fileLimits: YamlLimits = { ...yamlLimits, length: 1024 * 1024, tokens: 250_000, documents: 1 };

/** A broken line makes the parser complain about its neighbors as well; more than these help nobody. */
const SYNTAX_ERRORS_SHOWN = 5;

/** What PyYAML refuses as "special characters": control characters but tab and line ends, and U+FFFE, U+FFFF. */
const SPECIAL = /(?![\t\n\r\u0085])\p{Cc}|[\uFFFE\uFFFF]/u;

/** Reads all documents of `text`. Never throws: what is wrong is in `problems`, each with `file:line`. */
export function readYaml(text: string, file: string, limits: YamlLimits = yamlLimits): YamlReading {
  const refuse = (problem: Problem): YamlReading => ({ documents: [], problems: [problem] });
  if (text.length > limits.length) {
    return refuse(
      problemAt(file, {
        line: 1,
        severity: "error",
        kind: "size",
        message: `the file has ${text.length} characters; ${limits.length} are allowed`,
        hint: "split it into several files",
      }),
    );
  }
  const special = SPECIAL.exec(text);
  if (special !== null) {
    const code = special[0].charCodeAt(0).toString(16).padStart(4, "0");
    return refuse(
      problemAt(file, {
        line: text.slice(0, special.index).split("\n").length,
        severity: "error",
        kind: "syntax",
        message: `the character U+${code.toUpperCase()} is not allowed in YAML`,
        hint: "remove it, or write it as an escape in double quotes",
      }),
    );
  }
  const { documents: parsed, stray: strayErrors, stopped, lineOf } = parseBounded(text, limits);
  if (stopped !== null) {
    const isDeep = stopped.by === "depth";
    return refuse(
      problemAt(file, {
        line: lineOf(stopped.offset),
        severity: "error",
        kind: "size",
        message: isDeep
          ? `nested deeper than ${limits.depth} levels`
          : `the file has more than ${limits.tokens} words and signs`,
        hint: isDeep ? "flatten it" : "split it into several files",
      }),
    );
  }
  const documents = parsed.map((document) => readDocument(document, file, lineOf, limits));
  const stray = syntaxProblems(strayErrors, file, lineOf);
  return { documents, problems: [...stray, ...documents.flatMap(({ problems }) => problems)] };
}

function readDocument(
  document: Document,
  file: string,
  lineOf: (offset: number) => number,
  limits: YamlLimits,
): YamlDocument {
  const syntax = syntaxProblems(document.errors, file, lineOf);
  const { composed, findings } =
    syntax.length > 0 ? { composed: null, findings: [] } : compose(document, lineOf, limits);
  const root = composed?.position ?? {
    line: document.range ? lineOf(document.range[0]) : 1,
    children: new Map<string, Position>(),
  };
  return {
    value: composed?.value ?? null,
    at: (path) => {
      let position = root;
      for (const step of path) {
        const next = position.children.get(String(step));
        if (next === undefined) break;
        position = next;
      }
      return path.length === 0 ? `${file}:${position.line}` : `${file}:${position.line} (${path.join(".")})`;
    },
    problems: [...syntax, ...findings.map((finding) => problemAt(file, finding))],
  };
}

function problemAt(file: string, finding: Finding): Problem {
  return {
    code: finding.kind === "size" ? "YAML_TOO_LARGE" : "YAML_SYNTAX",
    severity: finding.severity,
    message: finding.message,
    where: `${file}:${finding.line}`,
    hint: finding.hint,
  };
}

function syntaxProblems(
  errors: readonly YAMLError[],
  file: string,
  lineOf: (offset: number) => number,
): Problem[] {
  const byLine = new Map<number, Problem>();
  for (const error of errors) {
    const line = lineOf(error.pos[0]);
    if (byLine.has(line) || byLine.size >= SYNTAX_ERRORS_SHOWN) continue;
    const deep = error.code === "RESOURCE_EXHAUSTION";
    byLine.set(
      line,
      problemAt(file, {
        line,
        severity: "error",
        kind: deep ? "size" : "syntax",
        message: deep ? "nested too deeply" : firstSentence(error.message),
        hint: syntaxHint(error),
      }),
    );
  }
  return [...byLine.values()];
}

function firstSentence(message: string): string {
  const line = message.split("\n")[0] ?? message;
  return line.length > 200 ? `${line.slice(0, 200)}…` : line;
}

/** What usually was meant. */
function syntaxHint(error: YAMLError): string {
  switch (error.code) {
    case "TAB_AS_INDENT":
      return "indent with spaces";
    case "BLOCK_AS_IMPLICIT_KEY":
    case "MULTILINE_IMPLICIT_KEY":
      return "put a value that holds ': ' in quotes";
    case "BAD_INDENT":
      return "align it with its neighbors";
    case "MISSING_CHAR":
      return "close the quote or bracket, or quote the value";
    case "BAD_SCALAR_START":
      return "put the value in quotes";
    default:
      return "mend the line, or put the value in quotes";
  }
}

/** The library's lexer, parser and composer in a row, which stop where a text becomes too much. */
import { Composer, CST, type Document, isScalar, Lexer, LineCounter, Parser, type YAMLError } from "yaml";

export interface ParseLimits {
  /** Levels of collections in each other. */
  readonly depth: number;
  /** Words, indicators, stretches of space and line ends, together: what parsing takes time and memory for. */
  readonly tokens: number;
  /** Documents that hold anything. One more is read, so that it can be told, and nothing after it; `undefined`: all. */
  readonly documents?: number | undefined;
}

export interface Parsed {
  readonly documents: readonly Document[];
  /** Errors that belong to no document. */
  readonly stray: readonly YAMLError[];
  /** What stopped it; then there are no documents. `offset`: in characters. */
  readonly stopped: { readonly by: "depth" | "tokens"; readonly offset: number } | null;
  readonly lineOf: (offset: number) => number;
}

/** A few help their reader; hundreds are rubbish that costs more than what is right. */
const mostErrors = 100;

/** An indicator opens a level that ends with its line, at the latest where the next line is indented less. */
const opensInLine = new Set(["seq-item-ind", "explicit-key-ind"]);

/** Follows how deep a text nests, token by token. It counts no level that is not there. */
class Depth {
  #flow = 0;
  #line = 0;
  #isScalarNext = false;

  after(token: string): number {
    if (this.#isScalarNext) {
      this.#isScalarNext = false;
      return this.#flow + this.#line;
    }
    const type = CST.tokenType(token);
    if (type === "scalar") this.#isScalarNext = true;
    else if (type === "flow-map-start" || type === "flow-seq-start") this.#flow++;
    else if (type === "flow-map-end" || type === "flow-seq-end") this.#flow = Math.max(0, this.#flow - 1);
    else if (type === "doc-mode" || type === "flow-error-end") this.#flow = 0;
    else if (type === "newline") this.#line = 0;
    else if (type !== null && opensInLine.has(type)) this.#line++;
    return this.#flow + this.#line;
  }
}

class Stop extends Error {}

/**
 * As the library's `parseAllDocuments`, in time that `limits` bound. The library itself composes whatever it is given
 * before it says that it is nested too deeply: seconds for a megabyte of brackets, in which a hub would do nothing else.
 * After a hundred errors the rest of the text is not read.
 */
export function parseBounded(text: string, limits: ParseLimits): Parsed {
  const lines = new LineCounter();
  const lineOf = (offset: number) => Math.max(1, lines.linePos(offset).line);
  const composer = new Composer({
    schema: "failsafe",
    uniqueKeys: false,
    prettyErrors: false,
    logLevel: "silent",
    lineCounter: lines,
  });
  const parser = new Parser(lines.addNewLine);
  let stopped: Parsed["stopped"] = null;
  const stop = (by: "depth" | "tokens"): never => {
    stopped = { by, offset: parser.offset };
    throw new Stop();
  };
  function* parsed(): Generator<CST.Token, void> {
    const depth = new Depth();
    let tokens = 0;
    let errors = 0;
    lines.addNewLine(0);
    for (const token of new Lexer().lex(text)) {
      if (++tokens > limits.tokens) stop("tokens");
      // A document's own value is at depth 0.
      if (depth.after(token) > limits.depth + 1) stop("depth");
      for (const piece of parser.next(token)) {
        if (piece.type === "error") errors++;
        yield piece;
      }
      if (errors > mostErrors) return;
    }
    yield* parser.end();
  }
  return withoutTraces(() => {
    try {
      const documents: Document[] = [];
      let filled = 0;
      for (const document of composer.compose(parsed())) {
        documents.push(document);
        if (!isEmpty(document)) filled++;
        if (filled > (limits.documents ?? Number.POSITIVE_INFINITY)) break;
      }
      return { documents, stray: composer.streamInfo().errors, stopped, lineOf };
    } catch (error) {
      if (!(error instanceof Stop)) throw error;
      return { documents: [], stray: [], stopped, lineOf };
    }
  });
}

/** Nothing but its markers and comments. */
function isEmpty({ contents, errors }: Document): boolean {
  const isNothing = isScalar(contents) && contents.type === "PLAIN" && contents.source === "";
  return errors.length === 0 && (contents === null || isNothing);
}

/** The library makes an Error of every mistake; their traces, which nobody reads, cost most of its time. */
function withoutTraces<T>(work: () => T): T {
  const before = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return work();
  } finally {
    Error.stackTraceLimit = before;
  }
}

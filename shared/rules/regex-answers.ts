/** Repeats an evaluation until the slow engine has answered all its questions. */
import {
  type RegexAnswer,
  RegexNeeded,
  type RegexOracle,
  type RegexRequest,
} from "../expressions/regex/answer.ts";

/** Runs one pattern apart from the event loop. Never rejects for a pattern that takes too long: that is an answer. */
export type AskRegex = (request: RegexRequest) => Promise<RegexAnswer>;

/** An evaluation may ask at most this many different questions. */
const MAX_QUESTIONS = 1000;

function keyOf({ source, flags, text, all }: RegexRequest): string {
  return JSON.stringify([source, flags, text, all]);
}

function isNeeds(value: unknown): value is { readonly done: false; readonly needs: RegexRequest } {
  return (
    typeof value === "object" && value !== null && "done" in value && value.done === false && "needs" in value
  );
}

/**
 * The result of `evaluate`, which may throw `RegexNeeded` or return `{done: false, needs}`: then the question is asked
 * and it is evaluated again. An evaluation without questions costs one synchronous call.
 */
export async function withRegexAnswers<T>(
  ask: AskRegex,
  evaluate: (regex: RegexOracle) => T,
): Promise<Exclude<T, { readonly done: false }>> {
  const answers = new Map<string, RegexAnswer>();
  const oracle: RegexOracle = (request) => answers.get(keyOf(request)) ?? "unknown";
  for (;;) {
    const needed = attempt(() => evaluate(oracle));
    if (!needed.asks) return needed.result as Exclude<T, { readonly done: false }>;
    const { request } = needed;
    answers.set(keyOf(request), answers.size >= MAX_QUESTIONS ? { timeout: true } : await ask(request));
  }
}

function attempt<T>(evaluate: () => T): { asks: false; result: T } | { asks: true; request: RegexRequest } {
  try {
    const result = evaluate();
    return isNeeds(result) ? { asks: true, request: result.needs } : { asks: false, result };
  } catch (error) {
    if (error instanceof RegexNeeded) return { asks: true, request: error.request };
    throw error;
  }
}

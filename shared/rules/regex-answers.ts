/** Repeats an evaluation until the slow engine has answered all its questions. */
import {
  noSlowRegex,
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

type Answered<T> = Exclude<T, { readonly done: false }>;

/**
 * The result of `evaluate`, which may throw `RegexNeeded` or return `{done: false, needs}`: then the question is asked
 * and it is evaluated again. An evaluation without questions costs one synchronous call.
 */
export async function withRegexAnswers<T>(
  ask: AskRegex,
  evaluate: (regex: RegexOracle) => T,
): Promise<Answered<T>> {
  return answered(ask, evaluate);
}

/** As `withRegexAnswers`, but at once where nothing has to be asked: throws what `evaluate` throws. */
export function answered<T>(
  ask: AskRegex,
  evaluate: (regex: RegexOracle) => T,
): Answered<T> | Promise<Answered<T>> {
  const first = attempt(evaluate, noSlowRegex);
  return first instanceof Question ? afterAnswers(ask, evaluate, first.request) : first;
}

async function afterAnswers<T>(
  ask: AskRegex,
  evaluate: (regex: RegexOracle) => T,
  first: RegexRequest,
): Promise<Answered<T>> {
  const answers = new Map<string, RegexAnswer>();
  const oracle: RegexOracle = (request) => answers.get(keyOf(request)) ?? "unknown";
  for (let request = first; ; ) {
    answers.set(keyOf(request), answers.size >= MAX_QUESTIONS ? { timeout: true } : await ask(request));
    const result = attempt(evaluate, oracle);
    if (!(result instanceof Question)) return result;
    request = result.request;
  }
}

class Question {
  readonly request: RegexRequest;
  constructor(request: RegexRequest) {
    this.request = request;
  }
}

function attempt<T>(evaluate: (regex: RegexOracle) => T, regex: RegexOracle): Answered<T> | Question {
  try {
    const result = evaluate(regex);
    return isNeeds(result) ? new Question(result.needs) : (result as Answered<T>);
  } catch (error) {
    if (error instanceof RegexNeeded) return new Question(error.request);
    throw error;
  }
}

/** One thing that is wrong with an input, so that several can be reported together. */
import { type ErrorCode, formatError, PetrelError } from "./errors.ts";

/** An error refuses the input; a warning is told, and the input is taken. */
export type Severity = "error" | "warning";

export interface Problem {
  readonly code: ErrorCode;
  readonly severity: Severity;
  readonly message: string;
  /** `file:line (path.in.the.document)`. */
  readonly where: string;
  /** An edit or a command that mends it. */
  readonly hint: string;
}

/** True when at least one of them refuses the input. */
export function hasErrors(problems: readonly Problem[]): boolean {
  return problems.some((problem) => problem.severity === "error");
}

/** A problem as an error that can be thrown. */
export function problemError(problem: Problem): PetrelError {
  return new PetrelError(problem.code, problem.message, { where: problem.where, hint: problem.hint });
}

/** The three-line form for people; a warning says that it is one. */
export function formatProblem(problem: Problem): string {
  const text = formatError(problemError(problem));
  return problem.severity === "warning" ? `warning ${text}` : text;
}

/** The one error class, and the catalogue of its stable codes. */
import { agentCodes } from "./error-codes/agents.ts";
import { datastoreCodes } from "./error-codes/datastore.ts";
import { executionCodes } from "./error-codes/executions.ts";
import { hubCodes } from "./error-codes/hub.ts";
import { installationCodes } from "./error-codes/installation.ts";
import { linkCodes } from "./error-codes/link.ts";
import { packCodes } from "./error-codes/packs.ts";
import { programCodes } from "./error-codes/program.ts";
import { ruleCodes } from "./error-codes/rules.ts";
import { sensorCodes } from "./error-codes/sensors.ts";
import { storageCodes } from "./error-codes/storage.ts";
import { watchCodes } from "./error-codes/watching.ts";

/** All codes. Each is in the table of its subject; a test keeps docs/errors.md in step. */
export const catalogue = {
  ...programCodes,
  ...hubCodes,
  ...packCodes,
  ...watchCodes,
  ...ruleCodes,
  ...executionCodes,
  ...installationCodes,
  ...agentCodes,
  ...sensorCodes,
  ...datastoreCodes,
  ...linkCodes,
  ...storageCodes,
} as const;

export type ErrorCode = keyof typeof catalogue;

export interface ErrorDetail {
  /** file:line, topic, key or URL. */
  readonly where?: string | undefined;
  /** A command or an edit that mends it. */
  readonly hint?: string | undefined;
  readonly cause?: unknown;
}

/** An expected refusal. Compare `code`, never the text. */
export class PetrelError extends Error {
  readonly code: ErrorCode;
  readonly where: string | undefined;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, detail: ErrorDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.name = "PetrelError";
    this.code = code;
    this.where = detail.where;
    this.hint = detail.hint;
  }
}

export function isPetrelError(error: unknown): error is PetrelError {
  return error instanceof PetrelError;
}

/** One plain form for logs, the wire and `--json`. */
export interface ErrorReport {
  readonly code: ErrorCode;
  readonly message: string;
  readonly where?: string;
  readonly fix?: string;
}

export function errorReport(error: unknown): ErrorReport {
  if (!isPetrelError(error)) {
    return { code: "INTERNAL", message: error instanceof Error ? error.message : String(error) };
  }
  return {
    code: error.code,
    message: error.message,
    ...(error.where !== undefined && { where: error.where }),
    ...(error.hint !== undefined && { fix: error.hint }),
  };
}

/** The three-line form that people read: code and what, where, fix. */
export function formatError(error: unknown): string {
  const report = errorReport(error);
  const lines = [`${report.code}: ${report.message}`];
  if (report.where !== undefined) lines.push(`  where: ${report.where}`);
  if (report.fix !== undefined) lines.push(`  fix:   ${report.fix}`);
  return lines.join("\n");
}

export function exitCodeOf(error: unknown): number {
  return isPetrelError(error) ? catalogue[error.code].exit : 1;
}

export function httpStatusOf(error: unknown): number {
  return isPetrelError(error) ? catalogue[error.code].status : 500;
}

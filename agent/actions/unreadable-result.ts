/** What is told of a settled execution whose encrypted row cannot be opened. Pure. */
import { errorReport } from "../../shared/errors.ts";
import { isObject } from "../../shared/json.ts";
import type { ResultRecord } from "./journal.ts";

type Known = Pick<ResultRecord, "status" | "started_at" | "ended_at">;

/** Beside what is encrypted: nothing of it can be a secret, and it is worth more than the rest. */
export function knownUnopened({ status, started_at, ended_at }: ResultRecord): Known {
  return { status, ended_at, ...(started_at !== undefined && { started_at }) };
}

/**
 * What `read` gives. Where the row cannot be opened: how it ended, and why there is no more, so that others that were asked
 * for with it are answered. Rows of earlier versions do not say how it ended: that is then not known, which `abandoned`
 * stands for; `at` is the time that is taken for its end.
 */
export function readableResult(
  read: () => ResultRecord | null,
  row: string,
  at: string,
): ResultRecord | null {
  try {
    return read();
  } catch (error) {
    const { code, message, where } = errorReport(error);
    const place = where === undefined ? "" : ` (${where})`;
    const reason = `${code}: the agent cannot open its result: ${message}${place}`.slice(0, 2_000);
    return { ...(knownIn(row) ?? { status: "abandoned", ended_at: at }), secret: true, reason };
  }
}

function knownIn(row: string): Known | null {
  try {
    const value: unknown = JSON.parse(row);
    if (!isObject(value) || typeof value.status !== "string" || typeof value.ended_at !== "string")
      return null;
    // Our own writing: what is there is well formed.
    return knownUnopened(value as unknown as ResultRecord);
  } catch {
    return null;
  }
}

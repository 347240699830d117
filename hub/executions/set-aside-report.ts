/** An execution whose own report of its end went to the dead letters: it has failed, until an operator tries the report again. */
import type { Execution } from "../../shared/model/execution.ts";

const what = "the report of how it ended is a dead letter";

/** The reason that such an execution fails with. */
export function setAsideReason(code: string, reason: string): string {
  return `${code}: ${what}: ${reason}`;
}

/** Whether how it really ended may still come. */
export function isReportSetAside({ status, reason }: Pick<Execution, "status" | "reason">): boolean {
  return status === "failed" && reason !== null && reason.includes(what);
}

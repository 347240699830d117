/** Sending to an agent what an execution asks of it. */
import type { Execution, Status } from "../../shared/model/execution.ts";
import { delayed, dispatch, type LedgerRules } from "./down-ledger.ts";
import type { Draft } from "./draft.ts";
import { keepBlob } from "./execution-record.ts";
import type { Dispatch } from "./port/ledgers.ts";

/** Statuses in which a request may still have to wait for room in its agent's ledger. */
const unsent: ReadonlySet<Status> = new Set(["requested", "delayed", "scheduled"]);

/** Dispatches; answers the execution as it is when its request has to wait for room, `null` otherwise. */
export function send(
  draft: Draft,
  rules: LedgerRules,
  each: Dispatch,
  execution: Execution | null,
): Execution | null {
  if (each.entry.kind !== "action-request") {
    dispatch(draft, rules, each, false);
    return null;
  }
  if (each.entry.parameters_blob !== undefined) {
    keepBlob(draft, each.entry.execution, each.entry.parameters_blob);
  }
  const isUnsent = execution !== null && unsent.has(execution.status);
  const place = dispatch(draft, rules, each, isUnsent);
  return isUnsent && place === "waiting" ? delayed(execution, rules) : null;
}

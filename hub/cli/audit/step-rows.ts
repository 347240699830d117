/** The steps behind an execution as people read them. */
import { type AuditStep, type AuditTrace, isSound } from "../../audit/audit.ts";
import type { ChainItem } from "../../audit/chain.ts";

export interface StepRow {
  readonly row: number;
  readonly at: string;
  readonly step: string;
  readonly id: string;
  readonly what: string;
  readonly digest: string;
  /** `yes`, or what has become of it. */
  readonly holds: string;
}

export const stepRows = ({ steps }: AuditTrace): StepRow[] => steps.map(rowOf);

function rowOf(step: AuditStep): StepRow {
  const { seq, at, item } = step;
  return { row: seq, at, ...said(item), holds: holdsText(step) };
}

/** Of records that have gone on since, the chain itself is the proof. */
function holdsText(step: AuditStep): string {
  const { state, linked } = step;
  if (!linked) return "no: the row was changed";
  if (!isSound(step)) return `no: ${state}`;
  return state === "kept" ? "yes" : `yes (${state})`;
}

function said(item: ChainItem): Pick<StepRow, "step" | "id" | "what" | "digest"> {
  switch (item.what) {
    case "instance":
      return { step: "trigger", id: item.id, what: `${item.trigger} ${item.status}`, digest: item.payload };
    case "rule":
      return { step: "rule", id: item.id, what: `version ${item.rev}`, digest: item.definition };
    case "enforcement": {
      const { id, rule, status, shadow, digest } = item;
      return { step: "decision", id, what: `${rule} ${shadow ? "shadow" : status}`, digest };
    }
    case "sent":
      return { step: "request", id: item.id, what: `${item.kind} to ${item.agent}`, digest: item.digest };
    case "execution": {
      const { id, action, status, result, digest } = item;
      return {
        step: result === null ? "execution" : "result",
        id,
        what: `${action} ${status}`,
        digest: result ?? digest,
      };
    }
    case "removed":
      return { step: "removed", id: item.id, what: item.of, digest: "" };
    case "opened":
      return { step: "opened", id: item.incarnation, what: "a hub opened the store", digest: "" };
    case "dropped":
      return { step: "dropped", id: String(item.seq), what: "rows up to this one", digest: item.hash };
  }
}

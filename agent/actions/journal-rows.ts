/** How the journal's rows are called, and what is read out of them. Pure. */
import { purposeOf } from "../../shared/ids.ts";
import { agentKey, agentKeys, sortableTime } from "../store/keys.ts";

/** Where a row that may be encrypted is. */
export function placeOf(kind: string, execution: string): string {
  return `${kind}/${execution}`;
}

export function purposeKey(execution: string): string {
  return agentKey(agentKeys.purpose, purposeOf(execution));
}

export function settledKey(at: string, execution: string): string {
  return agentKey(agentKeys.settled, sortableTime(Date.parse(at)), execution);
}

/** Of the key of a settled row: what is behind kind and time. */
export function executionOf(key: string): string {
  return key.slice(key.indexOf("!", key.indexOf("!") + 1) + 1);
}

/** Rows are our own writing: what is there is well formed. */
export function parse<T>(text: string | undefined): T | null {
  return text === undefined ? null : (JSON.parse(text) as T);
}

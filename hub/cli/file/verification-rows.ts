/** A verification in words, and its exit code. Pure. */
import type { AgentVerification } from "../../../shared/model/file-verification.ts";

/** Something differed. */
const differs = 5;
/** Nothing did, as far as it could be seen: not everything was. */
const notAll = 1;

/** It has begun there and not ended, as far as is known. */
export function isUnderWay({ state }: AgentVerification): boolean {
  return state === "waiting" || state === "running";
}

/** `isOver`: what has not ended by now is counted as unseen. */
export function verificationExit(
  agents: readonly AgentVerification[],
  { isOver }: { readonly isOver: boolean },
): number {
  if (agents.some(({ differences }) => differences > 0)) return differs;
  const isUnseen = (row: AgentVerification) =>
    row.state === "failed" || row.state === "unanswered" || (isOver && isUnderWay(row)) || row.unreadable > 0;
  return agents.some(isUnseen) ? notAll : 0;
}

const count = (n: number, what: string) => `${n} ${what}${n === 1 ? "" : "s"}`;

/** How it stands, or how it ended. */
export function agentLine(row: AgentVerification): string {
  const { agent, state, why, error } = row;
  if (state === "unanswered") return `${agent}  ${why ?? "no-answer"}: ${error ?? "it has not answered"}`;
  if (state === "failed") return `${agent}  failed: ${error ?? "no reason given"}; ${sightOf(row)}`;
  if (state === "done") return `${agent}  done: ${sightOf(row)}`;
  return progressLine(row);
}

export function progressLine(row: AgentVerification): string {
  const { agent, state, looked, expected, why } = row;
  const of = expected === null ? "" : ` of about ${expected}`;
  const silence = why === null ? "" : ` (${why} at present)`;
  return state === "waiting"
    ? `${agent}  about to begin${silence}`
    : `${agent}  under way: ${looked}${of} paths looked at${silence}`;
}

function sightOf({ looked, differences, unreadable, unreadable_paths }: AgentVerification): string {
  const told = differences === 0 ? "no differences" : `${count(differences, "difference")} told`;
  const seen = `${count(looked, "path")} looked at, ${told}`;
  if (unreadable === 0) return seen;
  const named = unreadable_paths.slice(0, 3).map(({ path, error }) => `${path} (${error})`);
  const more = unreadable > named.length ? ", …" : "";
  return `${seen}, ${count(unreadable, "path")} could not be read: ${named.join(", ")}${more}`;
}

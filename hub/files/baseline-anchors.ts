/**
 * What agents tell of their baselines as a whole. The hub remembers the last of it for each agent, out of reach of who
 * owns the host: a baseline that was set back, with everything around it, shows by a generation that it had before. Pure.
 */
import { isObject, type Json, type JsonObject } from "../../shared/json.ts";
import type { BaselineAnchor } from "../../shared/model/agent.ts";

export const anchorTrigger = "watch.baseline_anchor";
export const tamperedTrigger = "watch.baseline_tampered";

/** `null` for what is none. */
export function anchorIn(payload: Json): BaselineAnchor | null {
  if (!isObject(payload)) return null;
  const { generation, count, digest, sweep, told } = payload;
  if (typeof digest !== "string" || !/^[0-9a-f]{64}$/.test(digest)) return null;
  if (!isCount(generation) || !isCount(count) || !isCount(sweep)) return null;
  return { generation, count, digest, sweep, ...(isCount(told) && { told }) };
}

/** The greatest number of changes that an agent has told; 0 when none is known. */
export function lastSeq(payloads: readonly Json[]): number {
  return payloads.reduce<number>((greatest, payload) => {
    const seq = isObject(payload) ? payload.seq : undefined;
    return isCount(seq) ? Math.max(greatest, seq) : greatest;
  }, 0);
}

/**
 * The payload of `watch.baseline_tampered` when `told` cannot follow `known`, or not all that came since: `lastSeq`, the
 * greatest number of the changes that came before it. `at`: RFC 3339.
 */
export function setBack(
  known: BaselineAnchor | null,
  told: BaselineAnchor,
  lastSeq: number,
  at: string,
): JsonObject | null {
  if (known === null || told.generation > known.generation) {
    if (told.told === undefined || told.told >= lastSeq) return null;
    return {
      cause: "rolled-back",
      detail: `the agent's data was set back: it had told ${lastSeq} changes, and knows of ${told.told}`,
      detected_at: at,
    };
  }
  const was = `it was at generation ${known.generation} with ${known.count} records`;
  const is = `is at ${told.generation} with ${told.count}`;
  return {
    cause: "rolled-back",
    detail: `the agent's data was set back or begun anew: ${was}, and ${is}`,
    detected_at: at,
  };
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

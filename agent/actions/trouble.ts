/** Which trouble with an execution passes, so that it is tried again, and which never will. Pure. */
import { isPetrelError } from "../../shared/errors.ts";

/** Thrown through a runner: its start could not be written, so it has not begun. */
export class StartUnwritten extends Error {}

/** A start that failed for no more than this is tried again. */
export function passes(error: unknown): boolean {
  return isDiskTrouble(error) || isHubAway(error);
}

/** A result that no further attempt can write: it is too large, or is none that can be sent. */
export function isVain(error: unknown): boolean {
  if (isPetrelError(error)) return error.code === "LINK_ENTRY_TOO_LARGE" || error.code === "WIRE_PACKET";
  return error instanceof RangeError || error instanceof TypeError;
}

/** The disk refuses, or the outbox is full of what the hub has not taken: both pass. */
function isDiskTrouble(error: unknown): boolean {
  if (error instanceof StartUnwritten) return true;
  if (isPetrelError(error)) return error.code === "STORE_WRITE" || error.code === "LINK_OUTBOX_FULL";
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" && code.startsWith("LEVEL_");
}

/** Parameters that are too large for a request are the hub's to give: it comes back, or the request expires. */
function isHubAway(error: unknown): boolean {
  return isPetrelError(error) && (error.code === "ASK_TIMEOUT" || error.code === "LINK_CLOSED");
}

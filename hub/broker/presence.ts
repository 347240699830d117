/** What the hub reads from presence messages when an external broker is between it and its agents. */
import type { Presence } from "../../shared/wire/messages.ts";

/** Enough for any presence. */
const mostBytes = 4 * 1024;

/** Whether the agent says that it is there; `null` for what is no presence message. */
export function presenceState(bytes: Uint8Array): Presence["state"] | null {
  if (bytes.length > mostBytes) return null;
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString("utf8"));
    const state = typeof value === "object" && value !== null && "state" in value ? value.state : null;
    return state === "online" || state === "offline" ? state : null;
  } catch {
    return null; // hostile or broken: the same as no presence
  }
}

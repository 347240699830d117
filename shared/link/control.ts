/** What steers an agent (cancel, pause, resume, assignment, upgrade), and its way past a queue that is full. */
import type { Credit, Entry } from "../wire/messages.ts";

const controlKinds: ReadonlySet<Entry["kind"]> = new Set([
  "cancel",
  "pause",
  "resume",
  "assignment",
  "upgrade",
]);

/** Whether an entry of this kind belongs into an epoch for control entries. */
export function isControlKind(kind: Entry["kind"]): boolean {
  return controlKinds.has(kind);
}

/** Said in the hello of an agent that takes such epochs while it grants no credit. */
export const controlCapability = "control";

/** At most this much of such epochs without a receipt. It has nothing to do with the credit, which is for requests. */
export const controlWindow: Credit = { entries: 64, bytes: 256 * 1024 };

/** The agent's points at which a test may end it: one at each hand-over between disk, hub, sensors and actions. */
import type { BlobStore } from "../shared/blobs/blob-fs.ts";
import { behindPoints, hurried, type PassPoint, passing } from "../shared/kill-points.ts";
import type { LinkTransport, Outbox } from "../shared/link/ports.ts";
import type { Database } from "../shared/storage/database-store.ts";
import type { Timers } from "../shared/timers.ts";
import type { UpEntry } from "../shared/wire/messages.ts";
import type { AssignmentsStore } from "./packs/assignments-store.ts";

/** Those inside the action side, where no door lies between the steps. */
export const actionPoints = [
  "before-journal",
  "after-accepted",
  "after-started",
  "before-result",
  "after-result",
] as const;

export type ActionPoint = (typeof actionPoints)[number];

export const agentPoints = [
  ...actionPoints,
  /** Triggers of a sensor: not on disk yet; on disk, and the sensor does not know. */
  "dispatch.before",
  "dispatch.after",
  /** A sensor lets go of occurrence keys. */
  "checkpoint.after",
  /** The hub's receipt was taken into account. */
  "receipt-noted.after",
  /** The hub was told that its requests are in the journal. */
  "receipt-sent.after",
  /** A large result is on disk as a blob that no record names. */
  "result-blob.after",
  /** Large parameters have come, and nothing has started. */
  "parameters-fetched.after",
  /** The contents of a pack have come and are not unpacked. */
  "pack-fetched.after",
  /** New versions run, and the next life would not know; or would. */
  "packs-applied.before",
  "packs-applied.after",
] as const;

/** Only at a first start: the key to its secrets is in its file, and the database does not know of it; or does. */
export const firstStartPoints = ["key-noted.before", "key-noted.after"] as const;

export type AgentPoint = (typeof agentPoints)[number];

/** How many times faster waits on the connection pass: a hub that dies every few seconds shall be met again. */
const hurry = 20;

type Rows = Pick<Database, "level" | "committer">;

const commitsBehind = ({ level, committer }: Rows, name: string, pass: PassPoint | null): Rows => ({
  level,
  committer: pass === null ? committer : behindPoints(committer, { commit: name }, pass),
});

/** Puts parts behind points; with `null`, as always in production, each part is handed back as it is. */
export function agentPointsOf(pass: PassPoint | null) {
  return {
    passAction: (pass ?? (() => {})) as (point: ActionPoint) => void,
    dispatches: <F extends (...args: never[]) => Promise<unknown>>(append: F): F => {
      if (pass === null) return append;
      return ((...args) => passing("dispatch", () => append(...args), pass)) as F;
    },
    checkpoints: (database: Rows): Rows => commitsBehind(database, "checkpoint", pass),
    keyNoting: (database: Rows): Rows => commitsBehind(database, "key-noted", pass),
    outbox: <O extends Outbox<UpEntry>>(outbox: O): O =>
      pass === null
        ? outbox
        : (behindPoints<Outbox<UpEntry>>(outbox, { receipted: "receipt-noted" }, pass) as O),
    transport: (transport: LinkTransport): LinkTransport =>
      pass === null
        ? transport
        : behindPoints(
            transport,
            { send: (kind) => (kind === "down-receipt" ? "receipt-sent" : null) },
            pass,
          ),
    results: (blobs: BlobStore): BlobStore =>
      pass === null ? blobs : behindPoints(blobs, { put: "result-blob" }, pass),
    fetching: <F extends (...args: never[]) => Promise<unknown>>(
      name: "parameters-fetched" | "pack-fetched",
      fetch: F,
    ): F => {
      if (pass === null) return fetch;
      return ((...args) => passing(name, () => fetch(...args), pass)) as F;
    },
    assignments: (assignments: AssignmentsStore): AssignmentsStore =>
      pass === null ? assignments : behindPoints(assignments, { saveApplied: "packs-applied" }, pass),
    connectionTimers: (timers: Timers): Timers => (pass === null ? timers : hurried(timers, hurry)),
  };
}

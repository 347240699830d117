/** The hub's points at which a test may end it: one at each hand-over between agents, disk and people. */
import type { BlobStore } from "../shared/blobs/blob-fs.ts";
import { behindPoints, hurried, type PassPoint } from "../shared/kill-points.ts";
import type { LinkTransport } from "../shared/link/ports.ts";
import type { Timers } from "../shared/timers.ts";
import { rootSetting, sealedSetting } from "./key-settings.ts";
import type { LevelStore } from "./store/level-store.ts";
import type { TakeIn } from "./store/port/intake.ts";

/** Something is told that no agent sent (of a timer, a webhook, the hub itself): before and after it is on disk. */
export const tellingPoints = ["emit.before", "emit.after"] as const;

export const hubPoints = [
  /** Triggers and what they lead to: nothing on disk; all on disk, and no receipt. */
  "take-in.before",
  "take-in.after",
  /** The same for news of executions. */
  "update.before",
  "update.after",
  "receipt.after",
  /** A request is on disk and was not sent. */
  "request.before",
  /** The agent has requests that are still in its down ledger; or no longer. */
  "down-receipt.before",
  "down-receipt.after",
  /** A cancel or a late settlement is on disk, and who asked for it does not know. */
  "execution-changed.after",
  /** An execution by hand is on disk, and who asked for it does not know. */
  "execution-made.after",
  /** Contents are on disk as a blob that no record names. */
  "blob.after",
  /** A job was leased and not begun; or is done, and not noted so. */
  "jobs-claimed.after",
  "job-finished.before",
  /** Old history has gone. */
  "purge.after",
  /** Rules are on disk, and the old ones in force. */
  "rules-changed.after",
  /** The contents of a pack are stored, its record is not; or both, and no agent was told. */
  "pack-put.before",
  "pack-put.after",
  /** A backup has its records, and neither blobs nor a manifest. */
  "backup-copied.after",
  ...tellingPoints,
] as const;

export type HubPoint = (typeof hubPoints)[number];

/** Only where a rule has a throttle: around the closing of a window, and around its digest. */
export const digestPoints = [
  "throttle-closed.before",
  "throttle-closed.after",
  "digest.before",
  "digest.after",
] as const;

/** Only at a first start: a key is in its file, and the database does not know of it; or does. */
export const firstStartPoints = [
  "key-noted.before",
  "key-noted.after",
  "root-noted.before",
  "root-noted.after",
] as const;

/** How many times faster the hours of housekeeping pass: its first chores come after a minute, lives are shorter. */
const hurry = 30;

/** By the setting that notes the key. */
const keySettings: Readonly<Record<string, string>> = {
  [rootSetting]: "root-noted",
  [sealedSetting]: "key-noted",
};

const isNews = ({ effects }: TakeIn) => effects.some(({ type }) => type === "execution");

/** Puts parts behind points; with `null`, as always in production, each part is handed back as it is. */
export function hubPointsOf(pass: PassPoint | null) {
  return {
    store: (store: LevelStore): LevelStore => (pass === null ? store : storeBehindPoints(store, pass)),
    blobs: (blobs: BlobStore): BlobStore =>
      pass === null ? blobs : behindPoints(blobs, { put: "blob" }, pass),
    transport: (transport: LinkTransport): LinkTransport => {
      if (pass === null) return transport;
      const names = { down: "request", "up-receipt": "receipt" } as const;
      return behindPoints(
        transport,
        { send: (kind) => (kind === "down" || kind === "up-receipt" ? names[kind] : null) },
        pass,
      );
    },
    choreTimers: (timers: Timers): Timers => (pass === null ? timers : hurried(timers, hurry)),
  };
}

function storeBehindPoints(store: LevelStore, pass: PassPoint): LevelStore {
  const wrapped = behindPoints(
    store,
    {
      putSetting: (name) => keySettings[name] ?? null,
      takeIn: (take) => (isNews(take) ? "update" : "take-in"),
      receiptDown: "down-receipt",
      updateExecution: "execution-changed",
      createExecutions: "execution-made",
      finishJob: "job-finished",
      emit: "emit",
      closeThrottle: "throttle-closed",
      deliverDigest: "digest",
      purge: "purge",
      purgeOldest: "purge",
      changeRules: "rules-changed",
      putPack: "pack-put",
      copy: "backup-copied",
    },
    pass,
  );
  // Asked every two seconds; of interest when there was something to claim.
  const claimDue: LevelStore["claimDue"] = async (...args) => {
    const jobs = await store.claimDue(...args);
    if (jobs.length > 0) pass("jobs-claimed.after");
    return jobs;
  };
  return new Proxy(wrapped, {
    get: (target, key) => (key === "claimDue" ? claimDue : Reflect.get(target, key, target)),
  });
}

/** Looks at all of a watched path, beside what hints say meanwhile: at a start, at a changed selection, in a sweep. */
import type { Clock } from "../../shared/clock.ts";
import type { BytePath } from "../../shared/watch/paths.ts";
import type { WatchedPath } from "../../shared/watch/settings.ts";
import { type Pace, readAtOnce } from "./budget.ts";
import type { DetectedBy, Finding } from "./change.ts";
import { type Circumstances, inOrder, type LargeFile, unheard, unread } from "./circumstances.ts";
import { isKnown, wantedOf } from "./content-fs.ts";
import { firstRecord } from "./first-record-fs.ts";
import { type Gathered, type GatherParts, gatherDeep, type Scope } from "./gather-fs.ts";
import type { Stat } from "./look.ts";
import type { FileToRead, FileWanted } from "./reading/batch.ts";
import type { Batch, Readers } from "./reading/readers-process.ts";
import type { SealedRows } from "./reading/sealing.ts";
import { WorkLine } from "./reading/work-line.ts";

export interface WholeLooksOptions {
  readonly clock: Pick<Clock, "now">;
  readonly parts: () => GatherParts;
  /** Runs while nothing else is told. */
  readonly alone: (work: () => Promise<void>) => Promise<void>;
  /** Resolves once all is accepted and in the baseline: how many changes were told. */
  readonly tell: (gathered: Gathered, circumstances: Circumstances) => Promise<number>;
  /** Reads a large file; resolves once its digest is at hand. */
  readonly prepare: (path: BytePath, stat: Stat, pace?: Pace) => Promise<void>;
  /** Whether hints are looked at: until then nothing waits that could be told meanwhile. */
  readonly isStarted: () => boolean;
  readonly isStopped: () => boolean;
  readonly readers: Readers;
  /** Writes first rows; see `BaselineStore.take`. */
  readonly take: (rows: SealedRows) => Promise<void>;
  /** The path was never looked at: what is there is taken as it is. */
  readonly isFirstLook: (path: BytePath) => boolean;
}

export interface WholeLook {
  /** From the last sign of life to this start. */
  readonly offline: Finding["offline"];
  /** Digests are taken although nothing else differs. */
  readonly full: boolean;
  readonly pace?: Pace;
  readonly scope?: Scope;
}

/** Paths looked at before those with priority are asked for again. */
export const slice = 512;
/** Differences kept at once to recognise moves among them. */
export const joinBatch = 50_000;
/** The same behind the last record. Few, since all are in memory at once; so many that a thread has something to do. */
const newBatch = 256;
/** Batches that are read, or wait to be told, while the next is gathered. */
const aheadBatches = 4;
const nothingRead: Batch = { read: Promise.resolve(), release: () => {} };

export class WholeLooks {
  readonly #options: WholeLooksOptions;
  readonly #wanted = new WeakMap<WatchedPath, FileWanted>();

  constructor(options: WholeLooksOptions) {
    this.#options = options;
  }

  /** How many changes it found and told. */
  async look(path: BytePath, by: DetectedBy, how: WholeLook): Promise<number> {
    const { isStarted, readers } = this.#options;
    const mayRecord =
      !isStarted() && how.scope === undefined && readers.canSeal && (await this.#isUnknown(path));
    if (!mayRecord) return this.#compare(path, by, how);
    const { parts, take, isFirstLook } = this.#options;
    const tell = (gathered: Gathered) => this.#tell(gathered, by, how);
    return firstRecord(path, { gather: parts(), readers, take, isFirstLook, tell });
  }

  /** Nothing within it has a record. */
  async #isUnknown(path: BytePath): Promise<boolean> {
    const rows = this.#options.parts().baseline.within(path);
    try {
      return (await rows.next()).length === 0;
    } finally {
      await rows.close();
    }
  }

  async #compare(path: BytePath, by: DetectedBy, how: WholeLook): Promise<number> {
    const { pace, scope, full } = how;
    const { parts, isStarted, readers } = this.#options;
    // Later there are hints to be looked at meanwhile, and nothing may run ahead of them.
    const mayRunAhead = !isStarted();
    const line = new WorkLine(aheadBatches);
    let told = 0;
    try {
      await gatherDeep(parts(), {
        path,
        full,
        batch: pace === undefined ? joinBatch : slice,
        newBatch,
        ...(pace !== undefined && { pace }),
        ...(scope !== undefined && { scope }),
        found: async (gathered) => {
          const batch = mayRunAhead ? readers.begin(this.#unread(gathered, full)) : nothingRead;
          const work = async () => {
            await batch.read;
            told += await this.#tell(gathered, by, how);
            batch.release();
            await pace?.(0, readAtOnce(gathered.differences));
          };
          await (mayRunAhead ? line.add(work) : work());
        },
      });
    } finally {
      // Also after an error: nothing of it is under way any more when this ends.
      await line.end();
    }
    return told;
  }

  /** Files that have to be read. */
  #unread({ differences }: Gathered, full: boolean): readonly FileToRead[] {
    const { selection } = this.#options.parts();
    return differences.flatMap(({ path, before, after: stat }) => {
      if (stat?.kind !== "file" || (before !== null && isKnown(before, stat, full))) return [];
      const entry = selection.entryOf(path);
      return entry === null ? [] : [{ path, stat, wanted: this.#wantedOf(entry) }];
    });
  }

  #wantedOf(entry: WatchedPath): FileWanted {
    const wanted = this.#wanted.get(entry) ?? wantedOf(entry);
    this.#wanted.set(entry, wanted);
    return wanted;
  }

  async #tell(
    gathered: Gathered,
    by: DetectedBy,
    { full, offline, scope, pace }: WholeLook,
  ): Promise<number> {
    const { clock, alone, tell, prepare, isStarted, isStopped } = this.#options;
    const at = clock.now();
    const unreadable = scope?.unreadable ?? (() => {});
    let told = 0;
    for (let rest = gathered; ; ) {
      const large: LargeFile[] = [];
      const later = isStarted() ? (one: LargeFile) => large.push(one) : null;
      await alone(async () => {
        const recheck = isStarted();
        const count = await tell(rest, unheard(by, at, { full, recheck, offline, unreadable, later }));
        scope?.told(count);
        told += count;
      });
      for (const one of large) if (!isStopped()) await prepare(one.path, one.stat, pace);
      if (large.length === 0 || isStopped()) return told;
      rest = { differences: inOrder(large.flatMap(unread)), unselected: [] };
    }
  }
}

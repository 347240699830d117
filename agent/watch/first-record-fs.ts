/**
 * The first record of a watched path of which nothing is known: folders are listed here, files are read by threads, which
 * make the rows, too. What a thread leaves, and what is no file, is looked at as by any other look.
 */
import { setImmediate as turn } from "node:timers/promises";
import type { BytePath } from "../../shared/watch/paths.ts";
import type { WatchedPath } from "../../shared/watch/settings.ts";
import { wantedOf } from "./content-fs.ts";
import { type Gathered, type GatherParts, gatherDeep } from "./gather-fs.ts";
import type { FileWanted } from "./reading/batch.ts";
import type { Readers } from "./reading/readers-process.ts";
import type { FileToSeal, SealedRows } from "./reading/sealing.ts";
import { WorkLine } from "./reading/work-line.ts";
import type { Difference } from "./renames.ts";

export interface FirstRecordParts {
  readonly gather: GatherParts;
  readonly readers: Pick<Readers, "seal">;
  /** Writes rows; see `BaselineStore.take`. */
  readonly take: (rows: SealedRows) => Promise<void>;
  /** The path was never looked at: what is there is taken as it is. */
  readonly isFirstLook: (path: BytePath) => boolean;
  /** Resolves once all is accepted and in the baseline: how many changes were told. */
  readonly tell: (gathered: Gathered) => Promise<number>;
}

/** Files that are read at once; a walk pauses for them about as often. */
const leastFiles = 400;
/** Of what is no file. */
const othersBatch = 256;
/** Batches that are read, or wait to be written, while the next is gathered. */
const aheadBatches = 4;

/** How many changes were told: none, but for what others did to the baseline. Nothing within the path has a record. */
export async function firstRecord(path: BytePath, parts: FirstRecordParts): Promise<number> {
  const { gather, readers, take, isFirstLook, tell } = parts;
  const line = new WorkLine(aheadBatches);
  const wanted = new Map<WatchedPath, FileWanted>();
  let files: FileToSeal[] = [];
  let told = 0;
  const readThem = async () => {
    const batch = files;
    files = [];
    const sealed = readers.seal(batch);
    await line.add(async () => {
      const answer = await sealed;
      if (answer !== null) await take(answer);
      const left = answer === null ? batch : batch.filter((_, n) => answer.left.includes(n));
      if (left.length === 0) return;
      const differences = left.flatMap((file) => looked(file.path, gather));
      told += await tell({ differences, unselected: [] });
    });
  };
  const takesFile = (at: BytePath): boolean => {
    const entry = gather.selection.entryOf(at);
    // Nothing is to be said of it.
    if (entry === null) return true;
    if (entry.digest !== "sha256" || entry.diff || !isFirstLook(at)) return false;
    const known = wanted.get(entry) ?? wantedOf(entry);
    wanted.set(entry, known);
    files.push({ path: at, wanted: known });
    return true;
  };
  try {
    await gatherDeep(gather, {
      path,
      full: false,
      batch: othersBatch,
      takesFile,
      pace: async () => {
        if (files.length >= leastFiles) await readThem();
        await turn();
      },
      found: (gathered) =>
        line.add(async () => {
          told += await tell(gathered);
        }),
    });
    if (files.length > 0) await readThem();
  } finally {
    // Also after an error: nothing of it is under way any more when this ends.
    await line.end();
  }
  return told;
}

function looked(path: BytePath, { look, unreadable }: GatherParts): readonly Difference[] {
  const outcome = look(path);
  if ("error" in outcome) {
    unreadable.note(path, outcome.error);
    return [];
  }
  return outcome.found === null ? [] : [{ path, before: null, after: outcome.found }];
}

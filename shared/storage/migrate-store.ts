/** Brings a database from an older format to the newest, a batch at a time; what was killed goes on where it stood. */
import type { ClassicLevel } from "classic-level";
import { PetrelError } from "../errors.ts";
import type { StoreOp } from "./committer-store.ts";

/** One step: from a format to the next. */
export interface Migration {
  readonly from: number;
  /**
   * What becomes of one record; nothing for one that stays as it is. It sees each record once, except those it makes
   * itself behind the one it was given: these it must leave as they are. `null`: no record changes, only older versions
   * must not open the database any more.
   */
  readonly change: ((key: string, value: string) => readonly StoreOp[]) | null;
}

export const formatKey = "~format";
const progressKey = "~migrating";
/** Keys of the database's own sort behind all records. */
const endOfRecords = "~";
const batchRecords = 500;

/** How far a step has come; on disk with each of its batches. */
interface Progress {
  readonly from: number;
  /** The last key that was looked at. */
  readonly after: string;
}

/**
 * Resolves once the database has format `to`. The format is raised before the first record is changed, so that an older
 * version never opens what is half changed. STORE_FORMAT when a step is missing: then nothing was touched.
 */
export async function migrate(
  level: ClassicLevel<string, string>,
  found: number,
  to: number,
  migrations: readonly Migration[],
): Promise<void> {
  const text = await level.get(progressKey);
  let progress = text === undefined ? null : (JSON.parse(text) as Progress);
  const steps: Migration[] = [];
  for (let from = progress?.from ?? found; from < to; from++) {
    const step = migrations.find((each) => each.from === from);
    if (step === undefined) {
      throw new PetrelError("STORE_FORMAT", `no way leads from format ${from} of the database to ${to}`, {
        where: level.location,
        hint: "run a version in between first",
      });
    }
    steps.push(step);
  }
  for (const step of steps) {
    await carryOut(level, step, progress ?? (await begin(level, step.from)));
    progress = null;
  }
}

async function carryOut(
  level: ClassicLevel<string, string>,
  { from, change }: Migration,
  { after }: Progress,
): Promise<void> {
  for (let last: string | undefined = after; last !== undefined && change !== null; ) {
    const rows: [string, string][] = await level
      .iterator({ gt: last, lt: endOfRecords, limit: batchRecords })
      .all();
    last = rows.at(-1)?.[0];
    if (last === undefined) continue;
    const ops = rows.flatMap(([key, value]) => change(key, value));
    await level.batch([...ops, put({ from, after: last })], { sync: true });
  }
  await level.del(progressKey, { sync: true });
}

async function begin(level: ClassicLevel<string, string>, from: number): Promise<Progress> {
  const progress = { from, after: "" };
  await level.batch([{ type: "put", key: formatKey, value: String(from + 1) }, put(progress)], {
    sync: true,
  });
  return progress;
}

const put = (progress: Progress) =>
  ({ type: "put", key: progressKey, value: JSON.stringify(progress) }) as const;

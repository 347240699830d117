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
  /**
   * Beginnings of the keys that it looks at, each ending in `/`; left out: all. A large database is long in being read, and
   * nothing else runs meanwhile.
   */
  readonly prefixes?: readonly string[];
}

/** Told as a step begins, and as it has ended: it may take minutes. */
export type OnMigration = (step: {
  readonly from: number;
  readonly to: number;
  readonly isDone: boolean;
}) => void;

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
  told: OnMigration = () => {},
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
    const said = { from: step.from, to: step.from + 1 };
    told({ ...said, isDone: false });
    await carryOut(level, step, progress ?? (await begin(level, step.from)));
    told({ ...said, isDone: true });
    progress = null;
  }
}

async function carryOut(
  level: ClassicLevel<string, string>,
  { from, change, prefixes }: Migration,
  { after }: Progress,
): Promise<void> {
  for (const { gt, lt } of change === null ? [] : rangesOf(prefixes, after)) {
    for (let last = gt; ; ) {
      const rows: [string, string][] = await level.iterator({ gt: last, lt, limit: batchRecords }).all();
      const end = rows.at(-1)?.[0];
      if (end === undefined) break;
      last = end;
      const ops = rows.flatMap(([key, value]) => change?.(key, value) ?? []);
      // Where nothing changes nothing is noted: to look once more at what stays as it is does no harm.
      if (ops.length > 0) await level.batch([...ops, put({ from, after: last })], { sync: true });
    }
  }
  await level.del(progressKey, { sync: true });
}

/** In the order of keys, without what has been looked at. */
export function rangesOf(
  prefixes: readonly string[] | undefined,
  after: string,
): { gt: string; lt: string }[] {
  const whole = prefixes?.toSorted().map((prefix) => ({ gt: prefix, lt: `${prefix.slice(0, -1)}0` }));
  return (whole ?? [{ gt: "", lt: endOfRecords }])
    .filter(({ lt }) => after < lt)
    .map(({ gt, lt }) => ({ gt: after > gt ? after : gt, lt }));
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

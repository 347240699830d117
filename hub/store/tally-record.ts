/** How much there is, which place was given out last, and how late it is: one record, since every batch writes it. */
import { parseTimestamp } from "../../shared/clock.ts";
import type { Draft } from "./draft.ts";
import { keys, placeOf, placeTime, placeTurn } from "./keys.ts";
import type { StoreCounts } from "./port/history.ts";
import type { RecordWriter } from "./records.ts";

export interface Tally {
  readonly counts: StoreCounts;
  /** That of the instance which came in last. */
  readonly place: string;
  /** Hub time in milliseconds: no record is later. */
  readonly clock: number;
}

const noCounts: StoreCounts = { instances: 0, pending: 0, dead_letters: 0 };
const noTally: Tally = { counts: noCounts, place: placeOf(0, 0), clock: 0 };

/** As databases have them that were last written before there was a tally. */
const olderRows = { counts: "x/counts", place: "x/place", clock: keys.setting("clock_high_water") } as const;

/** As of what is committed. */
export async function readTally(writer: Pick<RecordWriter, "read">): Promise<Tally> {
  return (await writer.read<Tally>(keys.tally())) ?? noTally;
}

/**
 * Makes one record of the older three, which go in the same batch: whatever a kill leaves, only one of the two is there.
 * To be called before anything else is written; from then on nobody reads the older ones.
 */
export async function openTally(writer: Pick<RecordWriter, "submit" | "readMany">): Promise<void> {
  const rows = Object.values(olderRows);
  if ((await writer.readMany(rows)).every((row) => row === null)) return;
  await writer.submit({
    source: "",
    reads: [keys.tally(), ...rows],
    plan: (draft) => {
      // Where there is a tally, they are none of this database's any more.
      if (draft.get(keys.tally()) === null) {
        putTally(draft, {
          counts: draft.get<StoreCounts>(olderRows.counts) ?? noTally.counts,
          place: draft.get<string>(olderRows.place) ?? noTally.place,
          clock: draft.get<number>(olderRows.clock) ?? noTally.clock,
        });
      }
      for (const row of rows) draft.remove(row);
    },
  });
}

/**
 * Counts a new instance, and answers its place in the order of intake: hub time, never before the one given out last, so
 * that none comes behind a cursor.
 */
export function countIn(draft: Draft, receivedAt: string, isPending: boolean): string {
  const { counts, place: last, clock } = tallyOf(draft);
  const ms = parseTimestamp(receivedAt) ?? 0;
  const place = ms > placeTime(last) ? placeOf(ms, 0) : placeOf(placeTime(last), placeTurn(last) + 1);
  const instances = counts.instances + 1;
  const pending = counts.pending + (isPending ? 1 : 0);
  putTally(draft, {
    counts: { instances, pending, dead_letters: counts.dead_letters },
    place,
    clock: Math.max(clock, ms),
  });
  return place;
}

export function addCounts(draft: Draft, change: Partial<StoreCounts>): void {
  const { counts, place, clock } = tallyOf(draft);
  const { instances = 0, pending = 0, dead_letters = 0 } = change;
  putTally(draft, {
    counts: {
      instances: counts.instances + instances,
      pending: counts.pending + pending,
      dead_letters: counts.dead_letters + dead_letters,
    },
    place,
    clock,
  });
}

/** In the last plan of each batch that writes anything: moves the clock on to `now` at least, and answers it. */
export function moveClock(draft: Draft, now: number): number {
  const { counts, place, clock: before } = tallyOf(draft);
  const clock = Math.max(before, now);
  putTally(draft, { counts, place, clock });
  return clock;
}

const tallyOf = (draft: Draft): Tally => draft.get<Tally>(keys.tally()) ?? noTally;

/** Of a batch's plans nearly all write over it. */
function putTally(draft: Draft, tally: Tally): void {
  draft.putLate(keys.tally(), tally);
}

/** What somebody else has done to the baseline, from what a check of all rows finds. Pure. */
import { isObject, type Json, type JsonObject } from "../../../shared/json.ts";
import { type BytePath, shownPath } from "../../../shared/watch/paths.ts";
import type { Anchor, FoundSummary } from "./summary.ts";

export const tamperingCauses = ["edited", "removed", "added", "rolled-back", "key-missing"] as const;
export type TamperingCause = (typeof tamperingCauses)[number];

export interface Tampering {
  readonly cause: TamperingCause;
  /** `null`: no single record is known. */
  readonly path: BytePath | null;
  /** Records it is about; `null`: not known. */
  readonly count: number | null;
  readonly detail: string;
}

export function isTampering(value: Json): value is Json & Tampering {
  return isObject(value) && tamperingCauses.some((cause) => cause === value.cause);
}

/** The payload of `watch.baseline_tampered`. `at`: RFC 3339. */
export function tamperedPayload({ cause, path, count, detail }: Tampering, at: string): JsonObject {
  return {
    cause,
    ...(path !== null && shownPath(path)),
    ...(count !== null && { count }),
    detail,
    detected_at: at,
  };
}

/** What was made with a key: nothing yet, the first seals, or everything that is there. */
export type KeyState = "missing" | "new" | "in-use";

export interface Opening {
  readonly found: readonly Tampering[];
  /**
   * `null`: the summary holds. `all`: every row is sealed as it stands, as at the first start. `sealed`: the rows whose
   * seal is right count, others are found by the next check.
   */
  readonly adopt: "all" | "sealed" | null;
}

/**
 * What is to be made of a baseline at its opening. `anchor`: the last one that went to the hub. `lost`: a new key was
 * made in the place of one that had gone, and this has not been told for certain.
 */
export function judgeOpening(given: {
  readonly key: KeyState;
  readonly lost: boolean;
  readonly summary: FoundSummary;
  readonly anchor: Anchor | null;
  /** Names of rows that are no paths and not as they were written. */
  readonly wrongMeta: readonly string[];
}): Opening {
  const { key, lost, summary, anchor, wrongMeta } = given;
  const one = (cause: TamperingCause, detail: string, count: number | null = null): Tampering => ({
    cause,
    path: null,
    count,
    detail,
  });
  const keyMissing = one("key-missing", "the key of the baseline's seals is another one or has gone");
  if (key === "missing") {
    // Older versions kept no seals.
    const isFirst = summary === "none" && anchor === null;
    return { adopt: "all", found: isFirst ? [] : [keyMissing] };
  }
  if (summary === "other-key") return { adopt: "all", found: [keyMissing] };
  if (summary === "none") {
    if (key === "new") return { adopt: "all", found: lost ? [keyMissing] : [] };
    const detail = "the baseline, or what it says of itself, has gone";
    return { adopt: "sealed", found: [one("removed", detail, anchor?.count ?? null)] };
  }
  if (summary === "forged") {
    return {
      adopt: "sealed",
      found: [one("edited", "what the baseline says of itself was written by others")],
    };
  }
  const found: Tampering[] = [];
  if (anchor !== null && summary.generation < anchor.generation) {
    const writes = anchor.generation - summary.generation;
    found.push(one("rolled-back", `an earlier copy was put in its place: ${writes} writes are missing`));
  } else if (anchor !== null && summary.generation === anchor.generation) {
    const isSame = summary.count === anchor.count && BigInt(`0x${anchor.digest}`) === summary.sum;
    if (!isSame) found.push(one("edited", "its records are not those that the hub was told of"));
  }
  for (const name of wrongMeta) found.push(one("edited", `its row ${name} was written or removed by others`));
  return { adopt: null, found };
}

/** What a check of all rows has found. */
export interface Checked {
  /** The first hundred of the paths of rows whose seal is wrong, or was until they were written over. */
  readonly wrong: readonly BytePath[];
  /** All of them. */
  readonly wrongCount: number;
  /** Key of the first that is still there. */
  readonly firstWrong: string | null;
  /** How many more rows there should be than there are with a right seal, and the sum of their hashes. */
  readonly missing: number;
  readonly missingSum: bigint;
}

/** Paths without a record that should have one: the first of them, and how many there are. */
export interface WithoutRecord {
  readonly paths: readonly BytePath[];
  readonly count: number;
}

const noneWithout: WithoutRecord = { paths: [], count: 0 };

/** What is known of single paths is told of each; the rest is told as a number. */
export function judgeRows(
  { wrong, wrongCount, missing, missingSum }: Checked,
  without: WithoutRecord = noneWithout,
): readonly Tampering[] {
  if (wrongCount === 0 && missing === 0) {
    if (missingSum === 0n) return [];
    const detail = "earlier records were put in the place of later ones";
    return [{ cause: "rolled-back", path: null, count: null, detail }];
  }
  const cause = missing > 0 ? "edited" : "added";
  const found: Tampering[] = wrong.map((path) => ({
    cause,
    path,
    count: 1,
    detail: "the record was written by others",
  }));
  const more = wrongCount - found.length;
  if (more > 0)
    found.push({ cause, path: null, count: more, detail: "further records were written by others" });
  found.push(...removed(missing - wrongCount, without));
  if (missing < 0) {
    const detail = "records of what had gone were put back";
    found.push({ cause: "added", path: null, count: -missing, detail });
  }
  return found;
}

/** `gone`: records that are known to be missing, by their number. */
function removed(gone: number, { paths, count }: WithoutRecord): readonly Tampering[] {
  if (gone <= 0) return [];
  const cause = "removed";
  // A folder that was moved in from elsewhere looks the same: with more of them than records are missing, which it
  // was is not known.
  if (count > gone) {
    const detail = `records were removed; they are among the ${count} paths that were told as created at the start`;
    return [{ cause, path: null, count: gone, detail }];
  }
  const detail = "its record was removed: it has not changed since before the sensor looked last";
  const found: Tampering[] = paths.map((path) => ({ cause, path, count: 1, detail }));
  const more = gone - paths.length;
  if (more > 0) found.push({ cause, path: null, count: more, detail: "records were removed" });
  return found;
}

/**
 * The other sides of moves of which a look has found one: into a folder made a moment before, or out of one that went.
 * That side is not due yet; told apart, a move would be something new and something gone.
 */
import type { BytePath } from "../../shared/watch/paths.ts";
import type { Dirty, DirtySet } from "./dirty-set.ts";
import { type GatherParts, gatherDeep, gatherOne } from "./gather-fs.ts";
import type { Difference } from "./renames.ts";
import { joinBatch } from "./whole-looks-fs.ts";

export interface OneSide {
  readonly differences: readonly Difference[];
  /** What was heard of paths that are looked at. */
  readonly byPath: ReadonlyMap<BytePath, Dirty>;
}

/** Both sides; what is looked at for it is dirty no more. */
export async function bothSides(
  { differences, byPath }: OneSide,
  pending: Pick<DirtySet, "get" | "take">,
  parts: GatherParts,
): Promise<OneSide> {
  const heard = new Map(byPath);
  const found: Difference[] = [];
  for (const { path } of differences) {
    const partner = (byPath.get(path) ?? pending.get(path))?.partner ?? null;
    const dirty = partner === null || heard.has(partner) ? undefined : pending.take(partner);
    if (partner === null || dirty === undefined) continue;
    heard.set(partner, dirty);
    const one = gatherOne(partner, parts);
    if (one === "deep") {
      await gatherDeep(parts, {
        path: partner,
        full: false,
        batch: joinBatch,
        found: async (gathered) => void found.push(...gathered.differences),
      });
    } else if (typeof one === "object") found.push(one);
  }
  return found.length === 0 && heard.size === byPath.size
    ? { differences, byPath }
    : { differences: [...differences, ...found], byPath: heard };
}

/**
 * Which paths are looked at for the first time, so that what is there already is taken as it is: all at the first build;
 * after a change of the configuration those that it has added. Pure.
 */
import { isObject, type Json, type JsonObject } from "../../shared/json.ts";
import { type BytePath, isWithin } from "../../shared/watch/paths.ts";
import { settingsThatFit } from "../../shared/watch/settings.ts";
import { Selection } from "./selection.ts";

/** What the baseline remembers of the last complete look. */
export const selectionName = "selection";

/** The part of a configuration that decides what is selected. */
export function selectionPart({ paths = null, profiles = null }: JsonObject): JsonObject {
  return { paths, profiles };
}

/** What the baseline remembers of selections that were begun since, the present one among them. */
export const begunName = "selections-begun";

/** Selections that the baseline may hold something of. */
export interface Remembered {
  /** Of the last complete look, `null` when there was none. */
  readonly complete: Json;
  /** What was looked at since, and given up before the look was complete. */
  readonly begun: readonly Json[];
}

/** Selections begun and remembered at most; with more of them the oldest counts for none. */
const mostBegun = 32;

export function rememberedOf(complete: Json, begun: Json): Remembered {
  return { complete, begun: Array.isArray(begun) ? begun : [] };
}

/** What is to be remembered once `part` is begun. */
export function begunWith({ begun }: Remembered, part: JsonObject): readonly Json[] {
  const text = JSON.stringify(part);
  const others = begun.filter((other) => JSON.stringify(other) !== text);
  return [...others, part].slice(-mostBegun);
}

/** A path keeps its record only while each selection in turn has it; any other is looked at for the first time. */
export function firstLook({ complete, begun }: Remembered): (path: BytePath) => boolean {
  const earlier = [complete, ...begun].map(selectionOf);
  return (path) => earlier.some((selection) => selection === null || selection.entryOf(path) === null);
}

/** Where records may be left that no look at what is selected now comes across. */
export function leftRoots({ complete, begun }: Remembered, now: Selection): readonly BytePath[] {
  const roots = [complete, ...begun].flatMap((part) => selectionOf(part)?.roots ?? []);
  return [...new Set(roots)].filter((root) => !now.roots.some((other) => isWithin(root, other)));
}

/**
 * `null` for none, and for one of a version that knew other settings: better a change that is not told than a hundred
 * thousand that are none.
 */
function selectionOf(part: Json): Selection | null {
  if (!isObject(part)) return null;
  try {
    const settings = settingsThatFit(part as JsonObject);
    return settings === null ? null : new Selection(settings.paths);
  } catch {
    return null;
  }
}

/**
 * Which paths are looked at for the first time, so that what is there already is taken as it is: all at the first build;
 * after a change of the configuration those that it has added. Pure.
 */
import { isObject, type Json, type JsonObject } from "../../shared/json.ts";
import type { BytePath } from "../../shared/watch/paths.ts";
import { readSettings } from "../../shared/watch/settings.ts";
import { Selection } from "./selection.ts";

/** What the baseline remembers of the last complete look. */
export const selectionName = "selection";

/** The part of a configuration that decides what is selected. */
export function selectionPart({ paths = null, profiles = null }: JsonObject): JsonObject {
  return { paths, profiles };
}

/** `remembered`: the selection of the last complete look, `null` when there was none. */
export function firstLook(remembered: Json): (path: BytePath) => boolean {
  if (!isObject(remembered)) return () => true;
  try {
    const before = new Selection(readSettings(remembered).paths);
    return (path) => before.entryOf(path) === null;
  } catch {
    // Of a version that knew other settings: better a change that is not told than a hundred thousand that are none.
    return () => true;
  }
}

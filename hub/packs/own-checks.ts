/** What the packs that belong to the program demand of their configuration beyond what a schema can say. Pure. */
import { isPetrelError } from "../../shared/errors.ts";
import type { JsonObject } from "../../shared/json.ts";
import type { Problem } from "../../shared/problem.ts";
import { readSettings } from "../../shared/watch/read-settings.ts";

const readers: ReadonlyMap<string, (config: JsonObject) => unknown> = new Map([["watch", readSettings]]);

/** `config` is effective: with the schema's defaults. The first problem is the only one. */
export function ownProblems(ref: string, config: JsonObject, where: string): readonly Problem[] {
  try {
    readers.get(ref)?.(config);
    return [];
  } catch (error) {
    if (!isPetrelError(error)) throw error;
    const { code, message, hint = "see docs/guides/watching.md" } = error;
    return [{ code, severity: "error", message, where, hint }];
  }
}

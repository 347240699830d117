/** Finds the code file of an action in its pack's folder, and lets no path lead out of it. */
import { realpathSync } from "node:fs";
import { join, sep } from "node:path";
import { PetrelError } from "../../../shared/errors.ts";

/** The absolute path of `actions/<entryPoint>`. Throws PACK_ENTRY_POINT when it is missing or outside the pack. */
export function entryPointPath(packFolder: string, entryPoint: string): string {
  const path = join(packFolder, "actions", entryPoint);
  try {
    const real = realpathSync(path);
    if (entryPoint !== "" && real.startsWith(realpathSync(packFolder) + sep)) return real;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  throw new PetrelError("PACK_ENTRY_POINT", `the pack has no code file 'actions/${entryPoint}'`, {
    where: path,
    hint: "correct `entry_point` in the action's file and register the pack again",
  });
}

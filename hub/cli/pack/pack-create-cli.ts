/** `petrel pack create NAME`: a new pack that runs as it is. */
import { relative } from "node:path";
import { errorReport, exitCodeOf, formatError } from "../../../shared/errors.ts";
import { createSkeleton } from "../../../shared/packs/skeleton-fs.ts";
import type { CommandOutput } from "./pack-check-cli.ts";

/** Makes `dir/name`; exit code 0, or that of the error. With `json` stdout is `{pack, language, folder}`. */
export async function packCreate(
  options: {
    readonly name: string;
    readonly language: string;
    readonly dir: string;
    readonly json?: boolean;
  },
  output: CommandOutput,
): Promise<number> {
  const { name, language, dir, json = false } = options;
  try {
    const folder = await createSkeleton({ name, language, parent: dir });
    if (json) {
      output.stdout(JSON.stringify({ pack: name, language, folder }));
      return 0;
    }
    const shown = relative(process.cwd(), folder);
    const path = shown.startsWith("..") ? folder : shown;
    output.stdout(`made ${path}`);
    output.stdout("next:");
    output.stdout(`  petrel pack check ${path}`);
    output.stdout(`  petrel pack register ${path}`);
    return 0;
  } catch (error) {
    output.stderr(json ? JSON.stringify({ error: errorReport(error) }) : formatError(error));
    return exitCodeOf(error);
  }
}

/** `petrel pack check DIR`: everything that is wrong with a pack, at once, without a hub. */
import { errorReport, exitCodeOf, formatError } from "../../../shared/errors.ts";
import type { ActionDefinition } from "../../../shared/model/action.ts";
import type { Pack } from "../../../shared/model/pack.ts";
import { packContents } from "../../../shared/packs/contents.ts";
import { type ParsedPack, parsePack } from "../../../shared/packs/parse-pack.ts";
import { readPackFolder } from "../../../shared/packs/read-pack-fs.ts";
import { plainLines } from "../../../shared/plain-text.ts";
import { formatProblem, type Severity } from "../../../shared/problem.ts";
import { readBuiltInPacks } from "../../packs/built-in-fs.ts";

/** Where a command writes: whole lines, without their line end. */
export interface CommandOutput {
  readonly stdout: (line: string) => void;
  readonly stderr: (line: string) => void;
}

/** "2 errors", "1 error". */
function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

function summary(pack: Pack): string {
  const parts = [
    counted(pack.sensors.length, "sensor"),
    counted(pack.trigger_types.length, "trigger type"),
    counted(pack.actions.length, "action"),
    counted(pack.rules.length, "rule"),
  ];
  return `${pack.manifest.ref} ${pack.manifest.version}: ${parts.join(", ")}`;
}

/** What every hub has. */
async function builtInActions(): Promise<ReadonlyMap<string, ActionDefinition>> {
  const packs = (await readBuiltInPacks()).map(({ files }) => parsePack(files).pack);
  return new Map(packs.flatMap((pack) => pack?.actions ?? []).map((action) => [action.ref, action]));
}

/**
 * Exit code 0 when the pack may be registered (warnings are told), 2 when it has errors or cannot be read.
 * With `json` one object on stdout: `{ok, pack, version, digest, problems: [{code, severity, message, where, fix}]}`.
 */
export async function packCheck(
  options: { readonly dir: string; readonly json?: boolean },
  output: CommandOutput,
): Promise<number> {
  let parsed: ParsedPack;
  let digest: string | null = null;
  try {
    const files = await readPackFolder(options.dir);
    parsed = parsePack(files, { folder: options.dir, actions: await builtInActions() });
    // Packing finds what only shows in the whole: sizes and paths.
    if (parsed.pack !== null) digest = packContents(files).digest;
  } catch (error) {
    output.stderr(options.json === true ? JSON.stringify({ error: errorReport(error) }) : formatError(error));
    return exitCodeOf(error);
  }
  const { pack, problems } = parsed;
  if (options.json === true) {
    output.stdout(
      JSON.stringify({
        ok: pack !== null,
        pack: pack?.manifest.ref ?? null,
        version: pack?.manifest.version ?? null,
        digest,
        problems: problems.map(({ hint, ...problem }) => ({ ...problem, fix: hint })),
      }),
    );
    return pack === null ? 2 : 0;
  }
  for (const problem of problems) output.stdout(plainLines(formatProblem(problem)));
  const count = (wanted: Severity) => problems.filter(({ severity }) => severity === wanted).length;
  const verdict = `${counted(count("error"), "error")}, ${counted(count("warning"), "warning")}`;
  output.stdout(`${pack === null ? options.dir : summary(pack)}: ${verdict}`);
  return pack === null ? 2 : 0;
}

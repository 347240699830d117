/** `petrel pack check DIR`: everything that is wrong with a pack, at once, without a hub. */
import { join } from "node:path";
import { errorReport, exitCodeOf, formatError } from "../../../shared/errors.ts";
import type { Pack } from "../../../shared/model/pack.ts";
import { packContents } from "../../../shared/packs/contents.ts";
import type { PackFile } from "../../../shared/packs/pack-file.ts";
import { type ParsedPack, parsePack } from "../../../shared/packs/parse-pack.ts";
import { readPackFolder } from "../../../shared/packs/read-pack-fs.ts";
import { plainLines } from "../../../shared/plain-text.ts";
import { formatProblem, type Severity } from "../../../shared/problem.ts";
import { readBuiltInPacks } from "../../packs/built-in-fs.ts";
import { openDependencies } from "../../packs/catalogue.ts";

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
async function builtInPacks(): Promise<readonly Pack[]> {
  const packs = (await readBuiltInPacks()).map(({ files }) => parsePack(files).pack);
  return packs.filter((pack) => pack !== null);
}

/** Reads the folder, and judges it beside what every hub has; whether a hub has what else it needs is not known here. */
async function checked(dir: string): Promise<ParsedPack & { readonly files: readonly PackFile[] }> {
  const files = await readPackFolder(dir);
  const builtIn = await builtInPacks();
  const actions = new Map(builtIn.flatMap((pack) => pack.actions).map((action) => [action.ref, action]));
  const versions = new Map(builtIn.map(({ manifest }) => [manifest.ref, manifest.version]));
  const { pack, problems } = parsePack(files, { folder: dir, actions });
  const needed = (pack === null ? [] : openDependencies(pack.manifest, versions)).map((problem) => ({
    ...problem,
    message: `${problem.message} on a hub by itself`,
    where: join(dir, problem.where),
  }));
  return { files, pack, problems: [...problems, ...needed] };
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
    const { files, ...rest } = await checked(options.dir);
    parsed = rest;
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

/** The steps that agent and hub are installed by, in common: the program among the versions, then everything around it. */
import { lstat, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { PetrelError } from "../errors.ts";
import { makeFolder, syncFolder } from "../folder-fs.ts";
import { checkFit } from "./candidate.ts";
import { checkFile, describe } from "./candidate-process.ts";
import type { UpgradeOutcome } from "./pending.ts";
import { type InstallTexts, piecesOf } from "./plan.ts";
import { applyPieces, type Change, changesFor } from "./plan-fs.ts";
import { compareVersions } from "./release.ts";
import { currentVersion, stage } from "./releases-fs.ts";
import { carryOut, prepare, type UpgradeHost } from "./upgrade-process.ts";

export interface InstallOptions {
  /** Absolute path of the program to install. */
  readonly binary: string;
  readonly texts: InstallTexts;
  /** Nothing is written. */
  readonly dryRun: boolean;
}

export interface Installed {
  /** That is in force now; of a dry run: that would be. */
  readonly version: string;
  /** That was in force; `null`: none. */
  readonly before: string | null;
  /** What was made or changed, and files that were kept as they are. */
  readonly changes: readonly Change[];
  /** Of a newer program over an installed one. */
  readonly upgrade: UpgradeOutcome | null;
}

/** On this host itself only root may. `root`: what `--root` says. INSTALL_ROOT. */
export function requireRoot(root: string | undefined, program: string): void {
  if (root !== undefined || process.getuid?.() === 0) return;
  throw new PetrelError("INSTALL_ROOT", "to install on this host takes root", {
    hint: `sudo ${program} install …, or --root DIR for a folder of your own`,
  });
}

/**
 * Installs, or upgrades what is installed; a second time it changes nothing. Starts nothing that was not running. Rejects
 * as `prepare` does, with INSTALL_PATH, and with UPGRADE_ROLLED_BACK.
 */
export async function install(host: UpgradeHost, options: InstallOptions): Promise<Installed> {
  const { layout, product } = host;
  const { binary, texts, dryRun } = options;
  const sha256 = await checkFile(binary, null);
  const found = await describe(binary);
  const before = await currentVersion(layout);
  const installed = before === null ? null : { version: before, store_format: 0 };
  const rights = { allowDowngrade: false, allowFormatChange: true };
  checkFit(found, { program: product.program, installed, ...rights }, binary);
  const isNewer = before !== null && compareVersions(found.version, before) > 0;
  const pieces = piecesOf(layout, product, isNewer ? before : found.version, texts);
  if (dryRun)
    return { version: found.version, before, changes: telling(await changesFor(pieces)), upgrade: null };
  if (!isNewer) {
    await makeFolder(layout.versions, 0o755);
    await stage(layout, product, { file: binary, version: found.version, sha256 });
  }
  const changes = telling(await applyPieces(pieces));
  if (changes.some(({ path, step }) => step !== "keep" && dirname(path) === dirname(layout.unit)))
    await reloaded(host, before !== null && !isNewer);
  if (!isNewer) return { version: found.version, before, changes, upgrade: null };
  const file = { file: binary, sha256, allowDowngrade: false, allowFormatChange: false };
  const upgrade = (await prepare(host, file)) === null ? null : await carryOut(host);
  if (upgrade?.result === "rolled-back") throw rolledBack(upgrade);
  return { version: found.version, before, changes, upgrade };
}

async function reloaded({ service, product, told }: UpgradeHost, isSame: boolean): Promise<void> {
  await service?.reload();
  if (isSame && service !== null && (await service.isActive(product.unit)))
    told(`its unit has changed, which counts from the next start on: systemctl restart ${product.unit}`);
}

export interface Uninstalled {
  readonly removed: readonly string[];
  /** State and configuration, which only `purge` takes. */
  readonly kept: readonly string[];
}

/** Stops it and takes away what `install` has put there; also what is left of half an installation. */
export async function uninstall(
  { layout, product, service }: Pick<UpgradeHost, "layout" | "product" | "service">,
  { units, purge }: { readonly units: readonly string[]; readonly purge: boolean },
): Promise<Uninstalled> {
  const unitFiles = units.map((name) => join(dirname(layout.unit), name));
  const ours = [...unitFiles, layout.command, layout.base];
  const theirs = [layout.config, layout.state];
  const there = await existing([...ours, ...theirs]);
  if (unitFiles.some((path) => there.has(path)))
    for (const unit of [product.unit, ...units.filter((name) => name !== product.unit)])
      await service?.disable(unit);
  const removed = [...ours, ...(purge ? theirs : [])].filter((path) => there.has(path));
  for (const path of removed) await rm(path, { recursive: true, force: true });
  for (const folder of new Set(removed.map(dirname))) await syncFolder(folder);
  if (removed.some((path) => unitFiles.includes(path))) await service?.reload();
  return { removed, kept: theirs.filter((path) => there.has(path) && !removed.includes(path)) };
}

/** UPGRADE_ROLLED_BACK. */
export function rolledBack({ from, to, why }: UpgradeOutcome): PetrelError {
  return new PetrelError("UPGRADE_ROLLED_BACK", `version ${to} was not well: ${why}`, {
    hint: `version ${from} is in force again; look into the log of the unit for what ${to} said`,
  });
}

/** What one is told: not what is as it should be. */
const telling = (changes: readonly Change[]) =>
  changes.filter(({ step, missing }) => step === "make" || step === "change" || missing.length > 0);

async function existing(paths: readonly string[]): Promise<ReadonlySet<string>> {
  const found = await Promise.all(paths.map((path) => lstat(path).catch(() => null)));
  return new Set(paths.filter((_, at) => found[at] !== null));
}

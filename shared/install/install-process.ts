/** The steps that agent and hub are installed by, in common: the program among the versions, then everything around it. */
import { lstat, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { PetrelError } from "../errors.ts";
import { makeFolderAs, syncFolder } from "../folder-fs.ts";
import { checkFit } from "./candidate.ts";
import { checkCopy, describe } from "./candidate-process.ts";
import { programOf } from "./layout.ts";
import type { UpgradeOutcome } from "./pending.ts";
import { type InstallTexts, type Piece, piecesOf } from "./plan.ts";
import { applyPieces, type Change, changesFor } from "./plan-fs.ts";
import { prepare } from "./prepare-process.ts";
import { compareVersions } from "./release.ts";
import { currentVersion, keep, refuseUnsafe, withCopy } from "./releases-fs.ts";
import { inTurn } from "./turn-process.ts";
import type { UpgradeHost } from "./upgrade-host.ts";
import { carryOut } from "./upgrade-process.ts";
import { commandFor, stepsBack } from "./way-back.ts";

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
 * as `prepare` does, with INSTALL_PACKAGE, INSTALL_PATH, and with UPGRADE_ROLLED_BACK.
 */
export async function install(host: UpgradeHost, options: InstallOptions): Promise<Installed> {
  const { layout, product } = host;
  const { binary, dryRun } = options;
  await refusePackaged(host, [
    `upgrade it with a newer package, or with \`${commandFor(host, "upgrade", "FILE")}\`;`,
    `to install it as a file remove the package first: \`apt-get remove ${product.package}\` or \`rpm -e ${product.package}\`, which leave ${layout.state} and ${layout.config}`,
  ]);
  if (dryRun) return wouldInstall(host, options);
  await makeFolderAs(layout.base, 0o755);
  await refuseUnsafe(layout);
  const { sha256, isNewer, ...done } = await inTurn(layout.lock, () => installInTurn(host, options));
  const { before, changes } = done;
  if (changes.some(({ path, step }) => step !== "keep" && dirname(path) === dirname(layout.unit)))
    await reloaded(host, before !== null && !isNewer);
  const upgrade = isNewer ? await upgraded(host, { binary, sha256 }) : null;
  // Of a package that was here before: one that comes later goes by what it finds now.
  await rm(layout.removed, { force: true });
  return { ...done, upgrade };
}

/** `null`: somebody else was faster. */
async function upgraded(
  host: UpgradeHost,
  { binary, sha256 }: { readonly binary: string; readonly sha256: string },
): Promise<UpgradeOutcome | null> {
  const file = { file: binary, sha256, allowDowngrade: false, allowFormatChange: false };
  const upgrade = (await prepare(host, file)) === null ? null : await carryOut(host);
  const failure = upgrade === null ? null : failureOf(upgrade, host);
  if (failure !== null) throw failure;
  return upgrade;
}

/**
 * UPGRADE_UNFIT, UPGRADE_OLDER, UPGRADE_FORMAT. What is installed is only asked when a newer one is to follow it: it may be
 * what does not run, and is put there anew.
 */
async function fitting(host: UpgradeHost, program: string, where: string) {
  const { layout, product } = host;
  const found = await describe(program, where);
  const before = await currentVersion(layout);
  const { version, store_format } = found;
  const isNewer = before !== null && compareVersions(version, before) > 0;
  const asked = isNewer ? await describe(programOf(layout, product, before)) : { store_format };
  const installed = before === null ? null : { version: before, store_format: asked.store_format };
  const rights = { allowDowngrade: false, allowFormatChange: false, steps: stepsBack(host, where) };
  const upgrade = (...options: readonly string[]) => commandFor(host, "upgrade", "FILE", ...options);
  checkFit(found, { program: product.program, upgrade, installed, ...rights }, where);
  return { version, before, isNewer };
}

/** Nothing is verified of a program here, and nothing promised of it: it runs as what the caller named. */
async function wouldInstall(host: UpgradeHost, { binary, texts }: InstallOptions): Promise<Installed> {
  const { version, before, isNewer } = await fitting(host, binary, binary);
  const pieces = await piecesFor(host, texts, { version, before, isNewer });
  return { version, before, changes: telling(await changesFor(pieces)), upgrade: null };
}

/** An upgrade brings the units that are there already, and takes them back with it; it may yet be refused. */
async function piecesFor(
  { layout, product }: UpgradeHost,
  texts: InstallTexts,
  { version, before, isNewer }: Awaited<ReturnType<typeof fitting>>,
): Promise<readonly Piece[]> {
  if (!isNewer || before === null) return piecesOf(layout, product, version, texts);
  const folder = dirname(layout.unit);
  const there = await existing(Object.keys(texts.units).map((name) => join(folder, name)));
  const missing = Object.entries(texts.units).filter(([name]) => !there.has(join(folder, name)));
  return piecesOf(layout, product, before, { ...texts, units: Object.fromEntries(missing) });
}

function installInTurn(host: UpgradeHost, { binary, texts }: InstallOptions) {
  const { layout, product } = host;
  return withCopy(layout, product, binary, async (copy) => {
    await checkCopy(copy, null, binary);
    const { version, before, isNewer } = await fitting(host, copy.path, binary);
    if (!isNewer) await keep(layout, product, copy, version);
    const pieces = await piecesFor(host, texts, { version, before, isNewer });
    return { version, before, isNewer, sha256: copy.sha256, changes: telling(await applyPieces(pieces)) };
  });
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

/**
 * Stops it and takes away what `install` has put there; also what is left of half an installation. INSTALL_PACKAGE when a
 * package has put it there; UPGRADE_RUNNING.
 */
export async function uninstall(
  host: Pick<UpgradeHost, "layout" | "product" | "service">,
  options: UninstallOptions,
): Promise<Uninstalled> {
  const { layout, product } = host;
  await refusePackaged(host, [
    `remove it with \`apt-get remove ${product.package}\` or \`rpm -e ${product.package}\``,
  ]);
  const isThere = (await existing([layout.base])).size > 0;
  return isThere ? inTurn(layout.lock, () => uninstallInTurn(host, options)) : uninstallInTurn(host, options);
}

/** Two of a kind on one host: the unit of `install` hides the package's, and each upgrades and removes what the other needs. */
async function refusePackaged(
  { layout, product }: Pick<UpgradeHost, "layout" | "product">,
  hint: readonly string[],
): Promise<void> {
  const { packaged } = layout;
  if ((await existing([packaged])).size === 0) return;
  throw new PetrelError("INSTALL_PACKAGE", `a package has put ${product.program} here`, {
    where: packaged,
    hint: hint.join(" "),
  });
}

export interface UninstallOptions {
  /** Names of unit files. */
  readonly units: readonly string[];
  readonly purge: boolean;
}

async function uninstallInTurn(
  { layout, product, service }: Pick<UpgradeHost, "layout" | "product" | "service">,
  { units, purge }: UninstallOptions,
): Promise<Uninstalled> {
  const unitFiles = units.map((name) => join(dirname(layout.unit), name));
  const ours = [...unitFiles, layout.command, layout.base, layout.removed];
  const theirs = [layout.config, layout.state];
  const there = await existing([...ours, ...theirs]);
  // Also where its unit file has gone before: it may run on without one.
  for (const unit of [product.unit, ...units.filter((name) => name !== product.unit)])
    await service?.disable(unit);
  const removed = [...ours, ...(purge ? theirs : [])].filter((path) => there.has(path));
  for (const path of removed) await rm(path, { recursive: true, force: true });
  for (const folder of new Set(removed.map(dirname))) await syncFolder(folder);
  if (removed.some((path) => unitFiles.includes(path))) await service?.reload();
  return { removed, kept: theirs.filter((path) => there.has(path) && !removed.includes(path)) };
}

/** `null` when it went well; otherwise UPGRADE_ROLLED_BACK, or UPGRADE_UNWELL where nothing could go back. */
export function failureOf(
  { from, to, result, why }: UpgradeOutcome,
  host: Pick<UpgradeHost, "layout" | "product">,
): PetrelError | null {
  if (result === "upgraded") return null;
  if (result === "rolled-back")
    return new PetrelError("UPGRADE_ROLLED_BACK", `version ${to} was not well: ${why}`, {
      hint: `version ${from} is in force again; look into the log of the unit for what ${to} said`,
    });
  return new PetrelError("UPGRADE_UNWELL", `version ${to} is not well: ${why}`, {
    hint: `it stays, since ${from} cannot read its database; look into the log of the unit: while it brings a large database to its new format it does not answer yet, and is to be waited for; otherwise upgrade to a version that mends it, or go back to ${from} with the backup of before: ${stepsBack(host, programOf(host.layout, host.product, from))}`,
  });
}

/** What one is told: not what is as it should be. */
const telling = (changes: readonly Change[]) =>
  changes.filter(({ step, missing }) => step === "make" || step === "change" || missing.length > 0);

async function existing(paths: readonly string[]): Promise<ReadonlySet<string>> {
  const found = await Promise.all(paths.map((path) => lstat(path).catch(() => null)));
  return new Set(paths.filter((_, at) => found[at] !== null));
}

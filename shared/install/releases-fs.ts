/** Versions on disk: staged whole, switched by one rename, and dropped. All of it holds whenever the power goes. */
import { createHash } from "node:crypto";
import { constants, createReadStream, createWriteStream } from "node:fs";
import { chmod, mkdir, open, readdir, readlink, rename, rm, stat, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { PetrelError } from "../errors.ts";
import { makeFolderAs, namesIn, syncFolder } from "../folder-fs.ts";
import { textIfThere, writeWhole } from "../whole-file-fs.ts";
import { type Layout, type Product, programOf } from "./layout.ts";
import {
  outcomeText,
  type Pending,
  parseOutcome,
  parsePending,
  pendingText,
  type UpgradeOutcome,
} from "./pending.ts";
import { isVersion, versionsToDrop } from "./release.ts";
import type { OnDisk } from "./trial.ts";

/** Staged and not finished; no version begins like that. */
const unfinished = ".new-";

/** SHA-256 in hexadecimal. FILE_UNREADABLE. */
export async function digestOf(file: string): Promise<string> {
  const hash = createHash("sha256");
  try {
    for await (const chunk of createReadStream(file)) hash.update(chunk as Uint8Array);
  } catch (cause) {
    throw unreadable(file, cause as Error);
  }
  return hash.digest("hex");
}

const unreadable = (file: string, cause: Error) =>
  new PetrelError("FILE_UNREADABLE", `the file cannot be read: ${cause.message}`, { where: file, cause });

/** The version that `current` leads to; `null` when it leads to none. */
export async function currentVersion(layout: Layout): Promise<string | null> {
  const leads = await readlink(layout.current).catch(() => null);
  const version = leads?.startsWith("versions/") ? leads.slice("versions/".length) : null;
  return version !== null && isVersion(version) ? version : null;
}

/** Versions whose program is there. */
export async function presentVersions(layout: Layout, product: Product): Promise<readonly string[]> {
  const names = (await namesIn(layout.versions)).filter(isVersion);
  const there = await Promise.all(names.map((name) => isFile(programOf(layout, product, name))));
  return names.filter((_, at) => there[at]);
}

export async function onDisk(layout: Layout, product: Product): Promise<OnDisk> {
  return {
    pending: parsePending(await textIfThere(layout.pending)),
    current: await currentVersion(layout),
    present: await presentVersions(layout, product),
  };
}

/** A copy of a program that nobody but its installer can change: what is verified of it stays true. */
export interface Copy {
  readonly path: string;
  /** In hexadecimal. */
  readonly sha256: string;
}

/**
 * Copies a file to where it will be a version, under no name of one yet, and resolves to what `work` does with the copy:
 * it is on disk then, and whoever owns the file it was made of has no say in it any more. What `work` has not made a
 * version (`keep`) is removed. INSTALL_UNSAFE, FILE_UNREADABLE and the system's error.
 */
export async function withCopy<T>(
  layout: Layout,
  product: Product,
  file: string,
  work: (copy: Copy) => Promise<T>,
): Promise<T> {
  await makeFolderAs(layout.versions, 0o755);
  await refuseUnsafe(layout);
  const fresh = join(layout.versions, `${unfinished}copy`);
  await rm(fresh, { recursive: true, force: true });
  try {
    await mkdir(fresh, { mode: 0o700 });
    return await work(await copyOf(file, join(fresh, product.program)));
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

/** Copies a file to where nothing is, in a folder of the caller's alone. FILE_UNREADABLE and the system's error. */
export async function copyOf(file: string, path: string): Promise<Copy> {
  await copyFile(file, path);
  return { path, sha256: await digestOf(path) };
}

async function copyFile(file: string, path: string): Promise<void> {
  // A pipe would have this wait for whoever writes into it.
  const source = await open(file, constants.O_RDONLY | constants.O_NONBLOCK).catch((cause: Error) => {
    throw unreadable(file, cause);
  });
  try {
    if (!(await source.stat()).isFile()) throw unreadable(file, new Error("it is no plain file"));
    await pipeline(
      source.createReadStream({ autoClose: false }),
      createWriteStream(path, { mode: 0o700, flags: "wx" }),
    );
  } finally {
    await source.close();
  }
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Makes a copy one of the versions; one that is there with the same content is kept. Resolves once it is on disk.
 * UPGRADE_VERSION_TAKEN when the version is there with another content, and the system's error.
 */
export async function keep(
  layout: Layout,
  product: Product,
  copy: Copy,
  version: string,
): Promise<"staged" | "there"> {
  const target = programOf(layout, product, version);
  if (await isFile(target)) {
    if ((await digestOf(target)) === copy.sha256) return "there";
    throw new PetrelError("UPGRADE_VERSION_TAKEN", `version ${version} is installed with another content`, {
      where: target,
      hint: "give a new build a new version, or remove that folder if it does not run",
    });
  }
  // Whatever the umask was: everybody may run it, root alone may write it.
  await chmod(copy.path, 0o755);
  await chmod(dirname(copy.path), 0o755);
  await syncFolder(dirname(copy.path));
  // What an attempt before has left without its program.
  await rm(dirname(target), { recursive: true, force: true });
  await rename(dirname(copy.path), dirname(target));
  await syncFolder(layout.versions);
  return "staged";
}

/**
 * INSTALL_UNSAFE when somebody else could put a program of theirs where ours are run as root: a folder of the
 * installation, or a version in it, belongs to another user, or may be written by a group or by all.
 */
export async function refuseUnsafe(layout: Layout): Promise<void> {
  const versions = (await namesIn(layout.versions))
    .filter(isVersion)
    .map((name) => join(layout.versions, name));
  const own = new Set([0, process.geteuid?.() ?? 0]);
  for (const path of [dirname(layout.base), layout.base, layout.versions, ...versions]) {
    const found = await stat(path).catch(() => null);
    if (found === null || (own.has(found.uid) && (found.mode & 0o022) === 0)) continue;
    throw new PetrelError(
      "INSTALL_UNSAFE",
      "others than root may write here, and what lies here runs as root",
      {
        where: path,
        hint: `see what is in it, then: chown root ${path}; chmod go-w ${path}`,
      },
    );
  }
}

/** Leads `current` to this version in one step; resolves once on disk. */
export async function switchTo(layout: Layout, version: string): Promise<void> {
  const fresh = join(layout.base, "current.new");
  await rm(fresh, { force: true });
  await symlink(`versions/${version}`, fresh);
  await rename(fresh, layout.current);
  await syncFolder(layout.base);
}

/** The hub reads both records, and is not root; nothing in them is secret. */
const writeRecord = (path: string, text: string) => writeWhole(path, text, 0o644, { isForAll: true });

/** Also resets what the guard has counted: a record that stood before may have been another's. */
export async function writePending(layout: Layout, pending: Pending): Promise<void> {
  await rm(layout.starts, { force: true });
  await writeRecord(layout.pending, pendingText(pending));
}

/** That it is on its way back; the guard's count stays. */
export async function markBack(layout: Layout, pending: Pending, why: string): Promise<void> {
  await writeRecord(layout.pending, pendingText({ ...pending, back: why }));
}

/** How it ended is on disk before the record of the trial goes. */
export async function endPending(layout: Layout, outcome: UpgradeOutcome): Promise<void> {
  await writeRecord(layout.outcome, outcomeText(outcome));
  await forgetPending(layout);
}

async function forgetPending(layout: Layout): Promise<void> {
  const spare = spareOf(layout);
  for (const path of [layout.pending, layout.starts, spare.outcome, spare.current])
    await rm(path, { force: true });
  await syncFolder(layout.base);
}

const spareOf = ({ base, outcome }: Layout) => ({
  outcome: `${outcome}.spare`,
  current: join(base, "current.back"),
});

/**
 * Before a switch, and what a way back from it takes where the disk takes nothing more by then: a link to the version of
 * before, and how it ended. To rename wants no room.
 */
export async function reserveWayBack(layout: Layout, outcome: UpgradeOutcome): Promise<void> {
  const spare = spareOf(layout);
  await rm(spare.current, { force: true });
  await symlink(`versions/${outcome.from}`, spare.current);
  await writeRecord(spare.outcome, outcomeText(outcome));
}

/** As `switchTo`; where no new link can be made, by the one that was reserved. */
export async function switchBack(layout: Layout, version: string): Promise<void> {
  const spare = spareOf(layout);
  try {
    await switchTo(layout, version);
  } catch (error) {
    const reserved = await readlink(spare.current).catch(() => null);
    if (reserved !== `versions/${version}`) throw error;
    await rename(spare.current, layout.current);
    await syncFolder(layout.base);
  }
}

/** As `endPending`, where that cannot be written: by what was reserved. Does nothing when that is another upgrade's. */
export async function endPendingBySpare(
  layout: Layout,
  { from, to }: Pick<UpgradeOutcome, "from" | "to">,
): Promise<void> {
  const spare = spareOf(layout);
  const reserved = parseOutcome(await textIfThere(spare.outcome));
  if (reserved === null || reserved.from !== from || reserved.to !== to) return;
  await rename(spare.outcome, layout.outcome);
  await syncFolder(layout.base);
  await forgetPending(layout);
}

export async function lastOutcome(layout: Layout): Promise<UpgradeOutcome | null> {
  return parseOutcome(await textIfThere(layout.outcome));
}

/** Keeps two versions, and removes what was not staged to the end. Resolves to what went. */
export async function dropOldVersions(
  layout: Layout,
  product: Product,
  needed: readonly string[],
): Promise<readonly string[]> {
  const current = await currentVersion(layout);
  const dropped = versionsToDrop(await presentVersions(layout, product), { current, needed });
  const left = (await readdir(layout.versions)).filter((name) => name.startsWith(unfinished));
  for (const name of [...dropped, ...left])
    await rm(join(layout.versions, name), { recursive: true, force: true });
  return dropped;
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null))?.isFile() === true;
}

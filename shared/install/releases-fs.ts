/** Versions on disk: staged whole, switched by one rename, and dropped. All of it holds whenever the power goes. */
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { chmod, mkdir, open, readdir, readlink, rename, rm, stat, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { PetrelError } from "../errors.ts";
import { makeFolder, namesIn, syncFolder } from "../folder-fs.ts";
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
    throw new PetrelError("FILE_UNREADABLE", `the file cannot be read: ${(cause as Error).message}`, {
      where: file,
      cause,
    });
  }
  return hash.digest("hex");
}

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

/**
 * Puts a copy of the program among the versions; one that is there with the same content is kept. Resolves once it is on
 * disk. UPGRADE_VERSION_TAKEN when the version is there with another content, UPGRADE_DIGEST when what was copied is not
 * what was looked at before, and the system's error.
 */
export async function stage(
  layout: Layout,
  product: Product,
  given: { readonly file: string; readonly version: string; readonly sha256: string },
): Promise<"staged" | "there"> {
  const target = programOf(layout, product, given.version);
  if (await isFile(target)) {
    if ((await digestOf(target)) === given.sha256) return "there";
    throw new PetrelError(
      "UPGRADE_VERSION_TAKEN",
      `version ${given.version} is installed with another content`,
      {
        where: target,
        hint: "give a new build a new version, or remove that folder if it does not run",
      },
    );
  }
  await makeFolder(layout.versions, 0o755);
  const fresh = join(layout.versions, `${unfinished}${given.version}`);
  await rm(fresh, { recursive: true, force: true });
  await mkdir(fresh, { mode: 0o755 });
  const copy = join(fresh, product.program);
  await pipeline(createReadStream(given.file), createWriteStream(copy, { mode: 0o755, flags: "wx" }));
  // Whatever the umask was: everybody may run it, root alone may write it.
  await chmod(copy, 0o755);
  await chmod(fresh, 0o755);
  const handle = await open(copy, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
  if ((await digestOf(copy)) !== given.sha256) {
    await rm(fresh, { recursive: true, force: true });
    throw new PetrelError("UPGRADE_DIGEST", "the file changed while it was copied", { where: given.file });
  }
  await syncFolder(fresh);
  // What an attempt before has left without its program.
  await rm(dirname(target), { recursive: true, force: true });
  await rename(fresh, dirname(target));
  await syncFolder(layout.versions);
  return "staged";
}

/** Leads `current` to this version in one step; resolves once on disk. */
export async function switchTo(layout: Layout, version: string): Promise<void> {
  const fresh = join(layout.base, "current.new");
  await rm(fresh, { force: true });
  await symlink(`versions/${version}`, fresh);
  await rename(fresh, layout.current);
  await syncFolder(layout.base);
}

/** Also resets what the guard has counted: a record that stood before may have been another's. */
export async function writePending(layout: Layout, pending: Pending): Promise<void> {
  await rm(layout.starts, { force: true });
  await writeWhole(layout.pending, pendingText(pending), 0o644);
}

/** How it ended is on disk before the record of the trial goes. */
export async function endPending(layout: Layout, outcome: UpgradeOutcome): Promise<void> {
  await writeWhole(layout.outcome, outcomeText(outcome), 0o644);
  await rm(layout.pending, { force: true });
  await rm(layout.starts, { force: true });
  await syncFolder(layout.base);
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

/** The versions of packs on this agent's disk: fetched once, checked by digest, kept while anything needs them. */
import { open, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { digestOf, isDigest } from "../../shared/blobs/blob-ref.ts";
import { isPetrelError, PetrelError } from "../../shared/errors.ts";
import { makeFolder, syncFolder } from "../../shared/folder-fs.ts";
import type { Logger } from "../../shared/log.ts";
import type { Pack } from "../../shared/model/pack.ts";
import { unpackContents } from "../../shared/packs/contents.ts";
import { parsePack } from "../../shared/packs/parse-pack.ts";
import { isUnpackingFolder, writePackFolder } from "../../shared/packs/write-pack-fs.ts";
import { formatProblem } from "../../shared/problem.ts";
import { isPackName } from "../../shared/ref.ts";
import { codeDigest } from "./code-digest.ts";

/** One version, ready to run from `folder`. */
export interface CachedPack {
  readonly ref: string;
  readonly digest: string;
  /** Absolute path. */
  readonly folder: string;
  readonly pack: Pack;
  /** See `code-digest.ts`. */
  readonly codeDigest: string;
}

export interface PackCacheOptions {
  /** `<data>/packs`; created when missing. */
  readonly folder: string;
  /** Gets packed contents from the hub; rejects while it is away. */
  readonly fetch: (digest: string) => Promise<Uint8Array>;
  /** Milliseconds of any steady clock. */
  readonly monotonic: () => number;
  readonly log: Logger;
}

/** A version that was asked for is not removed for this long: an action may be about to start from it. */
const graceMs = 10 * 60_000;

/**
 * On disk, `<ref>/<hex>.pack` is what came from the hub and `<ref>/<hex>/` its files. The first says what the pack
 * is, checked by its name; the second is only run from, so whatever a sensor leaves in its folder changes nothing.
 */
export class PackCache {
  readonly #options: PackCacheOptions;
  readonly #loaded = new Map<string, CachedPack>();
  readonly #fetching = new Map<string, Promise<CachedPack>>();
  readonly #askedAt = new Map<string, number>();

  private constructor(options: PackCacheOptions) {
    this.#options = options;
  }

  /** Prepares the folder and removes what a crash left half written. Throws FOLDER_UNUSABLE. */
  static async open(options: PackCacheOptions): Promise<PackCache> {
    const { folder } = options;
    try {
      // Actions may run as another user and must reach the code.
      await makeFolder(folder, 0o755);
      // Ends Node's search for a package.json: whether a pack's .js is a module must not depend on where the data is.
      await writeWhole(folder, "package.json", Buffer.from("{}\n"));
      for (const ref of await foldersIn(folder)) {
        const left = (await readdir(join(folder, ref))).filter(
          (name) => isUnpackingFolder(name) || name.endsWith(unfinished),
        );
        for (const name of left) await rm(join(folder, ref, name), { recursive: true, force: true });
      }
    } catch (cause) {
      throw new PetrelError("FOLDER_UNUSABLE", "the folder for packs cannot be used", {
        where: folder,
        hint: "look at free space, owner and mode",
        cause,
      });
    }
    return new PackCache(options);
  }

  /** From the disk alone; `null` when this version is not there, or not whole. */
  async load(ref: string, digest: string): Promise<CachedPack | null> {
    checkName(ref, digest);
    this.#askedAt.set(digest, this.#options.monotonic());
    const known = this.#loaded.get(`${ref} ${digest}`);
    if (known !== undefined) return known;
    const bytes = await readFile(this.#blobPath(ref, digest)).catch(() => null);
    if (bytes === null) return null;
    if (digestOf(bytes) !== digest) {
      this.#options.log.warn("a pack on disk is damaged; it is fetched again", { pack: ref, digest });
      return null;
    }
    return this.#unpack(ref, digest, bytes);
  }

  /**
   * Fetches the version if it is not there; at most one fetch of a version at a time. Rejects with PACK_MISSING when
   * it cannot be had now, with PACK_INVALID when it is no pack of this name.
   */
  async ensurePack(ref: string, digest: string): Promise<CachedPack> {
    const there = await this.load(ref, digest);
    if (there !== null) return there;
    const name = `${ref} ${digest}`;
    const running =
      this.#fetching.get(name) ?? this.#fetch(ref, digest).finally(() => this.#fetching.delete(name));
    this.#fetching.set(name, running);
    return running;
  }

  /** Removes every version that is neither among `neededDigests`, nor run from, nor asked for lately. */
  async clean(neededDigests: ReadonlySet<string>, foldersInUse: ReadonlySet<string>): Promise<void> {
    const { folder, monotonic } = this.#options;
    for (const ref of await foldersIn(folder)) {
      for (const hex of await versionsIn(join(folder, ref))) {
        const digest = `sha256:${hex}`;
        const isRecent = monotonic() - (this.#askedAt.get(digest) ?? Number.NEGATIVE_INFINITY) < graceMs;
        if (neededDigests.has(digest) || isRecent || foldersInUse.has(join(folder, ref, hex))) continue;
        this.#loaded.delete(`${ref} ${digest}`);
        this.#askedAt.delete(digest);
        // The blob first: what is left of a folder is then no version any more.
        await rm(join(folder, ref, `${hex}${packed}`), { force: true });
        await rm(join(folder, ref, hex), { recursive: true, force: true });
        await rm(join(folder, ref, `${hex}${virtualenv}`), { recursive: true, force: true });
        this.#options.log.info("an unused version of a pack was removed", { pack: ref, digest });
      }
    }
  }

  async #fetch(ref: string, digest: string): Promise<CachedPack> {
    let bytes: Uint8Array;
    try {
      bytes = await this.#options.fetch(digest);
    } catch (cause) {
      const reason = isPetrelError(cause) ? `${cause.code}: ${cause.message}` : String(cause);
      throw new PetrelError("PACK_MISSING", `pack ${ref} cannot be fetched: ${reason}`, {
        where: digest,
        hint: "it is tried again once the hub answers; `petrel pack list` shows what the hub has",
        cause,
      });
    }
    if (digestOf(bytes) !== digest) {
      throw new PetrelError("PACK_MISSING", `what came as pack ${ref} is not what was asked for`, {
        where: digest,
      });
    }
    const parent = join(this.#options.folder, ref);
    await makeFolder(parent, 0o755);
    const cached = await this.#unpack(ref, digest, bytes);
    await writeWhole(parent, `${digest.slice(7)}${packed}`, bytes);
    this.#options.log.info("pack fetched", { pack: ref, version: cached.pack.manifest.version, digest });
    return cached;
  }

  async #unpack(ref: string, digest: string, bytes: Uint8Array): Promise<CachedPack> {
    const files = unpackContents(bytes);
    const { pack, problems } = parsePack(files, { folder: ref });
    if (pack === null || pack.manifest.ref !== ref) {
      const errors = problems.filter(({ severity }) => severity === "error").map(formatProblem);
      throw new PetrelError("PACK_INVALID", `${digest} is no usable pack ${ref}: ${errors.join("; ")}`, {
        hint: "is the hub much newer than this agent?",
      });
    }
    const folder = join(this.#options.folder, ref, digest.slice(7));
    await writePackFolder(folder, files);
    const cached: CachedPack = { ref, digest, folder, pack, codeDigest: codeDigest(files) };
    this.#loaded.set(`${ref} ${digest}`, cached);
    return cached;
  }

  #blobPath(ref: string, digest: string): string {
    return join(this.#options.folder, ref, `${digest.slice(7)}${packed}`);
  }
}

const packed = ".pack";
/** See `virtualenvs-process.ts`. */
const virtualenv = ".venv";
const unfinished = ".unfinished";

/** Both become parts of paths, and both came over the network. */
function checkName(ref: string, digest: string): void {
  if (isPackName(ref) && isDigest(digest)) return;
  throw new PetrelError("PACK_REF", `there can be no pack ${JSON.stringify(ref)} with digest ${digest}`);
}

async function foldersIn(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory() && isPackName(entry.name)).map(({ name }) => name);
}

/** The hex digests of blobs, folders and virtualenvs. */
async function versionsIn(folder: string): Promise<ReadonlySet<string>> {
  const names = (await readdir(folder)).map((name) => name.replace(/\.(?:pack|venv)$/, ""));
  return new Set(names.filter((name) => isDigest(`sha256:${name}`)));
}

/** Resolves once the file is on disk; after a crash it is there whole or not at all. */
async function writeWhole(folder: string, name: string, bytes: Uint8Array): Promise<void> {
  const temporary = join(folder, `${name}${unfinished}`);
  const handle = await open(temporary, "w", 0o644);
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, join(folder, name));
  await syncFolder(folder);
}

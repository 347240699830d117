/** Content in a folder, each file named by the digest of what is in it. */
import { createHash, randomUUID } from "node:crypto";
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { PetrelError } from "../errors.ts";
import { makeFolder, syncFolder } from "../folder-fs.ts";
import type { BlobRef } from "../model/execution.ts";
import { digestOf, isDigest, maxBlobBytes } from "./blob-ref.ts";
import type { AgedBlob } from "./expire.ts";

/** What was fetched in part and not asked for again for so long is not worth its room. */
const partialAgeMs = 7 * 24 * 3_600_000;

/**
 * `ab/cdef…` for whole blobs, `incoming/` for those being written, `partial/` for those being fetched. A blob is under
 * its own name only when it is whole and on disk (fsync of file and folder).
 */
export class BlobStore {
  readonly #folder: string;
  /** Digests that are being fetched; the next caller waits. */
  readonly #fetching = new Map<string, Promise<unknown>>();

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Creates the folder when missing; removes what a killed process left half written. FOLDER_UNUSABLE. */
  static async open({ folder }: { readonly folder: string }): Promise<BlobStore> {
    const partial = join(folder, "partial");
    try {
      await rm(join(folder, "incoming"), { recursive: true, force: true });
      await makeFolder(folder, 0o700);
      await mkdir(join(folder, "incoming"), { mode: 0o700 });
      await mkdir(partial, { recursive: true, mode: 0o700 });
      for (const name of await readdir(partial)) {
        const { mtimeMs } = await stat(join(partial, name));
        if (mtimeMs < Date.now() - partialAgeMs) await rm(join(partial, name), { force: true });
      }
    } catch (cause) {
      throw new PetrelError("FOLDER_UNUSABLE", "the folder for blobs cannot be created or written", {
        where: folder,
        hint: "give another folder, or change its owner and mode",
        cause,
      });
    }
    return new BlobStore(folder);
  }

  /** Resolves once on disk; STORE_WRITE when the disk refuses. Content beyond 16 MiB is cut, and the ref says so; its digest is that of the cut content. */
  put(content: Uint8Array | AsyncIterable<Uint8Array>): Promise<BlobRef> {
    return asStoreError(this.#put(content));
  }

  async #put(content: Uint8Array | AsyncIterable<Uint8Array>): Promise<BlobRef> {
    const path = join(this.#folder, "incoming", randomUUID());
    const file = await open(path, "wx", 0o600);
    try {
      const hash = createHash("sha256");
      let size = 0;
      let truncated = false;
      for await (const chunk of content instanceof Uint8Array ? [content] : content) {
        const piece = chunk.subarray(0, maxBlobBytes - size);
        truncated = piece.length < chunk.length;
        hash.update(piece);
        await writeAll(file, piece, size);
        size += piece.length;
        if (truncated) break;
      }
      await file.sync();
      const digest = `sha256:${hash.digest("hex")}`;
      await this.#settle(path, digest);
      return { digest, size, ...(truncated && { truncated }) };
    } finally {
      await file.close();
      await rm(path, { force: true });
    }
  }

  async has(digest: string): Promise<boolean> {
    return (await this.#stat(digest)) !== null;
  }

  /** At most `length` bytes from `offset`, fewer at the end; `size` is that of the whole. BLOB_MISSING. */
  async read(digest: string, offset: number, length: number): Promise<{ bytes: Uint8Array; size: number }> {
    const file = await this.#open(digest);
    try {
      const { size } = await file.stat();
      const bytes = new Uint8Array(Math.max(0, Math.min(length, size - offset)));
      const { bytesRead } = await file.read(bytes, 0, bytes.length, offset);
      return { bytes: bytes.subarray(0, bytesRead), size };
    } finally {
      await file.close();
    }
  }

  /** The whole content, seen to have its digest. BLOB_MISSING, BLOB_CORRUPT. */
  async readAll(digest: string): Promise<Uint8Array> {
    const { bytes } = await this.read(digest, 0, maxBlobBytes);
    if (digestOf(bytes) !== digest) throw corrupt(digest);
    return bytes;
  }

  /** Leaves one that was stored again after `storedAt` (see `list`). Does nothing when there is none. */
  async delete(digest: string, storedAt: number): Promise<void> {
    const found = await this.#stat(digest);
    if (found !== null && found.mtimeMs <= storedAt) await rm(this.#path(digest), { force: true });
  }

  /** Content that is stored again counts as stored now. */
  async list(): Promise<readonly AgedBlob[]> {
    const blobs: AgedBlob[] = [];
    for (const head of await readdir(this.#folder)) {
      if (!/^[0-9a-f]{2}$/.test(head)) continue;
      for (const rest of await readdir(join(this.#folder, head))) {
        const digest = `sha256:${head}${rest}`;
        const found = isDigest(digest) ? await this.#stat(digest) : null;
        if (found !== null) blobs.push({ digest, size: found.size, storedAt: found.mtimeMs });
      }
    }
    return blobs;
  }

  /** Runs `fetch` with the file of what was fetched before, one at a time for each digest. */
  async fetching<T>(digest: string, fetch: (partial: PartialBlob) => Promise<T>): Promise<T> {
    while (this.#fetching.has(digest)) {
      await this.#fetching.get(digest)?.catch(() => {
        // Its own caller was told; this one tries for itself.
      });
    }
    const work = this.#withPartial(digest, fetch);
    this.#fetching.set(digest, work);
    try {
      return await work;
    } finally {
      this.#fetching.delete(digest);
    }
  }

  async #withPartial<T>(digest: string, fetch: (partial: PartialBlob) => Promise<T>): Promise<T> {
    const path = join(this.#folder, "partial", hex(digest));
    const file = await open(path, "a+", 0o600);
    try {
      return await fetch({
        size: async () => (await file.stat()).size,
        append: (bytes) => asStoreError(writeAll(file, bytes, null)),
        clear: () => asStoreError(file.truncate(0)),
        finish: async () => {
          const { size } = await file.stat();
          const bytes = new Uint8Array(Math.min(size, maxBlobBytes));
          await file.read(bytes, 0, bytes.length, 0);
          if (digestOf(bytes) !== digest) throw corrupt(digest);
          await asStoreError(file.sync());
          await asStoreError(this.#settle(path, digest));
        },
      });
    } finally {
      await file.close();
    }
  }

  /** Gives a whole, synced file its name. */
  async #settle(path: string, digest: string): Promise<void> {
    const target = this.#path(digest);
    const folder = dirname(target);
    await makeFolder(folder, 0o700);
    await rename(path, target);
    await syncFolder(folder);
  }

  async #stat(digest: string): Promise<{ readonly size: number; readonly mtimeMs: number } | null> {
    try {
      return await stat(this.#path(digest));
    } catch (error) {
      if (isMissing(error)) return null;
      throw error;
    }
  }

  async #open(digest: string): Promise<FileHandle> {
    try {
      return await open(this.#path(digest), "r");
    } catch (error) {
      if (!isMissing(error)) throw error;
      throw new PetrelError("BLOB_MISSING", `there is no blob ${digest}`, { cause: error });
    }
  }

  #path(digest: string): string {
    const name = hex(digest);
    return join(this.#folder, name.slice(0, 2), name.slice(2));
  }
}

/** The file of a blob that is being fetched; it outlives the process. */
export interface PartialBlob {
  /** Bytes that are there. */
  size(): Promise<number>;
  append(bytes: Uint8Array): Promise<void>;
  clear(): Promise<void>;
  /** Stores it under its name, on disk. BLOB_CORRUPT: the content does not have the digest, and stays here. */
  finish(): Promise<void>;
}

/** What the system says of a full or closed disk, as an error that names what it is about. */
async function asStoreError<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    if (!(cause instanceof Error) || !("syscall" in cause)) throw cause;
    throw new PetrelError("STORE_WRITE", "a blob could not be written", {
      where: "path" in cause ? String(cause.path) : undefined,
      hint: "free some disk space and look at the folder's owner and mode",
      cause,
    });
  }
}

/** Keeps names from outside from becoming paths. */
function hex(digest: string): string {
  if (!isDigest(digest)) throw new PetrelError("BLOB_MISSING", `${digest.slice(0, 100)} is no digest`);
  return digest.slice("sha256:".length);
}

function corrupt(digest: string): PetrelError {
  return new PetrelError("BLOB_CORRUPT", `the content of ${digest} has another digest`);
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

async function writeAll(file: FileHandle, bytes: Uint8Array, position: number | null): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const at = position === null ? null : position + done;
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, at);
    done += bytesWritten;
  }
}

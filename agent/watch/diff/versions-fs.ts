/**
 * The last contents of text files, each under its own digest in a folder of the sensor's, for differences and for
 * whoever wants one back. Bounded: the oldest of those that were replaced go first, then the oldest. What cannot be kept
 * is only missing later.
 */
import type { Buffer } from "node:buffer";
import { hash } from "node:crypto";
import { open, readdir, readFile, rename, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { makeDataFolder } from "../../../shared/folder-fs.ts";

export interface VersionLimits {
  readonly bytes: number;
  readonly count: number;
}

const aside = ".new";
/** Seconds: the time of a file whose content was replaced is that much earlier, so that the next life knows. */
const replacedBefore = 1_000_000_000;

export class Versions {
  readonly #folder: string;
  readonly #limits: VersionLimits;
  /** Digest to size, oldest first: what is somewhere now, and what was replaced. */
  readonly #sizes = new Map<string, number>();
  readonly #replaced = new Map<string, number>();
  #bytes = 0;
  /** One write at a time: two of one name would share a file. */
  #writing: Promise<unknown> = Promise.resolve();

  private constructor(folder: string, limits: VersionLimits) {
    this.#folder = folder;
    this.#limits = limits;
  }

  /** Creates the folder, for nobody else to read. FOLDER_UNUSABLE. */
  static async open(folder: string, limits: VersionLimits): Promise<Versions> {
    await makeDataFolder(folder, 0o700);
    const versions = new Versions(folder, limits);
    const found: { digest: string; size: number; at: number }[] = [];
    for (const name of await readdir(folder)) {
      if (!/^[0-9a-f]{64}$/.test(name)) {
        // A write that was not ended.
        if (name.endsWith(aside)) await rm(join(folder, name), { force: true });
        continue;
      }
      const { size, mtimeMs } = await stat(join(folder, name));
      found.push({ digest: name, size, at: mtimeMs });
    }
    const limit = Date.now() - (replacedBefore / 2) * 1_000;
    for (const { digest, size, at } of found.sort((a, b) => a.at - b.at)) {
      versions.#note(at < limit ? versions.#replaced : versions.#sizes, digest, size);
    }
    await versions.#shrink();
    return versions;
  }

  has(digest: string): boolean {
    return this.#sizes.has(digest) || this.#replaced.has(digest);
  }

  /** Whether so many bytes more can be kept without letting go of others. */
  hasRoomFor(bytes: number): boolean {
    return this.#bytes + bytes <= this.#limits.bytes && this.#count < this.#limits.count;
  }

  /** Lets go of the oldest where there is no room. Rejects with the system's error when it cannot be written. */
  keep(digest: string, content: Buffer): Promise<void> {
    const turn = this.#writing.then(() => this.#keep(digest, content));
    this.#writing = turn.catch(() => {});
    return turn;
  }

  /** Another content is in its place now. Rejects with the system's error. */
  async replaced(digest: string): Promise<void> {
    const size = this.#sizes.get(digest);
    if (size === undefined) return;
    this.#sizes.delete(digest);
    this.#replaced.set(digest, size);
    const at = Date.now() / 1_000 - replacedBefore;
    await utimes(join(this.#folder, digest), at, at);
  }

  /** `null` when it is not kept, or is not what it was. */
  async get(digest: string): Promise<Buffer | null> {
    if (!this.has(digest)) return null;
    try {
      const content = await readFile(join(this.#folder, digest));
      if (hash("sha256", content, "hex") === digest) return content;
    } catch {
      // Gone, or unreadable: as if it had not been kept.
    }
    await this.#drop(digest);
    return null;
  }

  async #keep(digest: string, content: Buffer): Promise<void> {
    if (this.has(digest) || content.length > this.#limits.bytes) return;
    const path = join(this.#folder, digest);
    const file = await open(path + aside, "w", 0o600);
    try {
      await file.writeFile(content);
    } finally {
      await file.close();
    }
    await rename(path + aside, path);
    this.#note(this.#sizes, digest, content.length);
    await this.#shrink();
  }

  get #count(): number {
    return this.#sizes.size + this.#replaced.size;
  }

  #note(where: Map<string, number>, digest: string, size: number): void {
    where.set(digest, size);
    this.#bytes += size;
  }

  async #shrink(): Promise<void> {
    while (this.#bytes > this.#limits.bytes || this.#count > this.#limits.count) {
      const [oldest = ""] = this.#replaced.size > 0 ? this.#replaced.keys() : this.#sizes.keys();
      await this.#drop(oldest);
    }
  }

  async #drop(digest: string): Promise<void> {
    this.#bytes -= this.#sizes.get(digest) ?? this.#replaced.get(digest) ?? 0;
    this.#sizes.delete(digest);
    this.#replaced.delete(digest);
    await rm(join(this.#folder, digest), { force: true });
  }
}

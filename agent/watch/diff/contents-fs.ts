/** Keeps the contents of text files that are watched with `diff`, and says how they have changed. */
import { Buffer } from "node:buffer";
import { hash } from "node:crypto";
import { closeSync, readSync } from "node:fs";
import type { JsonObject } from "../../../shared/json.ts";
import type { BytePath } from "../../../shared/watch/paths.ts";
import type { WatchedPath } from "../../../shared/watch/settings.ts";
import type { BaselineStore } from "../baseline-store.ts";
import type { Change } from "../change.ts";
import type { Look } from "../look.ts";
import { openQuietly } from "../look-fs.ts";
import { decodeRecord } from "../record.ts";
import type { Selection } from "../selection.ts";
import { type DiffMissing, diffOf, isText, type Version } from "./text-diff.ts";
import type { Versions } from "./versions-fs.ts";

export interface ContentsOptions {
  readonly versions: Versions;
  readonly selection: Pick<Selection, "entryOf">;
  readonly warn: (message: string) => void;
}

type Found = { readonly version: Version } | { readonly missing: DiffMissing };

export class Contents {
  readonly #options: ContentsOptions;
  #isStopped = false;
  /** What cannot be written is said once, until it can be again. */
  #isFailing = false;

  constructor(options: ContentsOptions) {
    this.#options = options;
  }

  /** What of a change's payload says how the content differs: nothing, `diff` or `diff_missing`. Keeps the new content. */
  async fieldsOf(change: Change, entry: WatchedPath): Promise<JsonObject> {
    const { before, after, path, oldPath, status } = change;
    if (!entry.diff || (after ?? before)?.stat.kind !== "file") return {};
    if (before !== null && before.extras.digest !== null && before.extras.digest === after?.extras.digest) {
      return {};
    }
    // The old content of a file that was moved onto another is that other's.
    const was = status === "renamed" ? (oldPath ?? path) : path;
    const fresh = this.#current(path, after, entry);
    const old = await this.#kept(was, before);
    if ("missing" in fresh) return { diff_missing: fresh.missing };
    const { versions } = this.#options;
    const content = fresh.version?.content ?? null;
    // What only came takes no other's place: a storm of new files would take all.
    const isKept = content !== null && (status !== "created" || versions.hasRoomFor(content.length));
    if (isKept) await this.#write(() => this.#keep(after, content));
    const replaced = before?.extras.digest ?? null;
    if (replaced !== null) await this.#write(() => versions.replaced(replaced));
    if ("missing" in old) return { diff_missing: old.missing };
    return { diff: diffOf(old.version, fresh.version, entry.diffMask) };
  }

  /** Keeps what is there as long as there is room, without letting go of what changed. */
  async collect(path: BytePath, look: Look | null, entry: WatchedPath): Promise<void> {
    const { versions } = this.#options;
    if (!entry.diff || look?.stat.kind !== "file") return;
    const { digest } = look.extras;
    if (digest === null || versions.has(digest) || !versions.hasRoomFor(Number(look.stat.size))) return;
    const found = this.#current(path, look, entry);
    const content = "version" in found ? (found.version?.content ?? null) : null;
    if (content !== null) await this.#write(() => this.#keep(look, content));
  }

  /** Collects what the baseline knows: at a start, for paths that are watched with `diff` only now. */
  async collectAll(baseline: Pick<BaselineStore, "within">, paths: readonly WatchedPath[]): Promise<void> {
    const { selection } = this.#options;
    for (const { path, diff } of paths) {
      if (!diff) continue;
      const rows = baseline.within(path);
      try {
        for (let batch = await rows.next(); batch.length > 0 && !this.#isStopped; batch = await rows.next()) {
          for (const row of batch) {
            if (this.#isStopped) break;
            const entry = selection.entryOf(row.path);
            if (entry !== null) await this.collect(row.path, decodeRecord(row.bytes), entry);
          }
        }
      } finally {
        await rows.close();
      }
    }
  }

  stop(): void {
    this.#isStopped = true;
  }

  #current(path: BytePath, look: Look | null, entry: WatchedPath): Found {
    if (look === null) return { version: null };
    const { digest, digestMissing } = look.extras;
    if (look.stat.kind !== "file") return { missing: "binary" };
    if (look.stat.size > BigInt(entry.diffMaxBytes)) return { missing: "too-large" };
    if (digest === null) return { missing: digestMissing ?? "no-digest" };
    const content = contentAt(path, Number(look.stat.size));
    if (content === null) return { missing: "unreadable" };
    // Of a later content a later look will tell.
    if (hash("sha256", content, "hex") !== digest) return { missing: "changing" };
    return isText(content) ? { version: { path, content } } : { missing: "binary" };
  }

  async #kept(path: BytePath, look: Look | null): Promise<Found> {
    if (look === null) return { version: null };
    const { digest } = look.extras;
    const content = digest === null ? null : await this.#options.versions.get(digest);
    return content === null ? { missing: "no-earlier-version" } : { version: { path, content } };
  }

  async #keep(look: Look | null, content: Buffer): Promise<void> {
    const digest = look?.extras.digest ?? null;
    if (digest !== null) await this.#options.versions.keep(digest, content);
  }

  async #write(work: () => Promise<void>): Promise<void> {
    try {
      await work();
      this.#isFailing = false;
    } catch (error) {
      if (!this.#isFailing) this.#options.warn(`contents cannot be kept: ${String(error)}`);
      this.#isFailing = true;
    }
  }
}

/** As much as was there at the look; `null` when it cannot be read. */
function contentAt(path: BytePath, size: number): Buffer | null {
  try {
    const descriptor = openQuietly(path);
    try {
      const bytes = Buffer.alloc(size);
      return bytes.subarray(0, readSync(descriptor, bytes, 0, size, 0));
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return null;
  }
}

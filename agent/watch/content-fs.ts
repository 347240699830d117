/** Reads what lstat(2) does not say of a path that differs, or says when it can be read. */
import type { Clock } from "../../shared/clock.ts";
import type { BytePath } from "../../shared/watch/paths.ts";
import type { WatchedPath } from "../../shared/watch/settings.ts";
import type { LargeDigests } from "./large-digests-fs.ts";
import { isRacy, largeBytes, mayBeOtherContent, readsBehind, type Stat } from "./look.ts";
import { type Digest, digestOf, type ReadXattrs, readExtras } from "./look-fs.ts";
import type { FileWanted } from "./reading/batch.ts";
import type { Readers } from "./reading/readers-process.ts";
import type { BaselineRecord, FreshLook } from "./record.ts";

export interface ContentOptions {
  readonly readXattrs: ReadXattrs;
  readonly clock: Pick<Clock, "now">;
  readonly large: LargeDigests;
  /** What was read by other threads. */
  readonly ahead: Pick<Readers, "of">;
}

export interface Asked {
  readonly path: BytePath;
  readonly stat: Stat;
  readonly before: BaselineRecord | null;
  readonly entry: WatchedPath;
  /** Although `stat` says the same. */
  readonly full: boolean;
  /** Whether large files can be put off. */
  readonly mayBeLater: boolean;
  readonly unreadable: (path: BytePath, code: string) => void;
}

/** `again`: it changed under the reading. `later`: it is large, and its digest was not prepared. */
export type Content = FreshLook | "again" | "later";

/** Times that a path may change under the reading before it is told without a digest. */
const maxTries = 5;

export class ContentReader {
  readonly #options: ContentOptions;
  readonly #tries = new Map<BytePath, number>();

  constructor(options: ContentOptions) {
    this.#options = options;
  }

  async read(asked: Asked): Promise<Content> {
    const { path, stat, before, entry, full, mayBeLater, unreadable } = asked;
    if (before !== null && isKnown(before, stat, full || readsBehind(stat, entry)))
      return { stat, extras: before.extras };
    const { clock, large, readXattrs, ahead } = this.#options;
    const known = stat.kind === "file" ? ahead.of(path, stat) : null;
    const racy = isRacy(stat, known?.at ?? clock.now()) ? ({ isRacy: true } as const) : {};
    const isDigested = stat.kind === "file" && entry.digest === "sha256";
    const wanted = { ...wantedOf(entry), follow: entry.symlinks === "follow" };
    let digest: (path: BytePath, stat: Stat) => Promise<Digest> = digestOf;
    if (known === null && isDigested && stat.size > largeBytes && stat.size <= BigInt(entry.digestMaxBytes)) {
      const prepared = large.take(path, stat);
      if (prepared !== null) digest = async () => prepared;
      else if (mayBeLater) return "later";
    }
    const extras = known !== null ? known.extras() : await readExtras(path, stat, wanted, readXattrs, digest);
    if (extras !== null) {
      this.#tries.delete(path);
      if (extras.digestMissing === "unreadable") {
        unreadable(path, "its content cannot be read");
        // The digest that is known is all there is to tell later whether it is another one.
        if (before !== null && !mayBeOtherContent(before.stat, stat)) {
          return { stat, extras: before.extras, ...racy };
        }
      }
      return { stat, extras, ...racy };
    }
    const tries = (this.#tries.get(path) ?? 0) + 1;
    if (tries < maxTries || stat.kind !== "file") {
      this.#tries.set(path, tries);
      return "again";
    }
    this.#tries.delete(path);
    const xattrs = wanted.xattrs ? readXattrs(path) : null;
    const rest = xattrs === null || Object.keys(xattrs).length === 0 ? {} : { xattrs };
    return { stat, extras: { digest: null, digestMissing: "changing", ...rest }, isRacy: true };
  }

  /** The first record of a file, from what another thread has read; `null` when `read` has to say it. */
  readBefore(path: BytePath, stat: Stat): BaselineRecord | null {
    const known = stat.kind === "file" ? this.#options.ahead.of(path, stat) : null;
    if (known === null) return null;
    const isSettled = !isRacy(stat, known.at);
    const packed = isSettled ? known.packed() : null;
    const extras = packed === null ? known.extras() : null;
    if (packed === null && (extras === null || extras.digestMissing === "unreadable")) return null;
    this.#tries.delete(path);
    if (extras === null) return packed;
    return { stat, extras, version: 1, ...(!isSettled && { isRacy: true as const }) };
  }

  /** It is not there any more. */
  forget(path: BytePath): void {
    this.#tries.delete(path);
  }
}

/** Whether what the record says of the content is taken as it is. */
export function isKnown(before: BaselineRecord, stat: Stat, full: boolean): boolean {
  return !full && before.isRacy !== true && !mayBeOtherContent(before.stat, stat);
}

/** What of a file is looked at besides lstat(2). */
export function wantedOf(entry: WatchedPath): FileWanted {
  return {
    digest: entry.digest === "sha256",
    digestMaxBytes: entry.digestMaxBytes,
    xattrs: entry.attributes.has("xattrs"),
  };
}

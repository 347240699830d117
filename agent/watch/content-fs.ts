/** Reads what lstat(2) does not say of a path that differs, or says when it can be read. */
import type { Clock } from "../../shared/clock.ts";
import type { BytePath } from "../../shared/watch/paths.ts";
import type { WatchedPath } from "../../shared/watch/settings.ts";
import type { LargeDigests } from "./large-digests-fs.ts";
import { isRacy, largeBytes, mayBeOtherContent, type Stat } from "./look.ts";
import { type Digest, digestOf, type ReadXattrs, readExtras } from "./look-fs.ts";
import type { BaselineRecord, FreshLook } from "./record.ts";

export interface ContentOptions {
  readonly readXattrs: ReadXattrs;
  readonly clock: Pick<Clock, "now">;
  readonly large: LargeDigests;
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
    const isSame = before !== null && !mayBeOtherContent(before.stat, stat);
    if (isSame && !full && before.isRacy !== true) return { stat, extras: before.extras };
    const { clock, large, readXattrs } = this.#options;
    const racy = isRacy(stat, clock.now()) ? ({ isRacy: true } as const) : {};
    const isDigested = stat.kind === "file" && entry.digest === "sha256";
    const wanted = {
      digest: entry.digest === "sha256",
      digestMaxBytes: entry.digestMaxBytes,
      follow: entry.symlinks === "follow",
      xattrs: entry.attributes.has("xattrs"),
    };
    let digest: (path: BytePath, stat: Stat) => Promise<Digest> = digestOf;
    if (isDigested && stat.size > largeBytes && stat.size <= BigInt(entry.digestMaxBytes)) {
      const prepared = large.take(path, stat);
      if (prepared !== null) digest = async () => prepared;
      else if (mayBeLater) return "later";
    }
    const extras = await readExtras(path, stat, wanted, readXattrs, digest);
    if (extras !== null) {
      this.#tries.delete(path);
      if (extras.digestMissing === "unreadable") {
        unreadable(path, "its content cannot be read");
        // The digest that is known is all there is to tell later whether it is another one.
        if (isSame) return { stat, extras: before.extras, ...racy };
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

  /** It is not there any more. */
  forget(path: BytePath): void {
    this.#tries.delete(path);
  }
}

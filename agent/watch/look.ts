/** What one look at a path sees, and how two looks differ. */
import { type AttributeName, attributeNames } from "../../shared/watch/attributes.ts";

export type LookKind = "file" | "directory" | "symlink" | "other";

/** From lstat(2). Times in nanoseconds since the epoch, sizes in bytes. */
export interface Stat {
  readonly kind: LookKind;
  /** Permission bits with set-uid, set-gid and sticky (07777). */
  readonly mode: number;
  readonly links: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly ino: bigint;
  /** 0 where the file system does not know it. With the inode it tells a file from a later one of the same number. */
  readonly birthNs: bigint;
}

/** What cannot be had from lstat(2): read only when that differs, or by a full sweep. */
export interface Extras {
  /** SHA-256 as 64 hexadecimal digits; `null` where none is taken (no file, too large, not selected, unreadable). */
  readonly digest: string | null;
  /** Why there is no digest although one is wanted. */
  readonly digestMissing?: "too-large" | "unreadable" | "changing";
  /** Of a symbolic link: its target, one character for each byte. */
  readonly target?: string;
  /** Extended attributes by name, values in base64: ACL, SELinux label, file capabilities and the user's own. */
  readonly xattrs?: Readonly<Record<string, string>>;
}

export interface Look {
  readonly stat: Stat;
  readonly extras: Extras;
}

/** Everything that differs, whether selected or not. */
export function differences(before: Look, after: Look): readonly AttributeName[] {
  return attributeNames.filter((name) => isOther[name](before, after));
}

const isOther: Readonly<Record<AttributeName, (before: Look, after: Look) => boolean>> = {
  kind: (a, b) => a.stat.kind !== b.stat.kind,
  digest: (a, b) =>
    a.extras.digest !== null && b.extras.digest !== null && a.extras.digest !== b.extras.digest,
  size: (a, b) => isOwn(a, b) && a.stat.size !== b.stat.size,
  mode: (a, b) => a.stat.mode !== b.stat.mode,
  uid: (a, b) => a.stat.uid !== b.stat.uid,
  gid: (a, b) => a.stat.gid !== b.stat.gid,
  mtime: (a, b) => isOwn(a, b) && a.stat.mtimeNs !== b.stat.mtimeNs,
  ctime: (a, b) => isOwn(a, b) && a.stat.ctimeNs !== b.stat.ctimeNs,
  ino: (a, b) => !isSameInode(a.stat, b.stat),
  links: (a, b) => isOwn(a, b) && a.stat.links !== b.stat.links,
  target: (a, b) => (a.extras.target ?? null) !== (b.extras.target ?? null),
  xattrs: (a, b) => xattrText(a) !== xattrText(b),
};

/** Whether two paths, or two looks at one, lead to the same file rather than to one that got its inode number later. */
export function isSameInode(a: Stat, b: Stat): boolean {
  return a.ino === b.ino && a.birthNs === b.birthNs;
}

/** A folder's size, times and links follow what is in it, which is told by itself. */
function isOwn(a: Look, b: Look): boolean {
  return a.stat.kind !== "directory" || b.stat.kind !== "directory";
}

function xattrText({ extras }: Look): string {
  const xattrs = extras.xattrs ?? {};
  return Object.keys(xattrs)
    .sort()
    .map((name) => `${name}=${xattrs[name]}`)
    .join("\n");
}

/** Bytes above which a file is large: reading it takes as long as a hundred others. */
export const largeBytes = 8n * 1024n * 1024n;

/**
 * Whether what a link leads to is read by each look at all of its folder, whatever the link itself says: no event tells
 * of a change there.
 */
export function readsBehind(
  { kind }: Pick<Stat, "kind">,
  entry: { readonly symlinks: "record" | "follow"; readonly digest: "sha256" | "none" } | null,
): boolean {
  return kind === "symlink" && entry?.symlinks === "follow" && entry.digest === "sha256";
}

/** ms: no file system in use keeps times more coarsely, but for those that keep whole seconds only. */
const tickMs = 10;
const coarseTickMs = 2_000;

/**
 * Whether another change could follow a look at `at` (ms since the epoch) and leave everything that lstat(2) tells as it
 * was: the clock that files are stamped with ticks, and two changes within one tick have the same time. Known to users
 * of git(1) as "racily clean".
 */
export function isRacy({ mtimeNs, ctimeNs }: Stat, at: number): boolean {
  const tick = ctimeNs % 1_000_000_000n === 0n ? coarseTickMs : tickMs;
  // A time that lies ahead, of a clock that was set back, comes again only when the clock gets there.
  return [mtimeNs, ctimeNs].some((ns) => Math.abs(at - Number(ns / 1_000_000n)) <= tick);
}

/** Whether a file may have been written: then its digest has to be taken again. */
export function mayBeOtherContent(before: Stat, after: Stat): boolean {
  return (
    before.kind !== after.kind ||
    before.size !== after.size ||
    before.mtimeNs !== after.mtimeNs ||
    before.ctimeNs !== after.ctimeNs ||
    !isSameInode(before, after)
  );
}

/**
 * `modified` when the content is another, or may be: another time of writing tells nothing once both digests are known
 * to be the same (`touch`, a file replaced by its copy).
 */
export function statusOf(
  before: Look,
  after: Look,
  changed: readonly AttributeName[],
): "modified" | "attributes" {
  const { digest } = before.extras;
  const isSame = digest !== null && digest === after.extras.digest;
  const tells: readonly AttributeName[] = [
    "kind",
    "digest",
    "size",
    "target",
    ...(isSame ? [] : ["mtime" as const]),
  ];
  return changed.some((name) => tells.includes(name)) ? "modified" : "attributes";
}

/** Decides whether a file on this host can have been written only by whom the agent trusts anyway. Pure. */

/** One step on the way to a file, from the root folder on, as lstat(2) has it. */
export interface PathStep {
  readonly path: string;
  readonly kind: "folder" | "link" | "file" | "other";
  readonly uid: number;
  /** Permission bits, as chmod(2) takes them. */
  readonly mode: number;
}

const sticky = 0o1000;
const writableByOthers = 0o022;

/**
 * Why the step must not be trusted by a process of `ownUid`; `null` when it may be. Root may write anywhere, so only
 * root and the process's own user may own a step, or write to it: who may write to a folder can put another file in the
 * place of one in it. In a sticky folder (/tmp) only the owner of an entry can. The write bit of the group is set too where
 * an access list (acl(5)) lets somebody write.
 */
export function stepFault({ path, kind, uid, mode }: PathStep, ownUid: number): string | null {
  if (kind === "other") return `${path} is no file`;
  if (uid !== 0 && uid !== ownUid) return `${path} belongs to user ${uid}`;
  // The mode of a symbolic link means nothing (symlink(7)).
  if (kind === "link" || (mode & writableByOthers) === 0) return null;
  if (kind === "folder" && (mode & sticky) !== 0) return null;
  return `others may write to ${path} (mode ${(mode & 0o7777).toString(8).padStart(4, "0")})`;
}

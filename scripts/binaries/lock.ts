/** What package-lock.json says of a package. Pure. */

export interface LockedPackage {
  readonly version: string;
  /** `sha512-…`, as npm writes it. */
  readonly integrity?: string;
  readonly license?: string;
  /** Needed only for development. */
  readonly dev?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

export interface Lock {
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

/** The package that npm puts in this folder (`node_modules/…`). Throws when the lock file does not know it. */
export function lockedPackage(lock: Lock, folder: string): LockedPackage {
  const found = lock.packages[folder];
  if (found === undefined) throw new Error(`package-lock.json has no ${folder}: run npm install`);
  return found;
}

/** The folder of the package that a path lies in; `null` for our own. Packages may have others of their own inside. */
export function packageFolder(path: string): string | null {
  return /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? null;
}

/** The name of the package in this folder. */
export function packageName(folder: string): string {
  return folder.slice(folder.lastIndexOf("node_modules/") + "node_modules/".length);
}

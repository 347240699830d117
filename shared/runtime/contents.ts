/**
 * What lies in one of the binaries, and how a file of the project is named there. A file is known by its URL: in a
 * checkout a `file:` URL, in a binary `petrel:/` and its path from the project's root. The sources say
 * `new URL`, the path from themselves, and `import.meta.url` in both; the build puts the right address in the place of
 * the latter.
 */

/** The binary's table of contents, an asset of its own. Made by scripts/binaries. */
export interface BinaryContents {
  /** Of all that may be unpacked: names the folder it is unpacked to. */
  readonly id: string;
  readonly version: string;
  /** `linux-x64` or `linux-arm64`. */
  readonly target: string;
  /** Path of the program that runs without a role. */
  readonly main: string;
  /** Programs that the binary starts itself as, by role: `sensor` is `petrel-agent __sensor`. */
  readonly programs: Readonly<Record<string, string>>;
  /** Files that are read as they are, or unpacked. */
  readonly files: Readonly<Record<string, PackedFile>>;
}

export interface PackedFile {
  readonly mode: number;
  readonly size: number;
  /** Hexadecimal. */
  readonly sha256: string;
}

/** Name of the asset with the table. */
export const contentsAsset = "contents.json";
/** Name of the asset with what a thread begins with. */
export const threadAsset = "thread.cjs";
export const scheme = "petrel:";
/** In front of a role on the command line. */
export const rolePrefix = "__";

/** Path from the project's root. Throws for the URL of a file that is in no binary. */
export function pathOf(url: URL): string {
  if (url.protocol !== scheme) throw new Error(`${url.href} is no file of a binary`);
  return decodeURIComponent(url.pathname).slice(1);
}

/** The compiled form of a source, as the build names it. */
export function compiledPath(path: string): string {
  return path.replace(/\.ts$/, ".js");
}

/** The role of a program; `null`: it runs without one. Throws for a source that is no program. */
export function roleOf(contents: BinaryContents, path: string): string | null {
  if (path === contents.main) return null;
  const found = Object.entries(contents.programs).find(([, program]) => program === path);
  if (found === undefined) throw new Error(`${path} is no program of this binary`);
  return found[0];
}

/** The files below a folder, by path from there, sorted. */
export function filesBelow(contents: BinaryContents, folder: string): readonly [path: string, PackedFile][] {
  const prefix = folder.endsWith("/") ? folder : `${folder}/`;
  return Object.entries(contents.files)
    .filter(([path]) => path.startsWith(prefix))
    .map(([path, file]): [string, PackedFile] => [path.slice(prefix.length), file])
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

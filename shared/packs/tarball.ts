/** A pack that comes as a tar archive: its files, with nothing from outside of it. Pure. */
import { posix } from "node:path";
import { gunzipSync } from "node:zlib";
import { PetrelError } from "../errors.ts";
import { isSafePath, packLimits } from "./contents.ts";
import { isPathLeftOut } from "./left-out.ts";
import type { PackFile } from "./pack-file.ts";
import { type TarEntry, TarSyntaxError, tarEntries } from "./tar-entries.ts";

/** Bytes of an archive once it is unzipped: a pack, and what an archive carries besides that is left out. */
export const maxArchiveBytes = 4 * packLimits.totalBytes;
/** More links, and folders with links in them, than this one in the other have no end. */
const maxLinks = 40;
/** Characters: PATH_MAX of Linux. */
const longestTarget = 4_096;

export interface Tarball {
  /** The one folder that holds everything, as archives of a repository have; `null` when there is none. */
  readonly folder: string | null;
  /** By path, which is relative to the folder with the pack.yaml. */
  readonly files: readonly PackFile[];
}

interface Archive {
  readonly entries: ReadonlyMap<string, TarEntry>;
  /** The pack's own folder with its slash, or nothing. */
  readonly below: string;
  readonly shownAs: string;
  /** Where links lead, once that is known: links on the way of links would otherwise be work without an end. */
  readonly targets: Map<string, string>;
}

/**
 * Reads a `.tar`, or a `.tar.gz`. Links within the archive become what they lead to. Throws PACK_INVALID for paths and
 * links that lead out, for what is no archive, and without a pack.yaml; PACK_TOO_LARGE beyond a pack's limits.
 * `shownAs` names the archive in errors.
 */
export function readTarball(bytes: Uint8Array, shownAs: string): Tarball {
  const entries = readEntries(unzipped(bytes, shownAs), shownAs);
  const folder = commonFolder([...entries.keys()]);
  const below = folder === null ? "" : `${folder}/`;
  const archive: Archive = { entries, below, shownAs, targets: new Map() };
  const files: PackFile[] = [];
  let count = 0;
  let total = 0;
  const add = (path: string, entry: TarEntry) => {
    // What is left out counts too: links to links to folders would otherwise be work without an end.
    count += 1;
    total += entry.content.length;
    if (count > packLimits.files || total > packLimits.totalBytes) throw tooLarge(shownAs);
    if (isPathLeftOut(path)) return;
    files.push({ path, mode: entry.mode, content: entry.content });
  };
  for (const [path, entry] of entries) {
    const own = path.slice(below.length);
    if (isPathLeftOut(own)) continue;
    if (entry.kind === "file") add(own, entry);
    else for (const [end, found] of linked(archive, path)) add(`${own}${end}`, found);
  }
  files.sort((a, b) => (a.path < b.path ? -1 : 1));
  if (!files.some(({ path }) => path === "pack.yaml" || path === "pack.yml")) {
    throw invalid(
      "the archive holds no pack: it has no pack.yaml",
      shownAs,
      "pack the folder that holds one",
    );
  }
  return { folder, files };
}

function unzipped(bytes: Uint8Array, shownAs: string): Uint8Array {
  const magic = Buffer.from(bytes.subarray(0, 6)).toString("latin1");
  if (magic.startsWith("\x1f\x8b")) {
    try {
      return gunzipSync(bytes, { maxOutputLength: maxArchiveBytes });
    } catch (cause) {
      if (cause instanceof RangeError) throw tooLarge(shownAs);
      throw invalid(
        "the archive is damaged: it cannot be unzipped",
        shownAs,
        "make or fetch it again",
        cause,
      );
    }
  }
  const others = [
    ["BZh", "bzip2"],
    ["\xfd7zXZ\0", "xz"],
    ["\x28\xb5\x2f\xfd", "zstd"],
    ["PK\x03\x04", "zip"],
  ] as const;
  const [, other] = others.find(([start]) => magic.startsWith(start)) ?? [];
  if (other !== undefined) {
    throw invalid(`an archive of ${other} is not read`, shownAs, "unpack it, or make a .tar.gz of it");
  }
  return bytes;
}

/** Files and links by their one spelling; a path that is there twice is what it was last, as tar unpacks it. */
function readEntries(bytes: Uint8Array, shownAs: string): ReadonlyMap<string, TarEntry> {
  const entries = new Map<string, TarEntry>();
  try {
    for (const entry of tarEntries(bytes)) {
      const path = entry.path.replace(/^(?:\.\/+)+/, "").replace(/\/+$/, "");
      if (entry.kind === "folder" && (path === "" || path === ".")) continue;
      if (!isSafePath(path)) {
        const shown = JSON.stringify(entry.path);
        throw invalid(
          `the path ${shown} is not allowed in a pack`,
          shownAs,
          "only paths below its folder are",
        );
      }
      // Sockets, pipes and devices are no content, and a folder is what lies in it.
      if (entry.kind === "folder" || entry.kind === "other") continue;
      entries.set(path, entry);
    }
  } catch (error) {
    if (!(error instanceof TarSyntaxError)) throw error;
    throw invalid(error.message, `${shownAs}, byte ${error.offset}`, "make or fetch it again", error);
  }
  return entries;
}

/** The folder that all paths lie in, where the pack.yaml does not lie beside it. */
function commonFolder(paths: readonly string[]): string | null {
  const [folder = ""] = (paths[0] ?? "").split("/");
  return paths.every((path) => path.startsWith(`${folder}/`)) ? folder : null;
}

/** What the link at `path` leads to: one file, or all files of a folder, each with the end of its path. */
function* linked(
  archive: Archive,
  path: string,
  steps = maxLinks,
): Generator<readonly [end: string, entry: TarEntry]> {
  const { entries, shownAs } = archive;
  const entry = entries.get(path);
  if (steps <= 0) throw invalid(`${path} is a link without an end`, shownAs, "remove the link");
  if (entry?.kind === "file") yield ["", entry];
  else if (entry !== undefined) yield* linked(archive, targetOf(archive, path, entry, steps), steps - 1);
  else {
    const inside = [...entries.keys()].filter((other) => other.startsWith(`${path}/`));
    if (inside.length === 0) {
      throw invalid(
        `a link leads to ${path}, which is not there`,
        shownAs,
        "remove it, or pack what it leads to",
      );
    }
    for (const other of inside) {
      for (const [end, found] of linked(archive, other, steps - 1)) {
        yield [`${other.slice(path.length)}${end}`, found];
      }
    }
  }
}

/** Step by step, as a file system walks it: a folder on the way may be a link itself, and `..` is above what that leads to. */
function targetOf(archive: Archive, path: string, entry: TarEntry, steps: number): string {
  const { below, shownAs, targets } = archive;
  const outside = () =>
    invalid(`${path} is a link that leads out of the pack`, shownAs, "pack the file itself");
  if (steps <= 0) throw invalid(`${path} is a link without an end`, shownAs, "remove the link");
  const known = targets.get(path);
  if (known !== undefined) return known;
  if (posix.isAbsolute(entry.target) || entry.target.length > longestTarget) throw outside();
  // A hard link names its file from the top of the archive, a symbolic one from where it lies.
  const from = entry.kind === "hardlink" ? [] : path.split("/").slice(0, -1);
  const walk = entry.target.split("/").filter((step) => step !== "" && step !== ".");
  let at = [...from];
  for (const [index, step] of walk.entries()) {
    if (step === ".." && at.pop() === undefined) throw outside();
    if (step === "..") continue;
    at.push(step);
    if (index < walk.length - 1) at = folderOf(archive, at.join("/"), steps - 1).split("/");
  }
  const to = at.join("/");
  if (!`${to}/`.startsWith(below) || !isSafePath(to)) throw outside();
  targets.set(path, to);
  return to;
}

/** The folder at `path`, where that is a link. */
function folderOf(archive: Archive, path: string, steps: number): string {
  const link = archive.entries.get(path);
  if (link?.kind !== "symlink") return path;
  return folderOf(archive, targetOf(archive, path, link, steps), steps - 1);
}

const invalid = (message: string, where: string, hint: string, cause?: unknown) =>
  new PetrelError("PACK_INVALID", message, { where, hint, cause });

const tooLarge = (where: string) =>
  new PetrelError("PACK_TOO_LARGE", "the archive has too many or too large files for a pack", {
    where,
    hint: `at most ${packLimits.files} files and ${packLimits.totalBytes} bytes; is it the pack alone?`,
  });

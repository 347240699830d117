/** Walks a tree in the order of the baseline's keys: a folder, what is in it by the bytes of the names, the next one. */
import { type Dirent, readdirSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import { type BytePath, joinPath, pathBuffer, walkKey } from "../../shared/watch/paths.ts";
import type { Pace } from "./budget.ts";
import type { Stat } from "./look.ts";
import { lookAlong } from "./look-fs.ts";
import type { Batches } from "./merge-join.ts";

export interface Walked {
  readonly key: string;
  readonly path: BytePath;
  readonly stat: Stat;
}

export interface WalkOptions {
  /** Whether a link is taken for the folder it leads to. */
  readonly isFollowed: (path: BytePath) => boolean;
  /** Whether a folder's content is listed. */
  readonly mayEnter: (folder: BytePath) => boolean;
  /** Told of every path that cannot be listed or looked at: nothing may be concluded about it and what is below. */
  readonly unreadable: (path: BytePath, code: string) => void;
  /**
   * Asked of each path that its folder says is a file. `true`: it is looked at elsewhere, and not handed out. Then the
   * pause behind a batch is for these, too.
   */
  readonly takesFile?: (path: BytePath) => boolean;
  /** Waited for after each batch, with the number of paths in it: how sweeps keep their pace. */
  readonly pace?: Pace;
}

/** Paths of one batch; between two batches the event loop turns once, so that kernel events are read. */
const batchSize = 500;

interface Level {
  readonly folder: BytePath;
  /** What the keys of its content begin with. */
  readonly key: string;
  readonly names: readonly BytePath[];
  /** Those that are files; `null` when nobody has asked, or the file system does not say. */
  readonly files: ReadonlySet<BytePath> | null;
  at: number;
}

/** Memory: the names of the folders from the root to where it is. Follows no symbolic links but those it is told to. */
export class Walk implements Batches<Walked> {
  readonly #options: WalkOptions;
  readonly #levels: Level[] = [];
  #root: BytePath | null;

  constructor(root: BytePath, options: WalkOptions) {
    this.#root = root;
    this.#options = options;
  }

  async next(): Promise<readonly Walked[]> {
    const batch: Walked[] = [];
    if (this.#root !== null) {
      const root = this.#root;
      this.#root = null;
      this.#visit(root, walkKey(root), batch);
    }
    do {
      const taken = this.#fill(batch);
      if (batch.length + taken > 0) await (this.#options.pace?.(batch.length + taken) ?? turn());
      // An empty batch would be the end.
    } while (batch.length === 0 && this.#levels.length > 0);
    return batch;
  }

  /** How many files were taken by others. */
  #fill(batch: Walked[]): number {
    const { takesFile = () => false } = this.#options;
    let taken = 0;
    for (
      let level = this.#levels.at(-1);
      level !== undefined && batch.length + taken < batchSize;
      level = this.#levels.at(-1)
    ) {
      const name = level.names[level.at++];
      if (name === undefined) {
        this.#levels.pop();
        continue;
      }
      const path = joinPath(level.folder, name);
      if (level.files?.has(name) === true && takesFile(path)) taken++;
      else this.#visit(path, `${level.key}\0${name}`, batch);
    }
    return taken;
  }

  #visit(path: BytePath, key: string, batch: Walked[]): void {
    const { isFollowed, mayEnter, unreadable } = this.#options;
    const outcome = lookAlong(path, isFollowed(path));
    if ("error" in outcome) {
      unreadable(path, outcome.error);
      return;
    }
    if (outcome.found === null) return;
    batch.push({ key, path, stat: outcome.found });
    if (outcome.found.kind !== "directory" || !mayEnter(path)) return;
    try {
      const listed = this.#options.takesFile === undefined ? namesIn(path) : typedNamesIn(path);
      this.#levels.push({ folder: path, key: path === "/" ? "" : key, ...listed, at: 0 });
    } catch (error) {
      const code = error instanceof Error && "code" in error ? String(error.code) : "UNKNOWN";
      // Gone between the two calls: the next look says so.
      if (code !== "ENOENT" && code !== "ENOTDIR") unreadable(path, code);
    }
  }
}

type Listed = Pick<Level, "names" | "files">;

function namesIn(folder: BytePath): Listed {
  return { names: readdirSync(pathBuffer(folder), "latin1").sort(), files: null };
}

function typedNamesIn(folder: BytePath): Listed {
  let entries: Dirent<string>[];
  try {
    entries = readdirSync(pathBuffer(folder), { withFileTypes: true, encoding: "latin1" });
  } catch (error) {
    // Of a file system that does not say what they are Node asks lstat(2), and cannot with a name of bytes.
    if (error instanceof TypeError) return namesIn(folder);
    throw error;
  }
  const names = entries.map(({ name }) => name).sort();
  return { names, files: new Set(entries.flatMap((entry) => (entry.isFile() ? [entry.name] : []))) };
}

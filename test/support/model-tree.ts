/** A tree of files in memory with the operations of a file system, for what is said of any two states of a tree. */
import fc from "fast-check";
import type { Stat } from "../../agent/watch/look.ts";
import type { BaselineRecord } from "../../agent/watch/record.ts";
import { type BytePath, isWithin, parentOf, walkKey } from "../../shared/watch/paths.ts";

export type TreeStep =
  | { readonly do: "mkdir" | "create" | "link" | "write" | "chmod" | "remove"; readonly at: BytePath }
  | { readonly do: "rename" | "exchange" | "hardlink"; readonly at: BytePath; readonly to: BytePath };

/** A step whose paths are chosen among what is there when it is made. */
export interface AnyStep {
  readonly do: TreeStep["do"];
  readonly pick: number;
  readonly folder: number;
  readonly name: BytePath;
}

/** Names sort differently by characters and by walk, and are few enough that steps meet each other. */
export const anySteps: fc.Arbitrary<readonly AnyStep[]> = fc.array(
  fc.record({
    do: fc.constantFrom<TreeStep["do"]>(
      ...(["mkdir", "mkdir", "create", "create", "link", "write", "chmod", "remove"] as const),
      ...(["rename", "rename", "rename", "rename", "exchange", "hardlink"] as const),
    ),
    pick: fc.nat(1_000),
    folder: fc.nat(1_000),
    name: fc.constantFrom("a", "a!", "b", "c"),
  }),
  { maxLength: 25, size: "max" },
);

/** What a step does not permit it leaves undone, as a failed system call does. */
export class ModelTree {
  readonly #stats: Map<BytePath, Stat>;
  #clock: bigint;
  /** Numbers of removed files, which new ones get again. */
  readonly #free: bigint[] = [];
  #nextInode: bigint;

  constructor(from: ModelTree | null = null) {
    this.#stats = new Map(from?.stats ?? []);
    this.#clock = from === null ? 1n : from.#clock;
    this.#nextInode = from === null ? 1n : from.#nextInode;
    if (from === null) this.#stats.set("/r", this.#fresh("directory"));
  }

  get stats(): ReadonlyMap<BytePath, Stat> {
    return this.#stats;
  }

  paths(): readonly BytePath[] {
    return [...this.#stats.keys()].sort((a, b) => (walkKey(a) < walkKey(b) ? -1 : 1));
  }

  /** The step that was made of it. */
  applyAny({ do: what, pick, folder, name }: AnyStep): TreeStep {
    const paths = this.paths();
    const folders = paths.filter((path) => this.#stats.get(path)?.kind === "directory");
    const fresh = `${folders[folder % folders.length]}/${name}`;
    const known = paths[1 + (pick % Math.max(1, paths.length - 1))] ?? fresh;
    const step: TreeStep =
      what === "rename" || what === "hardlink"
        ? { do: what, at: known, to: fresh }
        : what === "exchange"
          ? { do: what, at: known, to: paths[1 + (folder % Math.max(1, paths.length - 1))] ?? fresh }
          : { do: what, at: what === "mkdir" || what === "create" || what === "link" ? fresh : known };
    this.apply(step);
    return step;
  }

  apply(step: TreeStep): void {
    const { at } = step;
    const here = this.#stats.get(at);
    const hasParent = this.#stats.get(parentOf(at))?.kind === "directory";
    if (step.do === "mkdir" && here === undefined && hasParent) this.#stats.set(at, this.#fresh("directory"));
    if (step.do === "create" && here === undefined && hasParent) this.#stats.set(at, this.#fresh("file"));
    if (step.do === "link" && here === undefined && hasParent) this.#stats.set(at, this.#fresh("symlink"));
    if (here === undefined) return;
    if (step.do === "write" && here.kind === "file") {
      const now = this.#tick();
      this.#update(here, { size: here.size + 1n, mtimeNs: now, ctimeNs: now });
    }
    if (step.do === "chmod") this.#update(here, { mode: here.mode ^ 0o20, ctimeNs: this.#tick() });
    if (step.do === "remove") this.#remove(at);
    if (step.do === "rename") this.#rename(at, step.to);
    if (step.do === "exchange") this.#exchange(at, step.to);
    if (
      step.do === "hardlink" &&
      here.kind === "file" &&
      !this.#stats.has(step.to) &&
      this.#isFolder(step.to)
    ) {
      this.#stats.set(step.to, here);
      this.#update(here, { links: here.links + 1, ctimeNs: this.#tick() });
    }
  }

  #isFolder(path: BytePath): boolean {
    return this.#stats.get(parentOf(path))?.kind === "directory";
  }

  #rename(from: BytePath, to: BytePath): void {
    const [source, target] = [this.#stats.get(from), this.#stats.get(to)];
    if (source === undefined || isWithin(to, from) || isWithin(from, to) || !this.#isFolder(to)) return;
    if (target !== undefined) {
      if ((source.kind === "directory") !== (target.kind === "directory")) return;
      if (target.kind === "directory" && this.#below(to).length > 1) return;
      if (target.ino === source.ino) return;
      this.#remove(to);
    }
    this.#move(from, to);
  }

  #exchange(a: BytePath, b: BytePath): void {
    if (!this.#stats.has(b) || isWithin(a, b) || isWithin(b, a)) return;
    this.#move(a, "/x");
    this.#move(b, a);
    this.#move("/x", b);
  }

  #move(from: BytePath, to: BytePath): void {
    for (const path of this.#below(from)) {
      const stat = this.#stats.get(path);
      this.#stats.delete(path);
      if (stat !== undefined) this.#stats.set(to + path.slice(from.length), stat);
    }
    const moved = this.#stats.get(to);
    if (moved !== undefined) this.#update(moved, { ctimeNs: this.#tick() });
  }

  #remove(path: BytePath): void {
    for (const at of this.#below(path)) {
      const stat = this.#stats.get(at);
      this.#stats.delete(at);
      if (stat === undefined) continue;
      if (stat.links > 1) this.#update(stat, { links: stat.links - 1, ctimeNs: this.#tick() });
      else this.#free.push(stat.ino);
    }
  }

  #below(path: BytePath): readonly BytePath[] {
    return [...this.#stats.keys()].filter((at) => isWithin(at, path));
  }

  /** Of all names of the file. */
  #update(stat: Stat, more: Partial<Stat>): void {
    for (const [path, other] of this.#stats) {
      if (other.ino === stat.ino) this.#stats.set(path, { ...other, ...more });
    }
  }

  #fresh(kind: Stat["kind"]): Stat {
    const now = this.#tick();
    return {
      kind,
      mode: 0o644,
      links: 1,
      uid: 0,
      gid: 0,
      size: 0n,
      mtimeNs: now,
      ctimeNs: now,
      ino: this.#free.pop() ?? this.#nextInode++,
      birthNs: now,
    };
  }

  #tick(): bigint {
    return ++this.#clock;
  }
}

export function recordOf(stat: Stat): BaselineRecord {
  return { stat, extras: { digest: null }, version: 1 };
}

/** `stepsBefore` make the first state, `stepsAfter` the second one out of it. */
export function twoTrees(
  stepsBefore: readonly AnyStep[],
  stepsAfter: readonly AnyStep[],
): { readonly before: ModelTree; readonly after: ModelTree } {
  const before = new ModelTree();
  for (const step of stepsBefore) before.applyAny(step);
  const after = new ModelTree(before);
  for (const step of stepsAfter) after.applyAny(step);
  return { before, after };
}

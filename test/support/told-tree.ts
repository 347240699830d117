/** A tree of files as it is, and as somebody knows it who only reads what is told. */
import { createHash } from "node:crypto";
import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import type { JsonObject } from "../../shared/json.ts";

/** Path below the root to what is there, in one line. */
export type TreeLines = ReadonlyMap<string, string>;

/** Reads everything below `root`, which is itself left out. */
export function treeAt(root: string): TreeLines {
  const found = new Map<string, string>();
  const visit = (folder: string) => {
    for (const name of readdirSync(folder)) {
      const path = join(folder, name);
      const stats = lstatSync(path);
      const mode = (stats.mode & 0o7777).toString(8).padStart(4, "0");
      const own = path.slice(root.length + 1);
      if (stats.isDirectory()) {
        found.set(own, `directory ${mode}`);
        visit(path);
      } else if (stats.isSymbolicLink()) found.set(own, `symlink ${readlinkSync(path)}`);
      else {
        const digest = createHash("sha256").update(readFileSync(path)).digest("hex");
        found.set(own, `file ${mode} ${stats.size} sha256:${digest} of ${stats.nlink}`);
      }
    }
  };
  visit(root);
  return found;
}

/** Reads payloads of `watch.file_changed` one after the other. */
export class ToldTree {
  readonly #root: string;
  readonly #paths = new Map<string, string>();
  /** What was told of a path that was, or was not, there by what had been told before. */
  readonly surprises: string[] = [];

  constructor(root: string, begin: TreeLines) {
    this.#root = root;
    for (const [path, line] of begin) this.#paths.set(path, line);
  }

  get lines(): TreeLines {
    return this.#paths;
  }

  take({ path, old_path: old, status, after, kind }: JsonObject): void {
    const own = this.#below(path);
    const source = typeof old === "string" ? this.#below(old) : own;
    const isKnown = own === "" ? status !== "created" : this.#paths.has(source);
    if (isKnown === (status === "created")) this.surprises.push(`${String(status)} ${own}`);
    if (typeof old === "string") this.#move(this.#below(old), own);
    if (status === "deleted") this.#paths.delete(own);
    else if (status !== "transient" && typeof after === "object" && after !== null && own !== "") {
      this.#paths.set(own, lineOf(String(kind), after as JsonObject));
    }
  }

  #below(path: unknown): string {
    return String(path).slice(this.#root.length + 1);
  }

  #move(from: string, to: string): void {
    for (const [known, line] of [...this.#paths]) {
      if (known !== from && !known.startsWith(`${from}/`)) continue;
      this.#paths.delete(known);
      this.#paths.set(to + known.slice(from.length), line);
    }
  }
}

function lineOf(kind: string, { mode, target, size, digest, links }: JsonObject): string {
  if (kind === "directory") return `directory ${String(mode)}`;
  if (kind === "symlink") return `symlink ${String(target)}`;
  return `file ${String(mode)} ${String(size)} ${String(digest)} of ${String(links)}`;
}

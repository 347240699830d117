/** Looks at folders every few seconds, and tells each file that came, changed or went since the last look. */
import { createHash } from "node:crypto";
import { lstat, readdir } from "node:fs/promises";
import { join, resolve, sep } from "node:path";
import type { JsonObject, Logger, Sensor, SensorService } from "../types/petrel.d.ts";

type Status = "created" | "modified" | "deleted";

/** What is compared between two looks. Numbers as text: nanoseconds and inodes go beyond 2^53. */
interface Look {
  readonly mtimeNs: string;
  readonly size: string;
  readonly inode: string;
}

type Looks = Map<string, Look>;

/** Triggers on their way at once; each waits for the agent's disk. */
const BATCH = 500;
/** Values asked for at once. */
const PAGE = 200;

/**
 * The last look is kept in the datastore, one value a file. Each trigger carries its file's new value, so that
 * both are stored or neither: what happened while the sensor was away is told at its next start, and once.
 */
export class DirectorySensor implements Sensor {
  readonly #service: SensorService;
  readonly #logger: Logger;
  readonly #directories: readonly string[];
  #known: Looks = new Map();

  constructor(service: SensorService, config: JsonObject) {
    this.#service = service;
    this.#logger = service.logger("DirectorySensor");
    const { directories } = (config.sensor ?? {}) as { directories?: readonly string[] | null };
    this.#directories = (directories ?? []).map((directory) => resolve(directory));
  }

  async setup(): Promise<void> {
    const rows = await this.#valuesOf("file:");
    for (const { name, value } of rows) {
      const [path, mtimeNs, size, inode] = JSON.parse(value) as [string, string, string, string];
      if (this.#isWatched(path)) this.#known.set(path, { mtimeNs, size, inode });
      else await this.#service.deleteValue(name);
    }
    const roots = await this.#valuesOf("root:");
    for (const { name, value } of roots) {
      if (!this.#directories.includes(value)) await this.#service.deleteValue(name);
    }
    const seen = new Set(roots.map(({ value }) => value));
    for (const directory of this.#directories) {
      if (!seen.has(directory)) await this.#takeBaseline(directory);
    }
    // What was told in an earlier life is in the values just read: it will not be told again.
    this.#service.checkpoint({ earlier: true });
    this.#logger.info(`watching ${this.#directories.join(", ") || "nothing: configure sensor.directories"}`);
  }

  async poll(): Promise<void> {
    const { looks, blind } = await this.#lookAround(this.#directories);
    const changes: [path: string, look: Look, status: Status][] = [];
    for (const [path, look] of this.#known) {
      if (!looks.has(path) && !blind.some((folder) => isBelow(path, folder)))
        changes.push([path, look, "deleted"]);
    }
    for (const [path, look] of looks) {
      const before = this.#known.get(path);
      if (before === undefined) changes.push([path, look, "created"]);
      else if (markOf(before) !== markOf(look)) changes.push([path, look, "modified"]);
    }
    if (changes.length === 0) return;
    for (let from = 0; from < changes.length; from += BATCH) {
      await Promise.all(changes.slice(from, from + BATCH).map((change) => this.#tell(...change)));
    }
    this.#service.checkpoint();
  }

  async #tell(path: string, look: Look, status: Status): Promise<void> {
    const payload = { path, time: timeOf(look), status };
    await this.#service.dispatch("mypack.changed_file", payload, {
      key: `${status}:${markOf(look)}:${path}`,
      set: { [nameOf(path)]: status === "deleted" ? null : storedForm(path, look) },
    });
    if (status === "deleted") this.#known.delete(path);
    else this.#known.set(path, look);
  }

  /** The first look at a folder says what is there already; the root's value, written last, says that it is done. */
  async #takeBaseline(directory: string): Promise<void> {
    for (const path of [...this.#known.keys()].filter((known) => isBelow(known, directory))) {
      await this.#service.deleteValue(nameOf(path));
      this.#known.delete(path);
    }
    const { looks } = await this.#lookAround([directory]);
    const entries = [...looks];
    for (let from = 0; from < entries.length; from += BATCH) {
      const slice = entries.slice(from, from + BATCH);
      await Promise.all(
        slice.map(([path, look]) => this.#service.setValue(nameOf(path), storedForm(path, look))),
      );
    }
    for (const [path, look] of entries) this.#known.set(path, look);
    await this.#service.setValue(`root:${hash(directory)}`, directory);
  }

  /** Every file below `directories`, and the folders that could not be read: nothing is known of what is in them. */
  async #lookAround(directories: readonly string[]): Promise<{ looks: Looks; blind: readonly string[] }> {
    const looks: Looks = new Map();
    const blind: string[] = [];
    const folders = [...directories];
    for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
      try {
        for (const entry of await readdir(folder, { withFileTypes: true })) {
          const path = join(folder, entry.name);
          if (entry.isDirectory()) folders.push(path);
          else await this.#lookAt(path, looks);
        }
      } catch (error) {
        if (isGone(error)) continue;
        blind.push(folder);
        this.#logger.warn(`${folder} cannot be read: ${String(error)}`);
      }
    }
    return { looks, blind };
  }

  async #lookAt(path: string, looks: Looks): Promise<void> {
    try {
      const { mtimeNs, size, ino } = await lstat(path, { bigint: true });
      looks.set(path, { mtimeNs: String(mtimeNs), size: String(size), inode: String(ino) });
    } catch (error) {
      // Gone between listing and looking: it counts as not there.
      if (!isGone(error)) throw error;
    }
  }

  /** All values of a kind; a page stays well below the longest line of the sensor protocol. */
  async #valuesOf(prefix: string): Promise<{ readonly name: string; readonly value: string }[]> {
    const all: { readonly name: string; readonly value: string }[] = [];
    for (;;) {
      const page = await this.#service.listValues({ prefix, limit: PAGE, offset: all.length });
      all.push(...page);
      if (page.length < PAGE) return all;
    }
  }

  #isWatched(path: string): boolean {
    return this.#directories.some((directory) => isBelow(path, directory));
  }
}

function isBelow(path: string, folder: string): boolean {
  return path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}

function isGone(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return code === "ENOENT" || code === "ENOTDIR";
}

function markOf(look: Look): string {
  return `${look.mtimeNs}-${look.size}-${look.inode}`;
}

/** The end of what a Date can say; a file may claim to be from later. */
const LAST_MS = 8.64e15;

/** RFC 3339, in milliseconds. */
function timeOf(look: Look): string {
  const ms = Number(BigInt(look.mtimeNs) / 1_000_000n);
  return new Date(Math.max(-LAST_MS, Math.min(LAST_MS, ms))).toISOString();
}

/** A path may be longer than a value's name. */
function hash(path: string): string {
  return createHash("sha256").update(path).digest("hex");
}

function nameOf(path: string): string {
  return `file:${hash(path)}`;
}

function storedForm(path: string, look: Look): string {
  return JSON.stringify([path, look.mtimeNs, look.size, look.inode]);
}

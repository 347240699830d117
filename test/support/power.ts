/** Power loss: what fsync did not bring to disk is taken away from a folder whose processes were killed. */
import { execFile } from "node:child_process";
import { constants } from "node:fs";
import {
  chmod,
  copyFile,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { promisify } from "node:util";
import { processesAtHome } from "./home-processes.ts";
import { tempFolder } from "./temp-folder.ts";
import { waitUntil } from "./wait-until.ts";

const source = resolve(import.meta.dirname, "../fixtures/programs/power-record.c");

/** Compiles the recorder; `null`, after saying so, when there is no compiler. */
export async function powerRecorder(): Promise<string | null> {
  const library = join(await tempFolder("power"), "power-record.so");
  try {
    await promisify(execFile)("cc", ["-shared", "-fPIC", "-O2", "-o", library, source, "-ldl"]);
    return library;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    console.warn("NOT TESTED: power loss needs a C compiler named cc");
    return null;
  }
}

export interface Power {
  /** For every process that writes into the folder. */
  readonly env: Readonly<Record<string, string>>;
  /**
   * Leaves of the folder what was synced; of what was written behind the synced length, `torn` (a fraction) is kept.
   * All processes that write there must have ended.
   */
  cut(torn?: number): Promise<void>;
}

/** What is in `folder` already counts as on disk; so does `root`, the folder that it lies in, itself. */
export async function createPower(library: string, root: string, folder: string): Promise<Power> {
  const record = await tempFolder("power-record");
  const clear = async () => {
    for (const part of ["content", "names"]) {
      await rm(join(record, part), { recursive: true, force: true });
      await mkdir(join(record, part));
    }
  };
  await clear();
  const keepAll = async () => {
    await recordNames(record, root, [basename(folder)]);
    await recordAll(record, folder);
  };
  if ((await readdir(root)).includes(basename(folder))) await keepAll();
  return {
    env: {
      LD_PRELOAD: library,
      PETREL_POWER_ROOT: root,
      PETREL_POWER_RECORD: record,
      // What goes through a ring would go past the recorder.
      UV_USE_IO_URING: "0",
    },
    async cut(torn = 0) {
      const real = new Map(await filesByKey(folder));
      const tail = { of: (key: string) => real.get(key) ?? null, torn };
      const left = `${folder}.left`;
      const synced = (await namesOf(record, await keyOf(root))).get(basename(folder));
      if (synced !== undefined) await rebuild(record, synced, left, tail);
      await rm(folder, { recursive: true, force: true });
      await clear();
      if (synced === undefined) return;
      await rename(left, folder);
      await keepAll();
    },
  };
}

/** Kills all that runs at this HOME: a power loss spares neither sensors nor actions. */
export async function killHome(home: string): Promise<void> {
  await waitUntil("everything at this home to be dead", () => {
    const left = processesAtHome(home);
    for (const { pid } of left) kill(pid);
    return left.length === 0;
  });
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** One line of `names/KEY`. */
interface Name {
  readonly type: string;
  readonly key: string;
  readonly mode: number;
}

interface Tail {
  readonly of: (key: string) => string | null;
  readonly torn: number;
}

async function rebuild(record: string, { type, key, mode }: Name, to: string, tail: Tail): Promise<void> {
  if (type === "d") {
    await mkdir(to);
    for (const [name, inside] of await namesOf(record, key))
      await rebuild(record, inside, join(to, name), tail);
  } else {
    const content = await readFile(join(record, "content", key)).catch(missingAs(Buffer.alloc(0)));
    await writeFile(to, content);
    const real = tail.torn === 0 ? null : tail.of(key);
    if (real !== null) await addTail(to, real, content.length, tail.torn);
  }
  await chmod(to, mode);
}

async function addTail(to: string, real: string, synced: number, torn: number): Promise<void> {
  const written = await readFile(real);
  if (written.length <= synced) return;
  const file = await open(to, "r+");
  try {
    const end = synced + Math.floor((written.length - synced) * torn);
    await file.write(written, synced, end - synced, synced);
  } finally {
    await file.close();
  }
}

async function namesOf(record: string, key: string): Promise<ReadonlyMap<string, Name>> {
  const text = await readFile(join(record, "names", key), "utf8").catch(missingAs(""));
  const names = new Map<string, Name>();
  for (const line of text.split("\n").filter(Boolean)) {
    const [type = "", own = "", mode = "", ...name] = line.split(" ");
    names.set(name.join(" "), { type, key: own, mode: Number.parseInt(mode, 8) });
  }
  return names;
}

/** Whatever lies there is on disk. */
async function recordAll(record: string, folder: string): Promise<void> {
  const names = await readdir(folder, { withFileTypes: true });
  await recordNames(
    record,
    folder,
    names.map(({ name }) => name),
  );
  for (const entry of names) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await recordAll(record, path);
    else await copyFile(path, join(record, "content", await keyOf(path)), constants.COPYFILE_FICLONE);
  }
}

async function recordNames(record: string, folder: string, names: readonly string[]): Promise<void> {
  const lines: string[] = [];
  for (const name of names) {
    const path = join(folder, name);
    const found = await stat(path);
    const type = found.isDirectory() ? "d" : "f";
    lines.push(`${type} ${await keyOf(path)} ${(found.mode & 0o7777).toString(8)} ${name}\n`);
  }
  await writeFile(join(record, "names", await keyOf(folder)), lines.join(""));
}

async function filesByKey(folder: string): Promise<[string, string][]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true }).catch(missingAs([]));
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Promise.all(files.map(async (path): Promise<[string, string]> => [await keyOf(path), path]));
}

/** Inode and time of birth, as the recorder writes them. */
async function keyOf(path: string): Promise<string> {
  const { ino, birthtimeNs } = await stat(path, { bigint: true });
  return `${ino}-${birthtimeNs}`;
}

function missingAs<T>(value: T): (error: unknown) => T {
  return (error) => {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return value;
    throw error;
  };
}

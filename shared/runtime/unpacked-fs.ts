/**
 * What a binary has to put on disk: native add-ons, which the kernel maps from a file, and modules for Python. It lies
 * below the folder that this process keeps its state in, in a folder that is named by what is in it, and is looked at
 * anew by each process that uses it: nobody else can have written it, and it is what the binary has.
 */
import { createHash, randomUUID } from "node:crypto";
import {
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from "node:fs";
import { userInfo } from "node:os";
import { dirname, join } from "node:path";
import { PetrelError } from "../errors.ts";
import { makeFolderNow, unusable } from "../folder-fs.ts";
import { assetBytes } from "./binary-fs.ts";
import { type BinaryContents, filesBelow, type PackedFile } from "./contents.ts";

/** Below the state folder. */
const unpackedName = "runtime";

let state: { readonly folder: string; readonly mode: number } | null = null;

/**
 * Says where this process keeps its state, before anything is unpacked; the folder is made with this mode when it is
 * not there. Without it, it is that of the agent that started this process as a sensor, or `.petrel` in the home of
 * its user.
 */
export function unpackBelow(folder: string, mode: number): void {
  state = { folder, mode };
}

function stateFolder(): { readonly folder: string; readonly mode: number } {
  if (state !== null) return state;
  const { PETREL_AGENT_FOLDER: agent } = process.env;
  // Not HOME: under sudo that may be somebody else's.
  return agent
    ? { folder: agent, mode: 0o755 }
    : { folder: join(userInfo().homedir, ".petrel"), mode: 0o700 };
}

/** Absolute path of the folder, with everything that is below it in the binary. FOLDER_UNUSABLE, RUNTIME_UNSAFE. */
export function unpackedFolder(contents: BinaryContents, folder: string): string {
  const root = unpackedRoot(contents);
  for (const [path, file] of filesBelow(contents, folder)) unpack(root, join(folder, path), file);
  return join(root, folder);
}

/** Absolute path of the file. FOLDER_UNUSABLE, RUNTIME_UNSAFE. */
export function unpackedFile(contents: BinaryContents, path: string): string {
  const file = contents.files[path];
  if (file === undefined) throw new Error(`${path} is not in this binary`);
  const root = unpackedRoot(contents);
  unpack(root, path, file);
  return join(root, path);
}

/** A folder beside what is unpacked, for what is made of other files and belongs to this version. Throws as they do. */
export function madeFolder(contents: BinaryContents, name: string): string {
  const folder = join(unpackedRoot(contents), name);
  return orUnusable(folder, () => {
    ownFolder(folder);
    return folder;
  });
}

/**
 * The folder that everything is unpacked to. Users that actions run as read the modules in it:
 * it is closed to them only if the state folder is. FOLDER_UNUSABLE, RUNTIME_UNSAFE.
 */
function unpackedRoot({ id }: BinaryContents): string {
  const { folder, mode } = stateFolder();
  const all = join(folder, unpackedName);
  const own = join(all, id);
  return orUnusable(own, () => {
    // Whoever finds it takes its name to be on disk, and keeps a database in it.
    makeFolderNow(folder, mode);
    requireOurs(folder, statSync(folder));
    ownFolder(all);
    if (ownFolder(own)) forgetOlder(all, id);
    return own;
  });
}

/** Makes the folder if need be; whether it did. */
function ownFolder(path: string): boolean {
  try {
    mkdirSync(path, { mode: 0o755 });
    // Whatever the umask says.
    chmodSync(path, 0o755);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    const found = lstatSync(path);
    if (!found.isDirectory()) throw unsafe(path, "it is no folder");
    requireOurs(path, found);
    return false;
  }
}

/** Throws RUNTIME_UNSAFE where somebody else could have put something there. */
function requireOurs(path: string, { uid, mode }: Pick<Stats, "uid" | "mode">): void {
  const ours = process.geteuid?.() ?? 0;
  if (uid !== ours && uid !== 0)
    throw unsafe(path, `it belongs to user ${uid}, and this process is user ${ours}`);
  if ((mode & 0o022) !== 0) throw unsafe(path, `others may write to it (mode ${(mode & 0o777).toString(8)})`);
}

function unpack(root: string, path: string, file: PackedFile): void {
  const target = join(root, path);
  orUnusable(target, () => {
    let folder = root;
    for (const step of dirname(path).split("/")) {
      folder = join(folder, step);
      ownFolder(folder);
    }
    if (isThere(target, file)) return;
    // Several processes may be at it at once: each puts a whole file in place.
    const fresh = `${target}.${randomUUID()}`;
    try {
      writeFileSync(fresh, assetBytes(path), { flag: "wx", mode: 0o600 });
      chmodSync(fresh, file.mode);
      renameSync(fresh, target);
    } finally {
      rmSync(fresh, { force: true });
    }
  });
}

/** Whether it is there as it is in the binary; one that anybody could have written since is replaced. */
function isThere(path: string, { size, sha256 }: PackedFile): boolean {
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ELOOP") return false;
    throw error;
  }
  try {
    const found = fstatSync(file);
    if (!found.isFile() || found.size !== size || (found.mode & 0o022) !== 0) return false;
    const isOurs = found.uid === 0 || found.uid === process.geteuid?.();
    return isOurs && createHash("sha256").update(readFileSync(file)).digest("hex") === sha256;
  } finally {
    closeSync(file);
  }
}

/** Of other versions the newest stays: what it has started may still run, and read from there. */
function forgetOlder(all: string, id: string): void {
  const others = readdirSync(all)
    .filter((name) => /^[0-9a-f]{16}$/.test(name) && name !== id)
    .map((name) => ({ path: join(all, name), at: lstatSync(join(all, name)).mtimeMs }))
    .sort((a, b) => b.at - a.at);
  for (const { path } of others.slice(1)) rmSync(path, { recursive: true, force: true });
}

function unsafe(path: string, why: string): PetrelError {
  return new PetrelError("RUNTIME_UNSAFE", `nothing can be unpacked safely to ${path}: ${why}`, {
    where: path,
    hint: "let it belong to the user that runs this, with no write permission for others; or name another --data",
  });
}

function orUnusable<T>(path: string, act: () => T): T {
  try {
    return act();
  } catch (cause) {
    if (cause instanceof PetrelError) throw cause;
    throw unusable(path, cause);
  }
}

/** Puts the pieces of an installation on disk, and takes them away. */
import { chmod, lstat, readFile, readlink, rename, rm, symlink } from "node:fs/promises";
import { dirname } from "node:path";
import { PetrelError } from "../errors.ts";
import { makeFolderAs, syncFolder } from "../folder-fs.ts";
import { writeWhole } from "../whole-file-fs.ts";
import { type Found, missingSettings, type Piece, type Step, stepOf } from "./plan.ts";

export interface Change {
  readonly path: string;
  readonly step: Step;
  /** Of a file that was kept: settings that it does not have. */
  readonly missing: readonly string[];
}

/** What would be done. INSTALL_PATH when something else is in the way. */
export async function changesFor(pieces: readonly Piece[]): Promise<readonly Change[]> {
  const changes: Change[] = [];
  for (const piece of pieces) {
    const found = await look(piece);
    const step = stepOf(piece, found);
    const missing = step === "keep" && piece.kind === "file" ? missingSettings(piece, found?.text ?? "") : [];
    changes.push({ path: piece.path, step, missing });
  }
  return changes;
}

/** Does it; resolves to what was done, once it is on disk. */
export async function applyPieces(pieces: readonly Piece[]): Promise<readonly Change[]> {
  const changes: Change[] = [];
  for (const piece of pieces) {
    const [change] = await changesFor([piece]);
    if (change === undefined) continue;
    if (change.step === "make" || change.step === "change") await put(piece);
    changes.push(change);
  }
  return changes;
}

async function put(piece: Piece): Promise<void> {
  switch (piece.kind) {
    case "folder":
      await makeFolderAs(piece.path, piece.mode);
      return chmod(piece.path, piece.mode);
    case "file":
      await writeWhole(piece.path, piece.text, piece.mode);
      return chmod(piece.path, piece.mode);
    case "link": {
      const fresh = `${piece.path}.new`;
      await rm(fresh, { force: true });
      await symlink(piece.to, fresh);
      await rename(fresh, piece.path);
      return syncFolder(dirname(piece.path));
    }
  }
}

async function look(piece: Piece): Promise<Found | null> {
  const stat = await lstat(piece.path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });
  if (stat === null) return null;
  const mode = stat.mode & 0o7777;
  if (piece.kind === "link" && stat.isSymbolicLink()) return { mode, text: await readlink(piece.path) };
  if (piece.kind === "file" && stat.isFile()) return { mode, text: await readFile(piece.path, "utf8") };
  if (piece.kind === "folder" && (stat.isDirectory() || stat.isSymbolicLink())) return { mode, text: null };
  throw new PetrelError("INSTALL_PATH", `it is there already, and is no ${piece.kind}`, {
    where: piece.path,
    hint: "see what it is, and move it away",
  });
}

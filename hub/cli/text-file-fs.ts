/** Reads a file that a command line names. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { PetrelError } from "../../shared/errors.ts";

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "does not exist",
  EISDIR: "is a folder",
  EACCES: "may not be read by this user",
};

/** `file` is taken relative to `cwd`. Throws FILE_UNREADABLE. */
export function readTextFile(cwd: string, file: string): string {
  try {
    return readFileSync(resolve(cwd, file), "utf8");
  } catch (cause) {
    const reason = reasons[String((cause as NodeJS.ErrnoException).code)] ?? "cannot be read";
    throw new PetrelError("FILE_UNREADABLE", `${file} ${reason}`, {
      where: file,
      hint: "check the path, and who may read it",
      cause,
    });
  }
}

/** Native add-ons. Those of a binary are unpacked first; the build leads the packages that bring them along here. */
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { PetrelError } from "../errors.ts";
import { binaryContents } from "./binary-fs.ts";
import { unpackedFile } from "./unpacked-fs.ts";

/**
 * System calls that Node lacks, when they are needed and not before: loading it takes 2 MB. Throws where there is no
 * add-on for this system, and the errors of `loadAddon`.
 */
export function loadKoffi(): typeof import("koffi") {
  return createRequire(import.meta.url)("koffi") as typeof import("koffi");
}

/** Loads an add-on of the binary. Throws RUNTIME_NOEXEC, RUNTIME_UNSAFE, FOLDER_UNUSABLE and the loader's error. */
export function loadAddon(name: string): unknown {
  const contents = binaryContents();
  if (contents === null) throw new Error("only a binary has add-ons of its own");
  const path = unpackedFile(contents, `native/${name}.node`);
  const module = { exports: {} as unknown };
  try {
    process.dlopen(module, path);
  } catch (cause) {
    // What ld.so says when the kernel refuses to map it executable.
    if (!/failed to map segment/.test(String(cause))) throw cause;
    throw new PetrelError("RUNTIME_NOEXEC", `${dirname(path)} is on a file system that is mounted noexec`, {
      where: path,
      hint: "mount it with exec, or name a folder elsewhere with --data",
      cause,
    });
  }
  return module.exports;
}

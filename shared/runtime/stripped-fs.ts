/**
 * Packs in TypeScript, in a binary. What strips their types is a WebAssembly program of 11 MB of memory, which a process
 * that has loaded it keeps: a sensor, for as long as it runs. So a process of its own strips, and what it made lies in
 * the state folder from then on, named by what it was made of.
 */
import { execFileSync } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { binaryContents } from "./binary-fs.ts";
import { ownCommand } from "./own-programs-process.ts";
import { madeFolder } from "./unpacked-fs.ts";

const stripper = new URL("./strip-main.ts", import.meta.url);
/** What follows is a module, and not CommonJS. */
const moduleSyntax = /^(?:import|export)\b/m;

/** From here on this process loads TypeScript from disk that way. In a checkout Node's own cache does the same. */
export function loadStripped(): void {
  const contents = binaryContents();
  if (contents === null) return;
  registerHooks({
    load(url, context, next) {
      const [, extension] = /^file:.*\.([mc]?ts)$/.exec(url) ?? [];
      if (extension === undefined) return next(url, context);
      const source = readFileSync(fileURLToPath(url));
      const code = strippedOf(source, madeFolder(contents, "stripped"));
      const format = formatOf(extension, context.format, code ?? "");
      // What cannot be stripped, or might be either kind of module, is Node's to judge.
      return code === null || format === null
        ? next(url, context)
        : { format, source: code, shortCircuit: true };
    },
  });
}

function formatOf(
  extension: string,
  format: string | null | undefined,
  code: string,
): "module" | "commonjs" | null {
  if (extension === "mts" || format === "module-typescript") return "module";
  if (extension === "cts" || format === "commonjs-typescript") return "commonjs";
  return moduleSyntax.test(code) ? "module" : null;
}

function strippedOf(source: Buffer, folder: string): string | null {
  const path = join(folder, `${createHash("sha256").update(source).digest("hex")}.js`);
  try {
    return readFileSync(path, "utf8");
  } catch {
    // Made now.
  }
  try {
    const [command, ...args] = ownCommand(stripper);
    const code = execFileSync(command, args, {
      input: source,
      encoding: "utf8",
      maxBuffer: 64 * 1024 * 1024,
      stdio: "pipe",
    });
    keep(path, code);
    return code;
  } catch {
    // Its syntax is wrong, or there is no place for it: Node says what is wrong, or does without.
    return null;
  }
}

/** It is there whole or not at all: others may be at the same. */
function keep(path: string, code: string): void {
  const fresh = `${path}.${randomUUID()}`;
  try {
    writeFileSync(fresh, code, { flag: "wx", mode: 0o600 });
    renameSync(fresh, path);
  } finally {
    rmSync(fresh, { force: true });
  }
}

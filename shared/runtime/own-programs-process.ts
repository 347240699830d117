/** Programs of our own that run as processes and threads: sources under Node in a checkout, the binary itself else. */
import { fileURLToPath } from "node:url";
import { Worker, type WorkerOptions } from "node:worker_threads";
import { assetBytes, binaryContents } from "./binary-fs.ts";
import { pathOf, roleOf, rolePrefix, threadAsset } from "./contents.ts";

/** A pack needs no package.json: Node finds out the kind of module by itself, and shall not warn about that. */
const quietly = ["--disable-warning=ExperimentalWarning", "--disable-warning=MODULE_TYPELESS_PACKAGE_JSON"];

/** A command and its first arguments. */
export type OwnCommand = readonly [command: string, ...args: string[]];

/** What starts the program; it is one of those that the build knows (scripts/binaries/contents-of.ts). */
export function ownCommand(program: URL): OwnCommand {
  const contents = binaryContents();
  if (contents === null) return [process.execPath, ...quietly, fileURLToPath(program)];
  const role = roleOf(contents, pathOf(program));
  return role === null ? [process.execPath] : [process.execPath, `${rolePrefix}${role}`];
}

/** Starts a thread. Throws what `Worker` throws. */
export function ownThread(program: URL, options: WorkerOptions = {}): Worker {
  if (binaryContents() === null || program.protocol === "file:") return new Worker(program, options);
  const boot = assetBytes(threadAsset).toString("utf8");
  return new Worker(boot, { ...options, eval: true, argv: [program.href] });
}

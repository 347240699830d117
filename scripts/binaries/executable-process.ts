/** From Node's own program and the assets to one file that runs: a single executable application, as Node calls it. */
import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { inject } from "postject";

export interface ExecutableOptions {
  /** Where the file is written. */
  readonly path: string;
  /** Emptied first. */
  readonly workFolder: string;
  /** Node for the target. */
  readonly node: string;
  /** The same version for this machine: it makes the blob, whose layout may differ between versions. */
  readonly hostNode: string;
  /** The program that takes symbols out; without one they stay. */
  readonly strip: string | null;
  readonly flags: readonly string[];
  readonly main: Uint8Array;
  readonly assets: ReadonlyMap<string, Uint8Array>;
}

/** What marks the place in Node that says whether a blob is there. In two pieces, or it would be found here. */
const fuse = `NODE_SEA_${"FUSE_fce680ab2cc467b6e072b8b5df1996b2"}`;

export async function makeExecutable(options: ExecutableOptions): Promise<void> {
  const { path, workFolder, node, hostNode, strip, flags, main, assets } = options;
  rmSync(workFolder, { recursive: true, force: true });
  mkdirSync(workFolder, { recursive: true });
  mkdirSync(dirname(path), { recursive: true });
  const named: Record<string, string> = {};
  for (const [name, content] of [...assets].sort(([a], [b]) => (a < b ? -1 : 1))) {
    named[name] = join("assets", name);
    const file = join(workFolder, "assets", name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  }
  writeFileSync(join(workFolder, "main.cjs"), main);
  const config = {
    // Relative: paths are in the blob, and the same sources make the same bytes wherever they lie.
    main: "main.cjs",
    output: "blob",
    disableExperimentalSEAWarning: true,
    useSnapshot: false,
    useCodeCache: false,
    execArgv: flags,
    // Nothing in the environment of a service changes how it runs.
    execArgvExtension: "none",
    assets: named,
  };
  writeFileSync(join(workFolder, "config.json"), JSON.stringify(config));
  execFileSync(hostNode, ["--experimental-sea-config", "config.json"], {
    cwd: workFolder,
    stdio: "pipe",
  });
  const fresh = join(workFolder, "executable");
  copyFileSync(node, fresh);
  chmodSync(fresh, 0o755);
  // Before the injection: what was injected does not survive it.
  if (strip !== null) execFileSync(strip, [fresh]);
  await quietly(() =>
    inject(fresh, "NODE_SEA_BLOB", readFileSync(join(workFolder, "blob")), { sentinelFuse: fuse }),
  );
  rmSync(path, { force: true });
  copyFileSync(fresh, path);
  chmodSync(path, 0o755);
  rmSync(workFolder, { recursive: true });
}

/** It warns of sections that Node's program does not name, which is of no consequence. */
async function quietly(act: () => Promise<void>): Promise<void> {
  const { warn } = console;
  console.warn = (...words: readonly unknown[]) => {
    if (!String(words[0]).includes("string offset for section")) warn(...words);
  };
  try {
    await act();
  } finally {
    console.warn = warn;
  }
}

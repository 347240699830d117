/** Runs the formatter and linter: the program of this machine's platform package. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { root } from "./setup.mjs";

const program = join(root, "node_modules", "@biomejs", `cli-linux-${process.arch}`, "biome");
const done = spawnSync(program, process.argv.slice(2), { cwd: root, stdio: "inherit" });
if (done.error)
  console.error(`BIOME_MISSING: ${done.error.message}\n  fix:   run \`npm ci --include=optional\``);
process.exit(done.status ?? 1);

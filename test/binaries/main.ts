/**
 * `npm run test:binaries`: all tests that start hub, agent or command line as processes, with the binaries in their place;
 * then what test/binaries has, in a root file system without Node, and for arm64 under qemu. Builds them first, since those
 * that are there may be of other sources; `--built` takes them as they are. The output is in a file, the summary on the screen.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { bareRoot, emulated, type Place } from "./places-process.ts";
import { choices } from "./which-tests-fs.ts";

const usage = `usage: npm run test:binaries -- [--in here|root|arm64]… [--built] [--root FOLDER] [FILE…]
  --in     where; all three without it
  --built  with the binaries in dist/, as they are
  --root   a root file system to take instead of a bare one: of debootstrap, say
  FILE     only these tests, in each of the places`;

const root = resolve(import.meta.dirname, "../..");
const out = join(root, "dist", "tests");

const { values, positionals } = parseArgs({
  options: {
    in: { type: "string", multiple: true, default: ["here", "root", "arm64"] },
    built: { type: "boolean", default: false },
    root: { type: "string" },
    help: { type: "boolean" },
  },
  allowPositionals: true,
});
if (values.help || values.in.some((name) => !["here", "root", "arm64"].includes(name))) {
  console.error(usage);
  process.exit(2);
}
mkdirSync(out, { recursive: true });

const made = new Set<string>();

/** The folder of the binaries for a target, built once in a run. */
function binariesFor(target: string): string {
  const folder = join(root, "dist", target);
  const isThere = ["petrel", "petrel-agent"].every((name) => existsSync(join(folder, name)));
  if (values.built && !isThere) throw new Error(`--built, and ${folder} has no binaries`);
  if (!values.built && !made.has(target))
    execFileSync(process.execPath, ["scripts/binaries/main.ts", "--target", target], {
      cwd: root,
      stdio: "inherit",
    });
  made.add(target);
  return folder;
}

const own = `linux-${process.arch}`;
const places: Readonly<Record<string, () => Place>> = {
  here: () => ({ name: "this machine", folder: binariesFor(own), reason: null }),
  root: () => {
    const shown = ["packs", "test/fixtures", "docs"].map((path) => join(root, path));
    return bareRoot(binariesFor(own), join(root, "dist", "bare"), shown, values.root);
  },
  arm64: () =>
    process.arch === "arm64"
      ? { name: "arm64 under qemu", folder: null, reason: "this machine is arm64" }
      : emulated(binariesFor("linux-arm64"), join(root, "dist", "emulated")),
};

const all = choices(root);
const chosen = all.filter(({ reason }) => reason === null).map(({ path }) => path);
/** Elsewhere it is about the place, not about every promise again. */
const ofPlaces = ["enrolment", "file-watching", "sample-packs", "seed-story"].map(
  (name) => `test/integration/chain/${name}.test.ts`,
);
let failed = 0;
const summary: string[] = [];
for (const name of values.in) {
  const place = places[name]?.();
  if (place === undefined) continue;
  if (place.folder === null) {
    summary.push(`NOT TESTED in ${place.name}: ${place.reason}`);
    continue;
  }
  const standard = { here: chosen, root: ofPlaces, arm64: [] }[name] ?? [];
  summary.push(
    run(
      name,
      place.folder,
      positionals.length > 0 ? positionals : [...standard, "test/binaries/"],
      place.name,
    ),
  );
}

/** One run of vitest; its line of the summary. */
function run(name: string, binaries: string, files: readonly string[], where: string): string {
  const log = join(out, `${name}.log`);
  const report = join(out, `${name}.json`);
  const to = openSync(log, "w");
  console.log(`== ${where}: ${log}`);
  const more = name === "arm64" ? { PETREL_EMULATED: "1" } : {};
  const { status } = spawnSync(
    process.execPath,
    [
      join(root, "node_modules/vitest/vitest.mjs"),
      ...["run", "--config", "test/binaries/vitest.config.ts"],
      ...["--reporter=default", "--reporter=json", `--outputFile.json=${report}`, ...files],
    ],
    { cwd: root, stdio: ["ignore", to, to], env: { ...process.env, ...more, PETREL_BINARIES: binaries } },
  );
  closeSync(to);
  if (status !== 0) failed += 1;
  const result = JSON.parse(readFileSync(report, "utf8")) as {
    readonly numPassedTests: number;
    readonly numFailedTests: number;
    readonly numPendingTests: number;
    readonly testResults: readonly {
      readonly name: string;
      readonly status: string;
      readonly message: string;
      readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
    }[];
  };
  for (const file of result.testResults) {
    const tests = file.assertionResults.filter((one) => one.status === "failed");
    if (file.status === "failed" && tests.length === 0) summary.push(`FAILED ${file.name}: ${file.message}`);
    for (const test of tests) summary.push(`FAILED ${file.name}: ${test.fullName}`);
  }
  const { numPassedTests: passed, numFailedTests: wrong, numPendingTests: skipped } = result;
  return `${where}: ${passed} passed, ${wrong} failed, ${skipped} skipped${status === 0 ? "" : ` (exit ${status})`}`;
}

console.log("\nNot with the binaries:");
for (const { path, reason } of all) if (reason !== null) console.log(`  ${path}: ${reason}`);
console.log("");
for (const line of summary) console.log(line);
process.exit(failed === 0 ? 0 : 1);

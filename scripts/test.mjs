/** `npm test`: format and lint, types, then every test; the last line is the count. Runs on the caller's Node 20. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { projectNode, root, setUp } from "./setup.mjs";

setUp();
const node = projectNode();
const env = {
  ...process.env,
  // Tests start hundreds of processes: what they load is compiled once.
  NODE_COMPILE_CACHE: join(root, "node_modules", ".cache", "petrel"),
  PATH: `${dirname(node)}:${join(root, "node_modules", ".bin")}:${process.env.PATH}`,
};
const run = (title, command, args) => {
  console.log(`\n== ${title}`);
  return spawnSync(command, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"], env }).status ?? 1;
};
const script = (name) => join(root, "node_modules", name);

const only = process.argv.slice(2);
let failed = 0;
if (only.length === 0) {
  failed += run("format and lint", node, [
    join(root, "scripts", "biome.mjs"),
    "check",
    "--error-on-warnings",
    ".",
  ])
    ? 1
    : 0;
  failed += run("types", node, [script("typescript/bin/tsc"), "-p", "tsconfig.json"]) ? 1 : 0;
}

const folder = mkdtempSync(join(tmpdir(), "petrel-report-"));
const report = join(folder, "report.json");
let counts = { passed: 0, failed: 1, skipped: 0 };
try {
  const status = run("tests", node, [
    script("vitest/vitest.mjs"),
    "run",
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=${report}`,
    ...only,
  ]);
  const result = JSON.parse(readFileSync(report, "utf8"));
  const broken = result.testResults.filter(
    (file) => file.status === "failed" && file.assertionResults.length === 0,
  );
  counts = {
    passed: result.numPassedTests,
    failed: result.numFailedTests + broken.length,
    skipped: result.numPendingTests + result.numTodoTests,
  };
  if (status !== 0 && counts.failed === 0) counts.failed = 1;
} catch (error) {
  console.error(`The test report could not be read: ${error.message}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
counts.failed += failed;
console.log(`\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
process.exit(counts.failed === 0 && counts.passed > 0 ? 0 : 1);

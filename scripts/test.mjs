/** `npm test`: format and lint, types, then every test; the last line is the count. Runs on the caller's Node 20. */
import { spawn } from "node:child_process";
import { once } from "node:events";
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
/** `says` is given what it prints; without, it prints by itself. */
const run = async (command, args, says) => {
  const stdio = says === undefined ? "inherit" : "pipe";
  const child = spawn(command, args, { cwd: root, stdio: ["ignore", stdio, stdio], env });
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", says);
  try {
    return (await once(child, "close"))[0] ?? 1;
  } catch (error) {
    console.error(error.message);
    return 1;
  }
};
/** Beside the tests, which wait a third of their time. What it says is shown after theirs, where it is seen. */
const beside = async (title, ...command) => {
  const said = [];
  const status = await run(node, command, (bytes) => said.push(bytes));
  return { title, status, text: Buffer.concat(said).toString("utf8") };
};
const script = (name) => join(root, "node_modules", name);

const only = process.argv.slice(2);
const checks =
  only.length > 0
    ? []
    : [
        beside("format and lint", join(root, "scripts", "biome.mjs"), "check", "--error-on-warnings", "."),
        beside("types", script("typescript/bin/tsc"), "-p", "tsconfig.json"),
      ];

const folder = mkdtempSync(join(tmpdir(), "petrel-report-"));
const report = join(folder, "report.json");
let counts = { passed: 0, failed: 1, skipped: 0 };
try {
  console.log("\n== tests");
  const status = await run(node, [
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
for (const { title, status, text } of await Promise.all(checks)) {
  console.log(`\n== ${title}\n${text}`);
  if (status !== 0) counts.failed += 1;
}
console.log(`\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
process.exit(counts.failed === 0 && counts.passed > 0 ? 0 : 1);

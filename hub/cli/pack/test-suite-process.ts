/** Runs one suite of a pack's tests: Python's unittest, Node's own runner, or sh. */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { PetrelError } from "../../../shared/errors.ts";
import { ownFolder } from "../../../shared/runtime/own-files-fs.ts";
import { ownCommand } from "../../../shared/runtime/own-programs-process.ts";
import { checksWith } from "../../../shared/validation.ts";
import { readTap, type SuiteResult, type TestSuite } from "./test-suite.ts";

export interface SuiteOptions {
  /** Absolute path of the pack. */
  readonly folder: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What runs Python's tests; by default the pack's own virtualenv, else python3. */
  readonly python?: string | undefined;
  /** Where the runners print: standard output belongs to JSON where that was asked for. */
  readonly printTo: "stdout" | "stderr";
}

/** What packs import lies beside the agent that runs them; the same modules serve their tests. */
const nodeSuite = new URL("./node-suite-main.ts", import.meta.url);
const python = new URL("../../../agent/python", import.meta.url);

const checkReport = checksWith({})<Omit<SuiteResult, "language">>({
  type: "object",
  required: ["tests", "failed", "skipped", "failures"],
  properties: {
    tests: { type: "integer" },
    failed: { type: "integer" },
    skipped: { type: "integer" },
    failures: {
      type: "array",
      items: {
        type: "object",
        required: ["test", "message"],
        properties: { test: { type: "string" }, message: { type: "string" } },
      },
    },
  },
});

/** Runs it to its end. A runner that ends without its report is one failure. Throws PYTHON_MISSING. */
export async function runSuite(suite: TestSuite, options: SuiteOptions): Promise<SuiteResult> {
  switch (suite.language) {
    case "python":
      return runPython(options);
    case "node":
      return runNode(suite, options);
    case "shell":
      return runShell(suite, options);
  }
}

async function runPython(options: SuiteOptions): Promise<SuiteResult> {
  const { folder, env } = options;
  const own = ["virtualenv", ".venv"].map((name) => join(folder, name, "bin", "python")).find(existsSync);
  const command = options.python ?? own ?? "python3";
  const pythonFolder = ownFolder(python);
  const below = ["actions", "sensors", "lib", "actions/lib", "tests"].map((name) => join(folder, name));
  const ended = await run(command, ["-B", join(pythonFolder, "petrel_tests.py")], options, {
    PYTHONPATH: [pythonFolder, ...below, ...(env.PYTHONPATH ? [env.PYTHONPATH] : [])].join(delimiter),
    PYTHONUNBUFFERED: "1",
    PETREL_TEST_PACK: folder,
  });
  const report = parsed(ended.report);
  return { language: "python", ...withExit(report, ended.exit) };
}

/** Each file in a process of its own, as Node's own command does it; a binary has no such command. */
async function runNode({ files }: TestSuite, options: SuiteOptions): Promise<SuiteResult> {
  const temporary = mkdtempSync(join(tmpdir(), "petrel-test-"));
  try {
    const results: Omit<SuiteResult, "language">[] = [];
    for (const file of files) {
      const tap = join(temporary, `${results.length}.tap`);
      const [command, ...args] = ownCommand(nodeSuite);
      const given = [...args, options.printTo, tap, join(options.folder, file)];
      const { exit } = await run(command, given, options, {});
      results.push(withExit(readTap(existsSync(tap) ? readFileSync(tap, "utf8") : ""), exit));
    }
    return { language: "node", ...added(results) };
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

function added(results: readonly Omit<SuiteResult, "language">[]): Omit<SuiteResult, "language"> {
  const sum = (key: "tests" | "failed" | "skipped") => results.reduce((total, each) => total + each[key], 0);
  return {
    tests: sum("tests"),
    failed: sum("failed"),
    skipped: sum("skipped"),
    failures: results.flatMap(({ failures }) => failures),
  };
}

/** Each file is one test: it fails unless it ends with 0. */
async function runShell({ files }: TestSuite, options: SuiteOptions): Promise<SuiteResult> {
  const failures: { test: string; message: string }[] = [];
  for (const test of files) {
    const { exit } = await run("sh", [test], options, {});
    if (exit !== "exit code 0") failures.push({ test, message: exit });
  }
  return { language: "shell", tests: files.length, failed: failures.length, skipped: 0, failures };
}

function withExit(report: Omit<SuiteResult, "language"> | null, exit: string): Omit<SuiteResult, "language"> {
  if (report !== null && (report.failed > 0 || exit === "exit code 0")) return report;
  const failures = [{ test: "the runner of the tests", message: `it ended with ${exit}` }];
  return { tests: report?.tests ?? 0, failed: 1, skipped: report?.skipped ?? 0, failures };
}

function parsed(text: string): Omit<SuiteResult, "language"> | null {
  try {
    const report: unknown = JSON.parse(text);
    return checkReport(report) ? report : null;
  } catch {
    return null;
  }
}

function run(
  command: string,
  args: readonly string[],
  { folder, env, printTo }: SuiteOptions,
  more: Readonly<Record<string, string>>,
): Promise<{ readonly exit: string; readonly report: string }> {
  // Whoever runs this from a test of Node's must not have the pack's tests taken for part of it.
  const { NODE_TEST_CONTEXT: _, ...clean } = env;
  return new Promise((done, fail) => {
    const child = spawn(command, args, {
      cwd: folder,
      env: { ...clean, ...more },
      stdio: ["ignore", printTo === "stdout" ? 1 : 2, 2, "pipe"],
    });
    let report = "";
    child.stdio[3]?.on("data", (bytes: Buffer) => {
      report += bytes.toString("utf8");
    });
    child.on("error", (cause: NodeJS.ErrnoException) => {
      if (cause.code !== "ENOENT" || !command.includes("python")) return fail(cause);
      fail(
        new PetrelError("PYTHON_MISSING", "the pack's tests are written in Python, and there is no python3", {
          where: command,
          hint: "install python3, or name one with --python",
          cause,
        }),
      );
    });
    child.on("close", (code, signal) => {
      done({ exit: signal === null ? `exit code ${code}` : `signal ${signal}`, report });
    });
  });
}

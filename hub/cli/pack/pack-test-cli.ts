/** `petrel pack test DIR`: runs the tests that a pack brings along, without a hub. */
import { resolve } from "node:path";
import type { Command } from "commander";
import { CommandEnded, withExample } from "../../../shared/cli/program-cli.ts";
import { PetrelError } from "../../../shared/errors.ts";
import { plainLines } from "../../../shared/plain-text.ts";
import type { CliContext } from "../context-cli.ts";
import { toJson } from "../output.ts";
import { type SuiteResult, testSuites } from "./test-suite.ts";

const languages = { python: "Python", node: "Node", shell: "sh" } as const;

export function testVerb(noun: Command, context: CliContext): void {
  withExample(
    noun
      .command("test <folder>")
      .description("run a pack's own tests: tests/test_*.py, tests/*.test.ts, tests/test.sh")
      .option(
        "--python <program>",
        "what runs Python's tests; by default the pack's virtualenv, else python3",
      ),
    "petrel pack test packs/mypack",
  ).action(async (word: string, options: { readonly python?: string }, self: Command) => {
    const { io } = context;
    const json = context.globals(self).json === true;
    const folder = resolve(io.cwd, word);
    const { readPackFolder } = await import("../../../shared/packs/read-pack-fs.ts");
    const { runSuite } = await import("./test-suite-process.ts");
    const suites = testSuites((await readPackFolder(folder)).map(({ path }) => path));
    if (suites.length === 0) {
      throw new PetrelError("PACK_UNTESTED", `${word} has no tests`, {
        where: folder,
        hint: "put them into tests/: test_NAME.py, NAME.test.ts or test.sh; `petrel pack create` shows how",
      });
    }
    const results: SuiteResult[] = [];
    for (const suite of suites) {
      const printTo = json ? "stderr" : "stdout";
      results.push(await runSuite(suite, { folder, env: io.env, python: options.python, printTo }));
    }
    const sum = (of: (result: SuiteResult) => number) => results.reduce((all, one) => all + of(one), 0);
    const failed = sum((result) => result.failed);
    const record = {
      ok: failed === 0,
      tests: sum(({ tests }) => tests),
      failed,
      skipped: sum(({ skipped }) => skipped),
      suites: results,
    };
    await io.out(json ? toJson(record) : plainLines(`${results.map(summary).join("\n")}\n`));
    if (failed > 0) throw new CommandEnded(1);
  });
}

function summary({ language, tests, failed, skipped, failures }: SuiteResult): string {
  const more = skipped === 0 ? "" : `, ${skipped} skipped`;
  const head = `${languages[language]}: ${tests} ${tests === 1 ? "test" : "tests"}, ${failed} failed${more}`;
  const lines = failures.map(({ test, message }) => `  ${test}${message === "" ? "" : `: ${message}`}`);
  return [head, ...lines].join("\n");
}

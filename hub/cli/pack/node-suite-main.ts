/**
 * Runs one file of a pack's tests with Node's own runner, in this process. Arguments: where its report for people
 * goes, `stdout` or `stderr`; the file that takes the one for us; and the file of tests.
 */
import { createWriteStream } from "node:fs";
import { run } from "node:test";
import { spec, tap } from "node:test/reporters";

const [printTo, report = "", file = ""] = process.argv.slice(2);
const events = run({ files: [file], isolation: "none" });
events.on("test:fail", () => {
  process.exitCode = 1;
});
events.compose(new spec()).pipe(printTo === "stderr" ? process.stderr : process.stdout);
events.compose(tap).pipe(createWriteStream(report));

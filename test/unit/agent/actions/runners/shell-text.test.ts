import { spawnSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { gateLine, gateScript } from "../../../../../agent/actions/runners/shell-text.ts";
import { quote, scriptArguments } from "../../../../../shared/script-arguments.ts";

const shells = ["bash", "sh"] as const;
const run = (shell: "bash" | "sh", input: string, marker?: string) =>
  spawnSync(shell, ["-c", gateScript(shell, marker)], { input, encoding: "utf8" });

describe.each(shells)("the gate of %s", (shell) => {
  const commands = [
    "echo hello",
    "printf '%s|' 'a\\nb' \"c\\\\d\"",
    "echo one\necho two\n",
    "# a comment",
    "exit 7",
    "cat",
    'printf %s "$PETREL_LINE"',
    "cat <<'END'\nline \\n $HOME `date`\nEND",
  ];
  it.each(commands)("runs %j as the shell itself would", (command) => {
    const bare = spawnSync(shell, ["-c", command], { input: "", encoding: "utf8" });
    const gated = run(shell, gateLine(command));
    expect([gated.status, gated.stdout, gated.stderr]).toEqual([bare.status, bare.stdout, bare.stderr]);
  });

  it("runs nothing at end-of-file, not even a command without its line end", () => {
    const half = gateLine("echo ran").slice(0, -1);
    expect(run(shell, half)).toMatchObject({ status: 125, stdout: "" });
    expect(run(shell, "")).toMatchObject({ status: 125, stdout: "" });
  });

  it("skips what stands before the marker: a password that nobody asked for is neither run nor shown", () => {
    const gated = run(shell, `echo password\nMARK\n${gateLine("echo ran")}`, "MARK");
    expect(gated).toMatchObject({ status: 0, stdout: "ran\n", stderr: "" });
    expect(run(shell, "echo password\n", "MARK")).toMatchObject({ status: 125, stdout: "" });
  });
});

describe("quoting", () => {
  it("gives every text back as one word", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.string({ unit: "binary" }).filter((s) => !s.includes("\0") && s.isWellFormed()),
          { minLength: 1, maxLength: 5 },
        ),
        (words) => {
          const { stdout } = spawnSync("sh", ["-c", `printf '%s\\0' ${words.map(quote).join(" ")}`], {
            encoding: "utf8",
          });
          expect(stdout.split("\0").slice(0, -1)).toEqual(words);
        },
      ),
      { numRuns: 30 },
    );
  });
});

describe("a script's arguments", () => {
  const rows = [
    [
      "named first, then positional by position",
      { b: 1, file: "x", a: "y" },
      ["file"],
      ["--b=1", "--a=y", "x"],
    ],
    ["true is a bare flag, false is left out", { yes: true, no: false }, [], ["--yes"]],
    ["null and empty are left out", { none: null, empty: "" }, [], []],
    ["named objects and arrays are JSON", { o: { k: [1] }, l: ["a"] }, [], ['--o={"k":[1]}', '--l=["a"]']],
    ["positional booleans are 1 and 0", { t: true, f: false }, ["t", "f"], ["1", "0"]],
    ["positional arrays are joined by commas", { l: ["a", 1, true] }, ["l"], ["a,1,1"]],
    ["positional objects are JSON", { o: { k: 1 } }, ["o"], ['{"k":1}']],
    ["positional null and missing keep their place", { n: null }, ["n", "m"], ["", ""]],
  ] as const;
  it.each(rows)("%s", (_what, parameters, positional, expected) => {
    expect(scriptArguments(parameters, positional, "--")).toEqual(expected);
  });

  it("uses the prefix it is given", () => {
    expect(scriptArguments({ a: 1, b: true }, [], "-")).toEqual(["-a=1", "-b"]);
  });
});

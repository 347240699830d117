import { expect, test } from "vitest";
import { endedOutput, LiveOutput, type OutputPiece } from "../../../../hub/executions/live-output.ts";

const from0 = { stdout: 0, stderr: 0 };
const piece = (offset: number, text: string, stream: "stdout" | "stderr" = "stdout"): OutputPiece => ({
  stream,
  offset,
  text,
});
const textsOf = (pieces: readonly OutputPiece[]) => pieces.map(({ text }) => text).join("");

test("pieces come back in order, from where they are not known yet", () => {
  const live = new LiveOutput();
  for (const each of [piece(0, "ü"), piece(0, "e", "stderr"), piece(2, "b")])
    live.take("a", { execution: "x", ...each });
  expect(live.since("a", "x", from0)).toEqual([piece(0, "ü"), piece(0, "e", "stderr"), piece(2, "b")]);
  expect(live.since("a", "x", { stdout: 2, stderr: 1 })).toEqual([piece(2, "b")]);
});

test("no agent writes into what another one runs, and nothing is written twice", () => {
  const live = new LiveOutput();
  live.take("a", { execution: "x", ...piece(0, "abc") });
  live.take("b", { execution: "x", ...piece(3, "forged") });
  live.take("a", { execution: "x", ...piece(1, "bc") });
  expect(textsOf(live.since("a", "x", from0))).toBe("abc");
});

test("memory is bounded, by execution, by agent and in all; what was silent for the longest goes", () => {
  const live = new LiveOutput({ perExecution: 1_000, perAgent: 1_900, total: 2_500 });
  const write = (agent: string, execution: string, offset = 0) =>
    live.take(agent, { execution, ...piece(offset, "x".repeat(500)) });
  const left = (agent: string) =>
    ["one", "two", "three", "four"].filter((each) => live.since(agent, each, from0).length > 0);
  for (const execution of ["one", "two", "three"]) write("a", execution);
  write("a", "one", 500);
  expect(live.since("a", "one", from0)).toHaveLength(1);
  write("a", "four");
  expect(left("a")).toEqual(["two", "three", "four"]);
  write("b", "one");
  write("b", "two");
  expect([left("a"), left("b")]).toEqual([
    ["three", "four"],
    ["one", "two"],
  ]);
  for (const execution of ["three", "four", "one", "two"]) write("c", execution);
  expect([left("a"), left("b"), left("c")]).toEqual([[], ["two"], ["one", "two", "four"]]);
});

test("an agent that floods crowds out only itself", () => {
  const live = new LiveOutput({ perExecution: 1_000, perAgent: 1_300, total: 10_000 });
  live.take("quiet", { execution: "x", ...piece(0, "x".repeat(500)) });
  for (let n = 0; n < 50; n++) live.take("loud", { execution: `${n}`, ...piece(0, "x".repeat(500)) });
  expect(live.since("quiet", "x", from0)).toHaveLength(1);
  const left = Array.from({ length: 50 }, (_, n) => n).filter(
    (n) => live.since("loud", `${n}`, from0).length > 0,
  );
  expect(left).toEqual([48, 49]);
});

test("an action that runs again after a crash of its agent begins anew", () => {
  const live = new LiveOutput();
  for (const each of [piece(0, "first"), piece(5, " try"), piece(0, "again")])
    live.take("a", { execution: "x", ...each });
  expect(live.since("a", "x", from0)).toEqual([piece(0, "again")]);
});

test.each([
  ["all of a result that nothing came of before", [], { stdout: "out", stderr: "err" }, from0, "outerr"],
  ["the rest", [piece(0, "ü")], { stdout: "üb" }, from0, "üb"],
  ["nothing twice", [piece(0, "out\n")], { stdout: "out" }, from0, "out\n"],
  ["what is behind the known", [], { stdout: "abc" }, { stdout: 2, stderr: 0 }, "c"],
  [
    "the result, where pieces are missing",
    [piece(3, "def")],
    { stdout: "abcdef", stderr: "e" },
    from0,
    "abcdefe",
  ],
  ["a value that was read as JSON", [], { stdout: [1] }, from0, "[\n  1\n]"],
  ["the text of such a value, where it came", [piece(0, "[1]\n")], { stdout: [1] }, from0, "[1]\n"],
  ["no result at all", [piece(0, "a")], null, from0, "a"],
  ["a result of another shape", [], { body: "x" }, from0, ""],
])("at the end there is %s", (_, live, result, known, text) => {
  expect(textsOf(endedOutput(live, result, known))).toBe(text);
});

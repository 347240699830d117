import { expect, test } from "vitest";
import { EarlyOutput } from "../../../../agent/actions/early-output.ts";
import { manualTime } from "../../../support/manual-time.ts";

function early() {
  const time = manualTime();
  const sent: string[] = [];
  const output = new EarlyOutput(
    time.timers,
    (execution, stream, offset, text) => void sent.push(`${execution} ${stream} ${offset} ${text}`),
  );
  return { time, sent, output };
}

test("an action that ends at once sends nothing", () => {
  const { time, sent, output } = early();
  output.write("a", "stdout", 0, "x");
  time.advance(99);
  output.ended("a");
  time.advance(1_000);
  expect(sent).toEqual([]);
});

test("of one that goes on all comes, in order, and then at once", () => {
  const { time, sent, output } = early();
  output.write("a", "stdout", 0, "x");
  output.write("a", "stderr", 0, "y");
  output.write("b", "stdout", 0, "other");
  output.ended("b");
  time.advance(100);
  expect(sent).toEqual(["a stdout 0 x", "a stderr 0 y"]);
  output.write("a", "stdout", 1, "z");
  expect(sent.at(-1)).toBe("a stdout 1 z");
});

import { describe, expect, test } from "vitest";
import { refuseOversized } from "../../../../shared/parameters/size.ts";

const overhead = JSON.stringify({ a: "" }).length;
const of = (bytes: number) => ({ a: "x".repeat(bytes - overhead) });
const inline = 96 * 1024;
/** Encrypted it has 16 bytes more. */
const blob = 16 * 1024 * 1024 - 16;

describe("parameters that are too large to send", () => {
  test.each([
    ["both at their limits", of(blob), of(inline), null],
    ["one byte more for the runner", {}, of(inline + 1), "the runner's parameters take 98305 bytes of JSON"],
    ["one byte more for the action", of(blob + 1), {}, "the action's parameters take 16777201 bytes of JSON"],
    ["many bytes in few characters", {}, { a: "€".repeat(inline / 3) }, "the runner's parameters"],
  ])("%s", (_, parameters, runner, message) => {
    const check = () => refuseOversized(parameters, runner);
    if (message === null) expect(check).not.toThrow();
    else
      expect(check).toThrow(
        expect.objectContaining({ code: "PARAMETER_INVALID", message: expect.stringContaining(message) }),
      );
  });
});

/** Log lines: what strangers wrote cannot act in a terminal, secrets stay untold, and logging never throws. */
import { expect, it } from "vitest";
import { PetrelError } from "../../../shared/errors.ts";
import { createLogger, type LogFields } from "../../../shared/log.ts";

function lineOf(format: "text" | "json", message: string, fields: LogFields): string {
  const lines: string[] = [];
  createLogger({ level: "debug", format, write: (line) => lines.push(line), now: () => 0 }).info(
    message,
    fields,
  );
  return lines.join("\n");
}

it.each([
  ["an escape sequence", "\x1b[2J\x1b]0;title\x07"],
  ["a line of its own", "x\n1970-01-01T00:00:00.000Z ERROR forged"],
  ["a carriage return", "x\rforged"],
  ["C1 controls", "\x9b31m"],
  ["a change of direction", "\u202egnirts"],
  ["a line separator", "a\u2028b"],
])("%s in a message, a field's name or its value is spelled out", (_, text) => {
  for (const format of ["text", "json"] as const) {
    const line = lineOf(format, text, {
      [`name${text}`]: text,
      inner: { list: [text] },
      error: new Error(text),
    });
    expect(line).not.toMatch(/[\p{Cc}\p{Cf}\u2028\u2029]/u);
  }
  const { message, inner } = JSON.parse(lineOf("json", text, { inner: { list: [text] } }));
  expect({ message, inner }).toEqual({ message: text, inner: { list: [text] } });
});

it("fields with the names of secrets are masked at any depth", () => {
  for (const format of ["text", "json"] as const) {
    const line = lineOf(format, "login", {
      password: "hunter2",
      request: { headers: [{ Api_Key: "hunter2" }] },
    });
    expect(line).not.toContain("hunter2");
    expect(line).toContain("********");
  }
});

it("an error says its code and what the system said, not what an evaluation quoted", () => {
  const system = Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
  const quoting = new PetrelError("EXPRESSION_TYPE", "'hunter2' is no number");
  const line = (error: Error) => JSON.parse(lineOf("json", "m", { error })).error;
  // As Node has it where a name has several addresses, and none of them answers.
  const attempts = ["127.0.0.1", "::1"].map((host) =>
    Object.assign(new Error(`connect ECONNREFUSED ${host}:1`), { code: "ECONNREFUSED" }),
  );
  expect(line(Object.assign(new AggregateError(attempts), { code: "ECONNREFUSED" }))).toBe(
    "ECONNREFUSED: connect ECONNREFUSED 127.0.0.1:1; connect ECONNREFUSED ::1:1",
  );
  expect(line(new PetrelError("STORE_WRITE", "not written", { cause: system }))).toBe(
    "STORE_WRITE: not written; cause: ENOSPC: no space left on device",
  );
  expect(line(new PetrelError("PARAMETER_INVALID", "does not fit", { cause: quoting }))).toBe(
    "PARAMETER_INVALID: does not fit",
  );
});

it("an error that nobody planned says where it comes from", () => {
  expect(JSON.parse(lineOf("json", "m", { error: new TypeError("no such thing") })).error).toMatch(
    /^no such thing \(at .*log\.test\.ts/,
  );
});

it("what cannot be logged, or not written, does not throw", () => {
  const circle: { self?: unknown } = {};
  circle.self = circle;
  for (const format of ["text", "json"] as const) {
    expect(() => lineOf(format, "m", { circle })).not.toThrow();
    expect(lineOf(format, "m", { big: 2n ** 64n })).toContain("18446744073709551616");
  }
  const full = createLogger({
    level: "info",
    format: "text",
    write: () => {
      throw new Error("no space left on device");
    },
    now: () => 0,
  });
  expect(() => full.error("m")).not.toThrow();
});

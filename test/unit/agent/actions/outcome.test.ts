import { describe, expect, it } from "vitest";
import {
  type ProcessExit,
  type ScriptReport,
  scriptOutcome,
  shellOutcome,
  shellValue,
  unstartedOutcome,
} from "../../../../agent/actions/outcome.ts";
import type { Json, JsonObject } from "../../../../shared/json.ts";

const kept = (text: string) => ({ text, droppedBytes: 0 });
const output = { stdout: kept("out\n"), stderr: kept("err\n") };
const exit = (changes: Partial<ProcessExit>): ProcessExit => ({
  code: null,
  signal: null,
  stopped: null,
  gone: true,
  ...changes,
});
const sigkill = { name: "SIGKILL", number: 9 };
const sigterm = { name: "SIGTERM", number: 15 };
const timeout = { kind: "timeout", seconds: 60 } as const;
const cancel = { kind: "cancel", reason: "canceled by bo" } as const;

/** How it ended → status, return code, error, reason. */
const exits: readonly [string, ProcessExit, string, number, string | undefined, string | undefined][] = [
  ["exit code 0", exit({ code: 0 }), "succeeded", 0, undefined, undefined],
  ["exit code 1", exit({ code: 1 }), "failed", 1, undefined, "exit code 1"],
  [
    "exit code 137, a shell's word for a killed child",
    exit({ code: 137 }),
    "failed",
    137,
    undefined,
    "exit code 137",
  ],
  [
    "SIGKILL from outside",
    exit({ signal: sigkill }),
    "failed",
    -9,
    "Action was ended from outside by SIGKILL",
    "ended from outside by SIGKILL",
  ],
  [
    "SIGTERM from outside",
    exit({ signal: sigterm }),
    "failed",
    -15,
    "Action was ended from outside by SIGTERM",
    "ended from outside by SIGTERM",
  ],
  [
    "our timeout, ended by SIGTERM",
    exit({ signal: sigterm, stopped: timeout }),
    "timeout",
    -9,
    "Action failed to complete in 60 seconds",
    "timed out after 60 s",
  ],
  [
    "our timeout, ended with code 0",
    exit({ code: 0, stopped: timeout }),
    "timeout",
    -9,
    "Action failed to complete in 60 seconds",
    "timed out after 60 s",
  ],
  [
    "canceled",
    exit({ signal: sigterm, stopped: cancel }),
    "canceled",
    -15,
    "Action was canceled: canceled by bo",
    "canceled by bo",
  ],
  [
    "canceled, ended with code 0",
    exit({ code: 0, stopped: cancel }),
    "canceled",
    0,
    "Action was canceled: canceled by bo",
    "canceled by bo",
  ],
  [
    "the agent stopped",
    exit({ signal: sigkill, stopped: { kind: "shutdown" } }),
    "abandoned",
    -9,
    "Action was ended: agent stopped",
    "agent stopped",
  ],
  [
    "canceled, but something stayed",
    exit({ signal: sigkill, stopped: cancel, gone: false }),
    "canceled",
    -9,
    "Action was canceled: canceled by bo",
    "canceled by bo; some of its processes would not go",
  ],
];

describe("the outcome of a shell action", () => {
  it.each(exits)("%s", (_what, ended, status, code, error, reason) => {
    const outcome = shellOutcome(ended, output);
    const succeeded = status === "succeeded";
    expect(outcome.status).toBe(status);
    expect(outcome.reason).toBe(reason);
    expect(outcome.result).toEqual({
      failed: !succeeded,
      succeeded,
      return_code: code,
      stdout: "out",
      stderr: "err",
      ...(error !== undefined && { error }),
    });
  });

  const values: readonly [string, Json][] = [
    ["", ""],
    ["hello\n", "hello"],
    ["hello\r\n", "hello"],
    ["two\n\n", "two\n"],
    ["123", 123],
    ["123\n", 123],
    ["01", "01"],
    ["true", true],
    ["True", "True"],
    ["null", null],
    ["NaN", "NaN"],
    ['{"a": [1, "b"]}\n', { a: [1, "b"] }],
    ['"text"', "text"],
    [" 5 ", 5],
    ["1.5", 1.5],
    ["12345678901234567890", "12345678901234567890"],
    ["{a: 1}", "{a: 1}"],
    [`${"[".repeat(100)}${"]".repeat(100)}`, JSON.parse(`${"[".repeat(100)}${"]".repeat(100)}`)],
    ["[".repeat(101) + "]".repeat(101), "[".repeat(101) + "]".repeat(101)],
  ];
  it.each(values)("output %j reads as %j", (text, value) => {
    expect(shellValue(kept(text))).toEqual(value);
  });

  it("does not read cut output as JSON, and says how much was cut", () => {
    const { result } = shellOutcome(exit({ code: 0 }), {
      ...output,
      stdout: { text: "12", droppedBytes: 3 },
    });
    expect(result).toMatchObject({ stdout: "12", stdout_dropped_bytes: 3 });
  });
});

const returned = (result: Json, status: boolean | null = null): ScriptReport => ({
  op: "result",
  result,
  status,
});
const thrown: ScriptReport = { op: "exception", type: "ValueError", message: "bad", traceback: "Trace…" };

/** Exit, report → status, result, error. */
const scripts: readonly [string, ProcessExit, ScriptReport | null, string, Json, string | undefined][] = [
  ["a plain result", exit({ code: 0 }), returned({ a: 1 }), "succeeded", { a: 1 }, undefined],
  ["True and a result", exit({ code: 0 }), returned("x", true), "succeeded", "x", undefined],
  ["False and a result", exit({ code: 0 }), returned("x", false), "failed", "x", undefined],
  ["a result and another exit code", exit({ code: 2 }), returned("x", true), "failed", "x", undefined],
  ["no result", exit({ code: 0 }), null, "succeeded", null, undefined],
  ["an exception and exit code 0", exit({ code: 0 }), thrown, "failed", null, "ValueError: bad"],
  ["an exception", exit({ code: 1 }), thrown, "failed", null, "ValueError: bad"],
  [
    "a pair without a bool",
    exit({ code: 220 }),
    { op: "invalid-status", message: "no bool" },
    "failed",
    null,
    "no bool",
  ],
  [
    "a timeout",
    exit({ signal: sigkill, stopped: timeout }),
    null,
    "timeout",
    null,
    "Action failed to complete in 60 seconds",
  ],
  [
    "a timeout after the result",
    exit({ signal: sigkill, stopped: timeout }),
    returned("x"),
    "timeout",
    null,
    "Action failed to complete in 60 seconds",
  ],
  [
    "SIGKILL from outside",
    exit({ signal: sigkill }),
    null,
    "failed",
    null,
    "Action was ended from outside by SIGKILL",
  ],
];

describe("the outcome of a script", () => {
  it.each(scripts)("%s", (_what, ended, report, status, result, error) => {
    const outcome = scriptOutcome(ended, output, report);
    expect(outcome.status).toBe(status);
    const { result: value, error: text, stdout, stderr } = outcome.result as JsonObject;
    expect({ value, text, stdout, stderr }).toEqual({
      value: result,
      text: error,
      stdout: "out\n",
      stderr: "err\n",
    });
  });

  it.each<[string, ProcessExit, ScriptReport | null, string | undefined]>([
    ["success", exit({ code: 0 }), returned("x", true), undefined],
    ["False and a result", exit({ code: 0 }), returned("x", false), "said that it failed"],
    ["another exit code", exit({ code: 2 }), returned("x", true), "exit code 2"],
    ["an exception", exit({ code: 1 }), thrown, "ValueError: bad"],
    [
      "an exception of many words",
      exit({ code: 1 }),
      { ...thrown, message: `${"é".repeat(300)}\nand more` },
      `ValueError: ${"é".repeat(188)}…`,
    ],
    ["a pair without a bool", exit({ code: 220 }), { op: "invalid-status", message: "no bool" }, "no bool"],
    ["a timeout", exit({ signal: sigkill, stopped: timeout }), null, "timed out after 60 s"],
    ["SIGKILL from outside", exit({ signal: sigkill }), null, "ended from outside by SIGKILL"],
  ])("says why in a few words: %s", (_what, ended, report, reason) => {
    expect(scriptOutcome(ended, output, report).reason).toBe(reason);
  });

  it("shows type, message and traceback of an exception", () => {
    const { result } = scriptOutcome(exit({ code: 1 }), output, thrown);
    expect(result).toMatchObject({
      exit_code: 1,
      exception: { type: "ValueError", message: "bad", traceback: "Trace…" },
    });
  });
});

describe("a run that was stopped before it started", () => {
  it.each([
    [cancel, "canceled", "canceled by bo"],
    [{ kind: "shutdown" } as const, "abandoned", "agent stopped"],
  ])("%j", (reason, status, text) => {
    expect(unstartedOutcome(reason)).toMatchObject({ status, reason: text });
  });
});

/** The small pure parts of the action side. */
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { type Component, startAll, stopAll } from "../../../../agent/actions/component.ts";
import { createDispatcher, type DispatchTargets } from "../../../../agent/actions/dispatcher.ts";
import { actionEnvironment, baseEnvironment } from "../../../../agent/actions/environment.ts";
import { OutputCapture } from "../../../../agent/actions/output-capture.ts";
import { parseStat } from "../../../../agent/actions/proc-fs.ts";
import { maxInlineResultBytes, storableResult } from "../../../../agent/actions/result.ts";
import { parseScriptMessage } from "../../../../agent/actions/runners/script-protocol.ts";
import { maxBlobBytes } from "../../../../shared/blobs/blob-ref.ts";
import { createLogger, silentLogger } from "../../../../shared/log.ts";
import { type Status, statuses } from "../../../../shared/model/execution.ts";
import { actionRequest } from "../../../support/runner-settings.ts";

/** A log whose lines can be looked at. */
function keptLog() {
  const lines: string[] = [];
  const write = (line: string) => void lines.push(line);
  return { lines, logger: createLogger({ level: "info", format: "text", write, now: () => 0 }) };
}

describe("the dispatcher", () => {
  const routes: Record<string, string> = {
    scheduled: "run",
    canceling: "cancel",
    pausing: "pause",
    resuming: "resume",
  };
  it.each(statuses)("routes %s by its table and ignores what is not in it", (status) => {
    const called: string[] = [];
    const note = (name: string) => () => called.push(name) > 0;
    const targets: DispatchTargets = {
      run: note("run"),
      cancel: note("cancel"),
      pause: note("pause"),
      resume: note("resume"),
    };
    const { lines, logger } = keptLog();
    const routed = createDispatcher(targets, logger)({ execution: "E", status });
    expect(routed).toBe(routes[status] ?? "ignored");
    expect(called).toEqual(routes[status] === undefined ? [] : [routes[status]]);
    const ignored = new RegExp(`not dispatching.*execution=E status=${status}`);
    expect(lines).toEqual(routes[status] === undefined ? [expect.stringMatching(ignored)] : []);
  });

  it.each(Object.entries(routes))("ignores and logs %s when there is nothing to %s", (status, route) => {
    const no = () => false;
    const { lines, logger } = keptLog();
    const dispatch = createDispatcher({ run: no, cancel: no, pause: no, resume: no }, logger);
    expect(dispatch({ execution: "E", status: status as Status })).toBe("ignored");
    expect(lines).toEqual([expect.stringMatching(new RegExp(`nothing to ${route}.*execution=E`))]);
  });
});

describe("components", () => {
  const recording = (name: string, log: string[], fails: "start" | "stop" | null = null): Component => ({
    name,
    start: async () => {
      if (fails === "start") throw new Error(`${name} does not start`);
      log.push(`start ${name}`);
    },
    stop: async () => {
      log.push(`stop ${name}`);
      if (fails === "stop") throw new Error(`${name} does not stop`);
    },
  });

  it("start in order and stop in reverse", async () => {
    const log: string[] = [];
    const both = [recording("scheduler", log), recording("worker", log)];
    await startAll(both, silentLogger);
    await stopAll(both, silentLogger);
    expect(log).toEqual(["start scheduler", "start worker", "stop worker", "stop scheduler"]);
  });

  it("are taken down again when one does not start", async () => {
    const log: string[] = [];
    const both = [recording("scheduler", log), recording("worker", log, "start")];
    await expect(startAll(both, silentLogger)).rejects.toThrow("worker does not start");
    expect(log).toEqual(["start scheduler", "stop scheduler"]);
  });

  it("fail by the first reason, whatever more goes wrong while they are taken down", async () => {
    const { lines, logger } = keptLog();
    const both = [recording("scheduler", [], "stop"), recording("worker", [], "start")];
    await expect(startAll(both, logger)).rejects.toThrow("worker does not start");
    expect(lines).toEqual([expect.stringContaining("part=scheduler")]);
  });

  it("all stop, also when one fails to", async () => {
    const log: string[] = [];
    const both = [recording("scheduler", log), recording("worker", log, "stop")];
    const { lines, logger } = keptLog();
    await expect(stopAll(both, logger)).rejects.toThrow("not all parts");
    expect(log).toEqual(["stop worker", "stop scheduler"]);
    expect(lines).toEqual([
      expect.stringMatching(/could not be stopped cleanly.*part=worker.*worker does not stop/s),
    ]);
  });
});

describe("the environment of an action", () => {
  it("takes little from the agent", () => {
    const base = baseEnvironment({
      PATH: "/bin",
      HOME: "/root",
      AWS_SECRET: "x",
      NODE_OPTIONS: "--x",
      LANG: "",
    });
    expect(base).toEqual({ PATH: "/bin", HOME: "/root", LANG: "C.UTF-8" });
  });

  it("lets nobody override the variable by which a recovery knows its processes", () => {
    const request = actionRequest({
      runner_parameters: { env: { ST2_ACTION_EXECUTION_ID: "other", A: true } },
    });
    const env = actionEnvironment({ PATH: "/bin" }, request, { B: "2" });
    expect(env).toMatchObject({
      PATH: "/bin",
      A: "true",
      B: "2",
      ST2_ACTION_EXECUTION_ID: request.execution,
    });
  });

  it.each([
    ["a reserved variable", { pythonpath: "/x" }, "may not set pythonpath"],
    ["an impossible name", { "A=B": "x" }, "impossible variable"],
    ["no object", "A=B", "is no object"],
  ])("refuses %s", (_what, env, message) => {
    const request = actionRequest({ runner_parameters: { env } });
    expect(() => actionEnvironment({}, request, {}, ["PYTHONPATH"])).toThrow(message);
  });
});

describe("captured output", () => {
  it("passes on whole characters, with the bytes before them", () => {
    const pieces: [number, string][] = [];
    const capture = new OutputCapture(100, (offset, text) => pieces.push([offset, text]));
    const bytes = new TextEncoder().encode("aé!");
    capture.write(bytes.subarray(0, 2));
    capture.write(bytes.subarray(2));
    expect(pieces).toEqual([
      [0, "a"],
      [1, "é!"],
    ]);
    expect(capture.end()).toEqual({ text: "aé!", droppedBytes: 0 });
  });

  it("passes on the same text however the bytes were cut", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.array(fc.nat({ max: 5 })), (text, cuts) => {
        const bytes = new TextEncoder().encode(text);
        let passed = "";
        const capture = new OutputCapture(1_000_000, (offset, piece) => {
          expect(new TextEncoder().encode(passed)).toHaveLength(offset);
          passed += piece;
        });
        let from = 0;
        for (const cut of [...cuts, bytes.length]) {
          capture.write(bytes.subarray(from, from + cut));
          from += cut;
        }
        expect(passed).toBe(text);
        expect(capture.end().text).toBe(text);
      }),
    );
  });

  it("keeps and passes on no more than its cap", () => {
    const onText = vi.fn();
    const capture = new OutputCapture(4, onText);
    capture.write(new TextEncoder().encode("abc"));
    capture.write(new TextEncoder().encode("def"));
    capture.write(new TextEncoder().encode("ghi"));
    expect(capture.end()).toEqual({ text: "abcd", droppedBytes: 5 });
    expect(onText.mock.calls).toEqual([
      [0, "abc"],
      [3, "d"],
    ]);
  });
});

describe("/proc/<pid>/stat", () => {
  it("is read past a command name that holds blanks and brackets", () => {
    const rest = Array.from({ length: 30 }, (_, at) => String(at + 100)).join(" ");
    expect(parseStat(`42 (a) b (c) S 1 77 ${rest}`)).toEqual({
      pid: 42,
      state: "S",
      parent: 1,
      group: 77,
      session: 100,
      startTicks: 116,
    });
  });

  it.each(["", "nonsense", "1 (x) S"])("is nothing when it is %j", (text) => {
    expect(parseStat(text)).toBeNull();
  });
});

describe("a result on its way into an entry", () => {
  const stored: Uint8Array[] = [];
  const blobs = {
    put: async (bytes: Uint8Array) => {
      stored.push(bytes);
      return { digest: "sha256:00", size: bytes.length };
    },
  };

  it("stays in it while it is small", async () => {
    expect(await storableResult({ a: 1 }, blobs)).toEqual({ result: { a: 1 } });
  });

  it("becomes a blob when it is large", async () => {
    const text = "x".repeat(maxInlineResultBytes);
    expect(await storableResult(text, blobs)).toEqual({
      result_blob: { digest: "sha256:00", size: text.length + 2 },
    });
  });

  it("becomes a blob when it is nested deeper than the wire takes", async () => {
    const deep = JSON.parse(`${"[".repeat(150)}${"]".repeat(150)}`);
    expect(await storableResult(deep, blobs)).toHaveProperty("result_blob");
  });

  it("is cut and marked beyond 16 MiB", async () => {
    const { result_blob: ref } = (await storableResult("x".repeat(maxBlobBytes), blobs)) as {
      result_blob: object;
    };
    expect(ref).toEqual({ digest: "sha256:00", size: maxBlobBytes, truncated: true });
    expect(stored.at(-1)).toHaveLength(maxBlobBytes);
  });
});

describe("a line from a script", () => {
  it.each([
    ['{"op":"result","result":1,"status":null}', "result"],
    ['{"op":"exception","type":"E","message":"m","traceback":"t"}', "exception"],
    ['{"op":"get_value","request":1,"name":"n"}', "get_value"],
    ['{"op":"list_values","request":1}', "list_values"],
    ['{"op":"loaded","class_name":"Act"}', "loaded"],
  ])("%s is a message", (line, op) => {
    expect(parseScriptMessage(line)?.op).toBe(op);
  });

  it.each([
    "",
    "null",
    "[]",
    "not json",
    '{"op":"rm"}',
    '{"op":"result","result":1,"status":"yes"}',
    '{"op":"result","status":null}',
    '{"op":"get_value","request":"1","name":"n"}',
    '{"op":"get_value","request":1}',
    '{"op":"exception","type":"E"}',
  ])("%j is none", (line) => {
    expect(parseScriptMessage(line)).toBeNull();
  });
});

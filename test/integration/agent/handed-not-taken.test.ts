/** What was handed over and cannot be taken up is ended, and leaves neither a descriptor nor a zombie in a process that lives for months. */
import { existsSync, openSync, readdirSync, readlinkSync } from "node:fs";
import { describe, expect, onTestFinished, test } from "vitest";
import { followHanded, runGated, type ScriptChannel } from "../../../agent/actions/gated-process.ts";
import { HandedOver, type HandedProcess } from "../../../agent/actions/handed-over.ts";
import { loadKernelSpawn } from "../../../agent/actions/kernel-spawn-process.ts";
import type { Runner } from "../../../agent/actions/runners/runner.ts";
import { adoptHanded } from "../../../agent/actions/take-up-process.ts";
import { bareWorker } from "../../support/bare-worker.ts";
import { waitUntil } from "../../support/wait-until.ts";

const kernelSpawn = loadKernelSpawn();
const settings = { termGraceMs: 500, outputCapBytes: 1024, kernelSpawn };

interface HandedProgram {
  readonly script?: string;
  readonly channel?: ScriptChannel;
}

/** A program that says `out`, runs on, and is let go of. */
async function handedOver(
  execution: string,
  { script = "read -r line; echo out; exec sleep 60", channel }: HandedProgram = {},
): Promise<HandedProcess> {
  const handOver = new AbortController();
  const program = {
    command: "/bin/sh",
    args: ["-c", script],
    cwd: "/",
    env: { ST2_ACTION_EXECUTION_ID: execution, PATH: process.env.PATH ?? "" },
    gate: "go\n",
    ...(channel && { channel }),
  };
  const context = {
    stop: new AbortController().signal,
    started: async () => {},
    onOutput: () => handOver.abort(),
    handOver: handOver.signal,
  };
  const end = await runGated(program, settings, context).catch((error: unknown) => error);
  if (!(end instanceof HandedOver)) throw new Error("it was not handed over", { cause: end });
  return end.process;
}

/** What each of our sockets is: a number alone may be another's by now. */
const sockets = () =>
  readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)].filter((link) => link.startsWith("socket:"));
    } catch {
      return [];
    }
  });

/** What each of its sockets is. */
const socketsOf = ({ fds }: HandedProcess) =>
  fds.flatMap((fd) => (fd === null ? [] : [readlinkSync(`/proc/self/fd/${fd}`)]));

const unable: Runner = {
  name: "noop",
  mayPause: false,
  run: () => Promise.reject(new Error("it is not to run")),
  takeUp: () => Promise.reject(new Error("this version knows no way")),
};

describe.each([
  ["this version has no such runner", [], true, "runner 'noop' cannot take it up"],
  ["its runner fails", [unable], true, "this version knows no way"],
  ["the journal knows nothing of it", [unable], false, null],
] as const)("when %s", (_, runners, isAccepted, why) => {
  test("it is ended, reaped, and its descriptors are closed", async () => {
    const { worker, accept, state } = await bareWorker({
      changes: { runners: new Map(runners.map((each) => [each.name, each])), kernelSpawn },
    });
    const execution = isAccepted ? await accept(false) : "01K000000000000000NOTTAKEN";
    const handed = await handedOver(execution);
    const own = socketsOf(handed);
    expect(own.every((socket) => sockets().includes(socket))).toBe(true);

    await worker.run(execution, { execution, process: handed, remaining_ms: 60_000, paused: false });

    await waitUntil("the program to be reaped", () => !existsSync(`/proc/${handed.group.pgid}`));
    await waitUntil("its descriptors to be closed", () => !own.some((socket) => sockets().includes(socket)));
    if (why === null) return;
    expect(await state(execution)).toMatchObject({
      phase: "settled",
      result: { status: "abandoned", reason: expect.stringContaining(why) },
    });
  });
});

const silent: ScriptChannel = {
  onLine: () => {},
  onOversize: () => {},
  soFar: () => ({ owner: "owner", report: null }),
};

/** What would have ended the agent. */
function uncaughtErrors(): readonly unknown[] {
  const uncaught: unknown[] = [];
  const note = (error: unknown) => void uncaught.push(error);
  process.on("uncaughtExceptionMonitor", note);
  onTestFinished(() => void process.off("uncaughtExceptionMonitor", note));
  return uncaught;
}

// The kernel resets a socket whose other end is closed with bytes that nobody has read.
describe.each([
  ["standard input", {}],
  ["its channel", { channel: silent }],
] as const)("one that has left its start line unread on %s", (_, more) => {
  const unread = { script: "echo out; exec sleep 60", ...more };

  test("is ended, and ends nothing else", async () => {
    const uncaught = uncaughtErrors();
    const { worker, accept, state } = await bareWorker({ changes: { kernelSpawn } });
    const execution = await accept(false);
    const handed = await handedOver(execution, unread);
    const own = socketsOf(handed);
    await worker.run(execution, { execution, process: handed, remaining_ms: 60_000, paused: false });
    await waitUntil("the program to be reaped", () => !existsSync(`/proc/${handed.group.pgid}`));
    await waitUntil("its descriptors to be closed", () => !own.some((socket) => sockets().includes(socket)));
    expect(await state(execution)).toMatchObject({ phase: "settled", result: { status: "abandoned" } });
    expect(uncaught).toEqual([]);
  });

  test("is followed to its end", async () => {
    const uncaught = uncaughtErrors();
    const execution = "01K000000000000000FOLLOWED";
    const handed = await handedOver(execution, unread);
    const child = adoptHanded(handed, kernelSpawn);
    const context = {
      stop: new AbortController().signal,
      started: async () => void process.kill(handed.group.pgid, "SIGKILL"),
      onOutput: () => {},
    };
    const run = await followHanded(handed, child, execution, settings, context, unread.channel ?? null);
    expect(run.exit).toMatchObject({ code: null, signal: { name: "SIGKILL" } });
    expect(uncaught).toEqual([]);
  });
});

test("one whose descriptors cannot all be taken is reaped, and leaves none of them", async () => {
  if (kernelSpawn === null) return;
  const execution = "01K000000000000000HALFTAKE";
  const handed = await handedOver(execution);
  const own = socketsOf(handed);
  // No process of these tests has as many open.
  expect(() => kernelSpawn.adopt(handed.group.pgid, [9_999, ...handed.fds])).toThrow("EBADF");
  process.kill(handed.group.pgid, "SIGKILL");
  await waitUntil("the program to be reaped", () => !existsSync(`/proc/${handed.group.pgid}`));
  expect(sockets().filter((socket) => own.includes(socket))).toEqual([]);
});

test("one with a descriptor that is no socket is reaped, and what was taken of the others is let go of", async () => {
  if (kernelSpawn === null) return;
  const handed = await handedOver("01K000000000000000NOSOCKET");
  const own = socketsOf(handed);
  const other = openSync("/dev/null", "r");
  expect(() => kernelSpawn.adopt(handed.group.pgid, [...handed.fds, other])).toThrow("Unsupported fd type");
  process.kill(handed.group.pgid, "SIGKILL");
  await waitUntil("the program to be reaped", () => !existsSync(`/proc/${handed.group.pgid}`));
  expect(sockets().filter((socket) => own.includes(socket))).toEqual([]);
});

test("without koffi, one with a descriptor that is closed leaves none of the others", async () => {
  if (kernelSpawn === null) return;
  const handed = await handedOver("01K000000000000000NOKOFFI0");
  const own = socketsOf(handed);
  const { group, fds } = handed;
  expect(() => adoptHanded({ ...handed, fds: [9_999, ...fds] }, null)).toThrow("without koffi");
  expect(sockets().filter((socket) => own.includes(socket))).toEqual([]);
  process.kill(group.pgid, "SIGKILL");
  await kernelSpawn.adopt(group.pgid, []).ended;
});

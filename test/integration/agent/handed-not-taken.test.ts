/** What was handed over and cannot be taken up is ended, and leaves neither a descriptor nor a zombie in a process that lives for months. */
import { existsSync, readdirSync, readlinkSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { runGated } from "../../../agent/actions/gated-process.ts";
import { HandedOver, type HandedProcess } from "../../../agent/actions/handed-over.ts";
import { loadKernelSpawn } from "../../../agent/actions/kernel-spawn-process.ts";
import type { Runner } from "../../../agent/actions/runners/runner.ts";
import { bareWorker } from "../../support/bare-worker.ts";
import { waitUntil } from "../../support/wait-until.ts";

const kernelSpawn = loadKernelSpawn();
const settings = { termGraceMs: 500, outputCapBytes: 1024, kernelSpawn };

/** A program that says `out`, runs on, and is let go of. */
async function handedOver(execution: string): Promise<HandedProcess> {
  const handOver = new AbortController();
  const program = {
    command: "/bin/sh",
    args: ["-c", "read -r line; echo out; exec sleep 60"],
    cwd: "/",
    env: { ST2_ACTION_EXECUTION_ID: execution, PATH: process.env.PATH ?? "" },
    gate: "go\n",
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
    const own = handed.fds.map((fd) => readlinkSync(`/proc/self/fd/${fd}`));
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

test("one whose descriptors cannot all be taken is reaped, and leaves none of them", async () => {
  if (kernelSpawn === null) return;
  const execution = "01K000000000000000HALFTAKE";
  const handed = await handedOver(execution);
  const own = handed.fds.map((fd) => readlinkSync(`/proc/self/fd/${fd}`));
  // No process of these tests has as many open.
  expect(() => kernelSpawn.adopt(handed.group.pgid, [9_999, ...handed.fds])).toThrow("EBADF");
  process.kill(handed.group.pgid, "SIGKILL");
  await waitUntil("the program to be reaped", () => !existsSync(`/proc/${handed.group.pgid}`));
  expect(sockets().filter((socket) => own.includes(socket))).toEqual([]);
});

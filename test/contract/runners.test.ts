/** What every runner with a process promises, run against each of them with real processes. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { findSurvivor, groupAlive } from "../../agent/actions/group-process.ts";
import type { JsonObject } from "../../shared/json.ts";
import type { ActionRequestEntry } from "../../shared/wire/messages.ts";
import { type BenchOptions, startRun } from "../support/runner-bench.ts";
import { waitUntil } from "../support/wait-until.ts";

/** The same five small actions for each runner. */
interface Subject {
  readonly runner: string;
  readonly codeField: "return_code" | "exit_code";
  readonly greet: Work;
  readonly fail: Work;
  readonly touch: Work;
  /** Starts a child that ignores SIGTERM, writes `ready`, and waits. */
  readonly hang: Work;
  readonly dieBy9: Work;
  readonly flood: Work;
  readonly environment: Work;
}
type Work = Partial<ActionRequestEntry> & Pick<BenchOptions, "files">;

const shell = (cmd: string): Work => ({ runner_parameters: { cmd } });
const script = (text: string): Work => ({
  entry_point: "act.sh",
  files: { "actions/act.sh": `#!/bin/sh\n${text}\n` },
});
const node = (body: string): Work => ({
  entry_point: "act.ts",
  files: {
    "actions/act.ts": `import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
export class Act { run(parameters: Record<string, unknown>): unknown { ${body} } }
export const sh = (text: string) => spawnSync("sh", ["-c", text], { stdio: "inherit" });\n`,
  },
});
const python = (body: string): Work => ({
  entry_point: "act.py",
  files: {
    "actions/act.py": `import os, subprocess, sys
from st2common.runners.base_action import Action

class Act(Action):
    def run(self, **parameters):
        ${body}
`,
  },
});
const hang = "sh -c 'trap \"\" TERM; echo ready; while :; do sleep 1; done'";
const flood = "head -c 3000000 /dev/zero | tr '\\\\0' x";
const floodText = "head -c 3000000 /dev/zero | tr '\\0' x";

const subjects: readonly Subject[] = [
  {
    runner: "local-shell-cmd",
    codeField: "return_code",
    greet: shell("echo hello; echo oops >&2"),
    fail: shell("exit 3"),
    touch: shell("touch touched"),
    hang: shell(hang),
    dieBy9: shell("kill -9 $$"),
    flood: shell(floodText),
    environment: shell("env"),
  },
  {
    runner: "local-shell-script",
    codeField: "return_code",
    greet: script("echo hello; echo oops >&2"),
    fail: script("exit 3"),
    touch: script("touch touched"),
    hang: script(hang),
    dieBy9: script("kill -9 $$"),
    flood: script(floodText),
    environment: script("env"),
  },
  {
    runner: "node-script",
    codeField: "exit_code",
    greet: node('process.stdout.write("hello\\n"); process.stderr.write("oops\\n");'),
    fail: node("process.exit(3);"),
    touch: node('writeFileSync("touched", "");'),
    hang: node(`sh(${JSON.stringify(hang)});`),
    dieBy9: node('process.kill(process.pid, "SIGKILL"); for (;;);'),
    flood: node(`sh(${JSON.stringify(floodText)});`),
    environment: node('sh("env");'),
  },
  {
    runner: "python-script",
    codeField: "exit_code",
    greet: python('print("hello"); sys.stderr.write("oops\\n")'),
    fail: python("sys.exit(3)"),
    touch: python('open("touched", "w").close()'),
    hang: python(`subprocess.call(${JSON.stringify(hang)}, shell=True)`),
    dieBy9: python("os.kill(os.getpid(), 9)"),
    flood: python(`subprocess.call("${flood}", shell=True)`),
    environment: python('subprocess.call("env", shell=True)'),
  },
];

describe.each(subjects)("runner $runner", (subject) => {
  const start = ({ files, ...request }: Work, options: BenchOptions = {}) =>
    startRun(subject.runner, request, { ...options, ...(files !== undefined && { files }) });
  const resultOf = (result: unknown) => result as JsonObject;
  const running = async (options: BenchOptions = {}) => {
    const run = await start(subject.hang, options);
    await waitUntil("the action is running", () => run.streamed.some(({ text }) => text.includes("ready")));
    return { ...run, pgid: run.groups[0]?.pgid ?? 0 };
  };

  it("captures output and succeeds with exit code 0", async () => {
    const { status, result } = await (await start(subject.greet)).outcome;
    expect(status).toBe("succeeded");
    expect(String(resultOf(result).stdout).trim()).toBe("hello");
    expect(String(resultOf(result).stderr).trim()).toBe("oops");
    expect(resultOf(result)[subject.codeField]).toBe(0);
  });

  it("passes output on as it comes, with the offset of each piece", async () => {
    const run = await start(subject.greet);
    await run.outcome;
    const stdout = run.streamed.filter(({ stream }) => stream === "stdout");
    expect(stdout.map(({ text }) => text).join("")).toBe("hello\n");
    expect(stdout[0]?.offset).toBe(0);
  });

  it("fails with the exit code of the action", async () => {
    const { status, result } = await (await start(subject.fail)).outcome;
    expect(status).toBe("failed");
    expect(resultOf(result)[subject.codeField]).toBe(3);
  });

  it("does nothing before its start is on disk", async () => {
    let seenWhileWaiting: boolean | null = null;
    const run = await start(subject.touch, {
      onStarted: async (group) => {
        expect(groupAlive(group?.pgid ?? 0)).toBe(true);
        // Long enough for an ungated shell to have done its work.
        for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setTimeout(resolve, 10));
        seenWhileWaiting = existsSync(join(run.folder, "touched"));
      },
    });
    await run.outcome;
    expect(seenWhileWaiting).toBe(false);
    expect(existsSync(join(run.folder, "touched"))).toBe(true);
  });

  it("runs nothing and leaves nothing when the start cannot be written", async () => {
    const run = await start(subject.touch, {
      onStarted: () => {
        throw new Error("disk full");
      },
    });
    await expect(run.outcome).rejects.toThrow("disk full");
    expect(groupAlive(run.groups[0]?.pgid ?? 0)).toBe(false);
    expect(existsSync(join(run.folder, "touched"))).toBe(false);
  });

  it("names its process group beyond doubt", async () => {
    const run = await running();
    const group = run.groups[0];
    if (group === null || group === undefined) throw new Error("no group");
    const { execution } = run.request;
    expect(findSurvivor(group, execution).kind).toBe("ours");
    expect(findSurvivor({ ...group, start_ticks: group.start_ticks - 1 }, execution).kind).toBe("gone");
    expect(findSurvivor({ ...group, boot_id: "another" }, execution).kind).toBe("gone");
    run.stop({ kind: "cancel", reason: "enough" });
    await run.outcome;
    expect(findSurvivor(group, execution).kind).toBe("gone");
  });

  it("ends the whole group on cancel, also what ignores SIGTERM", async () => {
    const run = await running({ settings: { termGraceMs: 200 } });
    run.stop({ kind: "cancel", reason: "canceled by bo" });
    const { status, reason } = await run.outcome;
    expect({ status, reason }).toEqual({ status: "canceled", reason: "canceled by bo" });
    expect(groupAlive(run.pgid)).toBe(false);
  });

  it("ends the whole group on timeout, with StackStorm's result", async () => {
    const run = await running({ settings: { termGraceMs: 200 } });
    run.stop({ kind: "timeout", seconds: 7 });
    const { status, result } = await run.outcome;
    expect(status).toBe("timeout");
    expect(resultOf(result)[subject.codeField]).toBe(-9);
    expect(resultOf(result).error).toBe("Action failed to complete in 7 seconds");
    expect(groupAlive(run.pgid)).toBe(false);
  });

  it("is abandoned with a reason when the agent stops", async () => {
    const run = await running({ settings: { termGraceMs: 200 } });
    run.stop({ kind: "shutdown" });
    expect(await run.outcome).toMatchObject({ status: "abandoned", reason: "agent stopped" });
    expect(groupAlive(run.pgid)).toBe(false);
  });

  it("names a signal that came from outside", async () => {
    const { status, result } = await (await start(subject.dieBy9)).outcome;
    expect(status).toBe("failed");
    expect(resultOf(result)[subject.codeField]).toBe(-9);
    expect(resultOf(result).error).toBe("Action was ended from outside by SIGKILL");
  });

  it("keeps no more output than the cap, and says how much it dropped", async () => {
    const { result } = await (await start(subject.flood, { settings: { outputCapBytes: 1000 } })).outcome;
    expect(resultOf(result).stdout).toBe("x".repeat(1000));
    expect(resultOf(result).stdout_dropped_bytes).toBe(2_999_000);
  });

  it("gives the action StackStorm's variables and the request's own, and none of the agent's secrets", async () => {
    const run = await start(
      {
        ...subject.environment,
        runner_parameters: { ...subject.environment.runner_parameters, env: { GIVEN: 7 } },
      },
      { settings: { env: { PATH: process.env.PATH ?? "", FROM_BASE: "yes" } } },
    );
    const { result } = await run.outcome;
    const lines = String(resultOf(result).stdout).split("\n");
    expect(lines).toContain("ST2_ACTION_PACK_NAME=bench");
    expect(lines).toContain(`ST2_ACTION_EXECUTION_ID=${run.request.execution}`);
    expect(lines).toContain("GIVEN=7");
    expect(lines).toContain("FROM_BASE=yes");
    expect(lines.some((line) => line.startsWith("VITEST"))).toBe(false);
  });

  it("refuses to start in a folder that does not exist", async () => {
    const run = await start(subject.touch, { settings: { workFolder: "/nonexistent/folder" } });
    await expect(run.outcome).rejects.toMatchObject({ code: "ACTION_START" });
    expect(run.groups).toEqual([]);
  });
});

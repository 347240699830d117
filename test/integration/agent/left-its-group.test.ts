/** Processes that leave the group and session their action began in: what ends the action ends them too. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { endSurvivors } from "../../../agent/actions/family-process.ts";
import type { ProcessGroup } from "../../../agent/actions/journal.ts";
import { isDead, statOf } from "../../../agent/actions/proc-fs.ts";
import { startRun } from "../../support/runner-bench.ts";
import { waitUntil } from "../../support/wait-until.ts";

const lives = (pid: number) => {
  const stat = statOf(pid);
  return stat !== null && !isDead(stat);
};

/** The process id that `file` names once it is whole; killed when the test ends, should it still live. */
async function pidIn(file: string): Promise<number> {
  const pid = await waitUntil(`${file} names a process`, () =>
    existsSync(file) && readFileSync(file, "utf8").endsWith("\n")
      ? Number(readFileSync(file, "utf8"))
      : undefined,
  );
  onTestFinished(() => {
    if (lives(pid)) process.kill(pid, "SIGKILL");
  });
  return pid;
}

/** Writes its id to the file `pid` and goes on for ever. */
const forever = "echo $$ > pid; while :; do sleep 1; done\n";
const files = { "forever.sh": forever, "deaf.sh": `trap "" TERM; ${forever}` };

const ways: readonly [string, string][] = [
  ["in a session of its own", "setsid sh forever.sh & wait"],
  ["in a session of its own whose starter ends", "(setsid sh forever.sh &); sleep 600"],
  ["by a second fork", "setsid sh -c 'sh forever.sh </dev/null >/dev/null 2>&1 &'; sleep 600"],
  ["by two sessions", "setsid sh -c 'setsid sh forever.sh </dev/null >/dev/null 2>&1 &'; sleep 600"],
  ["deaf to SIGTERM", "setsid sh deaf.sh & sleep 600"],
  ["without its environment, below its parent", 'setsid env -i PATH="$PATH" sh forever.sh & wait'],
];
/** An action that leaves such a process behind, and succeeds. */
const leaves = "setsid sh forever.sh </dev/null >/dev/null 2>&1 & until [ -s pid ]; do sleep 0.05; done";

describe.each(ways)("a process that got away %s", (_way, cmd) => {
  it.each([
    { kind: "timeout", seconds: 1 },
    { kind: "cancel", reason: "canceled by bo" },
  ] as const)("is ended with its action: %j", async (reason) => {
    const run = await startRun(
      "local-shell-cmd",
      { runner_parameters: { cmd } },
      { files, settings: { termGraceMs: 300 } },
    );
    const pid = await pidIn(join(run.folder, "pid"));
    run.stop(reason);
    const { status, reason: told } = await run.outcome;
    expect(status).toBe(reason.kind === "timeout" ? "timeout" : "canceled");
    expect(told).not.toContain("would not go");
    expect(lives(pid)).toBe(false);
  });
});

it("what an action leaves behind on purpose, ending by itself, is left in peace", async () => {
  const run = await startRun("local-shell-cmd", { runner_parameters: { cmd: leaves } }, { files });
  expect((await run.outcome).status).toBe("succeeded");
  expect(lives(await pidIn(join(run.folder, "pid")))).toBe(true);
});

describe("what a journal names after the agent has died", () => {
  /** An action whose leader has gone, and one process of it that has not. */
  async function orphan(): Promise<{ pid: number; group: ProcessGroup; execution: string }> {
    const run = await startRun("local-shell-cmd", { runner_parameters: { cmd: leaves } }, { files });
    await run.outcome;
    const [group] = run.groups;
    if (group == null) throw new Error("it has no group");
    return { pid: await pidIn(join(run.folder, "pid")), group, execution: run.request.execution };
  }

  it("is found by its mark and killed", async () => {
    const { pid, group, execution } = await orphan();
    expect(await endSurvivors(group, execution, { graceMs: 0 })).toBe(true);
    expect(lives(pid)).toBe(false);
    expect(await endSurvivors(group, execution, { graceMs: 0 })).toBeNull();
  });

  it("is not taken for what others run, nor looked for in another boot", async () => {
    const { pid, group, execution } = await orphan();
    expect(await endSurvivors(group, "01K0000000000000009999999", { graceMs: 0 })).toBeNull();
    expect(await endSurvivors({ ...group, boot_id: "another" }, execution, { graceMs: 0 })).toBeNull();
    // The number of its group is somebody else's by now: that one is left alone, the marked one is not.
    const stranger = await startRun("local-shell-cmd", { runner_parameters: { cmd: "sleep 600" } });
    const theirs = await waitUntil("it has started", () => stranger.groups[0]?.pgid);
    expect(await endSurvivors({ ...group, pgid: theirs }, execution, { graceMs: 0 })).toBe(true);
    expect([lives(pid), lives(theirs)]).toEqual([false, true]);
  });
});

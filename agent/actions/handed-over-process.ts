/** What one agent hands over to the next: written by the first, read once by the second, of the same process. */
import { closeSync, fstatSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Logger, silentLogger } from "../../shared/log.ts";
import { textIfThere, writeWholeNow } from "../../shared/whole-file-fs.ts";
import { termGraceMs } from "../work-end.ts";
import { endSurvivors } from "./family-process.ts";
import { type HandedExecution, handedText, parseHanded } from "./handed-over.ts";
import { statOf } from "./proc-fs.ts";

/** The file's name, in the folder where agents leave word. */
export const handedName = "handed-over";
/** Closed to others: output of actions is in it. */
const mode = 0o600;

const ownId = () => ({
  pid: process.pid,
  start_ticks: statOf(process.pid)?.startTicks ?? 0,
  // Goes on from one program of a process to the next, unlike performance.now().
  at_ms: Number(process.hrtime.bigint() / 1_000_000n),
});

/** Throws the system's error. */
export function writeHanded(file: string, executions: readonly HandedExecution[]): void {
  writeWholeNow(file, handedText({ ...ownId(), executions }), mode);
}

/**
 * By execution; those whose process is a child of ours. The file is gone then: nothing is taken up twice. One that cannot be
 * read is in the log, and holds up no start: what it tells of is settled as after a crash.
 */
export async function takeHanded(file: string, log: Logger): Promise<ReadonlyMap<string, HandedExecution>> {
  const { executions, problem } = parseHanded(await textIfThere(file), ownId());
  if (problem !== null)
    log.error("what was handed over cannot be read: actions that ran are ended", { file, problem });
  rmSync(file, { force: true });
  const taken = executions.flatMap((each) => {
    const { execution, process: handed } = each;
    const fds = handed.fds.map(asStream);
    const { group } = handed;
    const stat = statOf(group.pgid);
    if (stat?.parent === process.pid && stat.startTicks === group.start_ticks) {
      const gone = fds.filter((fd, at) => fd !== handed.fds[at]).length;
      if (gone > 0)
        log.warn("a running action was handed over without all of its output", { execution, gone });
      return [{ ...each, process: { ...handed, fds } }];
    }
    log.warn("a running action was handed over and is not there", { execution, pgid: group.pgid });
    for (const fd of fds) if (fd !== null) closeSync(fd);
    return [];
  });
  return new Map(taken.map((each) => [each.execution, each]));
}

/**
 * For an agent that cannot start, over its configuration say: what the agent before it in this process has handed over is
 * ended, since nobody would time it out or cancel it. `folder`: where agents leave word; `null`: nowhere.
 */
export async function endHandedHere(folder: string | null): Promise<void> {
  if (folder === null) return;
  await endExecutions([...(await takeHanded(join(folder, handedName), silentLogger)).values()]);
}

/** Nobody is to take them up. Resolves when their processes are gone, or would not go. */
export async function endExecutions(handed: readonly HandedExecution[]): Promise<void> {
  const end = ({ execution, process: { group } }: HandedExecution) =>
    endSurvivors(group, execution, { graceMs: termGraceMs });
  await Promise.all(handed.map(end));
}

/** Of a program that was started once more between the two agents the numbers are closed, or something else has them. */
function asStream(fd: number | null): number | null {
  if (fd === null) return null;
  try {
    const stat = fstatSync(fd);
    return stat.isFIFO() || stat.isSocket() ? fd : null;
  } catch {
    return null;
  }
}

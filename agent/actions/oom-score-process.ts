/**
 * What the unit says of the agent with `OOMScoreAdjust=` holds for the agent alone: under pressure the kernel is to take what
 * it has started before it, which would tell of that. Children inherit the score, so it is taken from them.
 */
import { readFileSync, writeFileSync } from "node:fs";

const usual = "0";

/**
 * To be called in the turn of a child's start, before it has children of its own: makes it as likely to be taken as any other
 * process (proc(5), oom_score_adj). Never throws: a child may have ended, and where /proc is closed nothing can be done.
 */
export function giveUsualOomScore(pid: number): void {
  if (ownScore() === usual) return;
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, usual);
  } catch {}
}

function ownScore(): string {
  try {
    return readFileSync("/proc/self/oom_score_adj", "utf8").trim();
  } catch {
    return usual;
  }
}

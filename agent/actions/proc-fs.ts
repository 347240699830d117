/** Reads /proc: who a process is, whether a group still lives, which boot this is (proc(5)). */
import { readdirSync, readFileSync } from "node:fs";
import { textNow } from "../../shared/whole-file-fs.ts";

/** One process as `/proc/<pid>/stat` shows it. */
export interface ProcessStat {
  readonly pid: number;
  readonly state: string;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  /** Clock ticks since boot at which it started; with the boot id this names a process for ever. */
  readonly startTicks: number;
}

/** Takes the text apart; the command name may itself hold blanks and brackets, so it is cut at the last one. */
export function parseStat(text: string): ProcessStat | null {
  const close = text.lastIndexOf(")");
  const pid = Number.parseInt(text, 10);
  const fields = text.slice(close + 2).split(" ");
  const [state, parent, group, session] = fields;
  const startTicks = Number(fields[19]);
  if (close < 0 || !Number.isInteger(pid) || state === undefined || !Number.isFinite(startTicks)) return null;
  return { pid, state, parent: Number(parent), group: Number(group), session: Number(session), startTicks };
}

/** `null` when there is no such process. Synchronous: procfs answers from memory, without a disk. */
export function statOf(pid: number): ProcessStat | null {
  const text = textNow(`/proc/${pid}/stat`);
  return text === null ? null : parseStat(text);
}

/** True for a process that has ended and only waits for its parent to look. */
export function isDead(stat: ProcessStat): boolean {
  return stat.state === "Z" || stat.state === "X";
}

/** All processes of this host that can be seen. */
export function processes(): readonly ProcessStat[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((name) => statOf(Number(name)))
    .filter((stat) => stat !== null);
}

/** The living members of a process group. */
export function membersOf(group: number): readonly ProcessStat[] {
  return processes().filter((stat) => stat.group === group && !isDead(stat));
}

/** Whether the environment a process was started with holds `name=value`; false when it may not be read. */
export function startedWith(pid: number, name: string, value: string): boolean {
  return (textNow(`/proc/${pid}/environ`) ?? "").split("\0").includes(`${name}=${value}`);
}

/**
 * Whether its environment is kept from us: another user's is from a root without CAP_SYS_PTRACE (proc(5)), which is what
 * containers usually have.
 */
export function hidesEnvironment(pid: number): boolean {
  try {
    readFileSync(`/proc/${pid}/environ`);
    return false;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    return code === "EACCES" || code === "EPERM";
  }
}

/** Names this boot of the machine: process ids and start times mean nothing in another. */
export function bootId(): string {
  thisBoot ??= readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  return thisBoot;
}

/** It cannot change while this process lives. */
let thisBoot: string | null = null;

/** What the kernel says about a process: CPU time and memory. */
import { readFileSync } from "node:fs";

/** `getconf CLK_TCK` of Linux on every architecture that Node runs on. */
const ticksPerSecond = 100;

/** Seconds of CPU, user and system, of all its threads. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The name may hold spaces and brackets; fields are counted behind its last bracket.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/** Bytes. */
export function residentBytes(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(line?.[1] ?? 0) * 1024;
}

/** Bytes: the most that were ever resident. */
export function peakBytes(pid: number): number {
  const line = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(line?.[1] ?? 0) * 1024;
}

/** Seconds of CPU that all of the machine has taken. */
export function busySeconds(): number {
  const [, user = 0, nice = 0, system = 0, , , irq = 0, softIrq = 0] = readFileSync("/proc/stat", "utf8")
    .slice(0, 400)
    .split(/\s+/, 8)
    .map(Number);
  return (user + nice + system + irq + softIrq) / ticksPerSecond;
}

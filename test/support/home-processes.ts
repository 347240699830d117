/** Finds the processes of one test by their HOME, which every child inherits: sensors, actions, and what they left. */
import { readdirSync, readFileSync } from "node:fs";

export interface HomeProcess {
  readonly pid: number;
  /** `pack.ClassName` when it is the process of a sensor. */
  readonly sensor: string | null;
  readonly command: string;
}

/** Those that live now; one that has ended and waits to be reaped has no environment any more. */
export function processesAtHome(home: string): readonly HomeProcess[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const environment = readProc(`/proc/${name}/environ`).split("\0");
      if (!environment.includes(`HOME=${home}`)) return [];
      const sensor = environment.find((line) => line.startsWith("PETREL_SENSOR="))?.split("=")[1] ?? null;
      const command = readProc(`/proc/${name}/cmdline`).replaceAll("\0", " ").trim();
      return [{ pid: Number(name), sensor, command }];
    });
}

/** Processes come and go while one looks, and others may not be looked at: they are nobody's. */
function readProc(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** False also for one that has ended and waits to be reaped. */
export function isAlive(pid: number): boolean {
  const [state = "Z"] = readProc(`/proc/${pid}/stat`).split(") ").at(-1)?.split(" ") ?? [];
  return state !== "Z" && state !== "" && state !== "X";
}

/**
 * Dies by SIGKILL at a named point when `PETREL_KILL_AT=<point>[:count]` asks for it, so that tests can break hub and
 * agent between any two promises. Nothing but the environment can ask for it: no setting, no message.
 */
import type { PassPoint } from "./kill-points.ts";

/**
 * `count` is which passing of the point kills; the first if it is left out. `null` without a setting: then no part is
 * to be given points at all. A point that does not exist (`none`) is never passed.
 */
export function killAt(setting: string | undefined): PassPoint | null {
  if (setting === undefined || setting === "") return null;
  const [point, count = "1"] = setting.split(":");
  let left = Number(count);
  return (passed) => {
    if (passed === point && --left === 0) process.kill(process.pid, "SIGKILL");
  };
}

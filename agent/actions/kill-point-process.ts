/**
 * Dies by SIGKILL at a named point when `PETREL_KILL_AT=<point>[:count]` asks for it, so that the fault tests
 * can break the agent between any two promises. Without the variable it does nothing.
 */

export const killPoints = [
  "before-journal",
  "after-accepted",
  "after-started",
  "before-result",
  "after-result",
] as const;

export type KillPoint = (typeof killPoints)[number];

/** Called when the agent passes a point. */
export type PassPoint = (point: KillPoint) => void;

/** `count` is which passing of the point kills; the first if it is left out. */
export function killAt(setting: string | undefined): PassPoint {
  if (setting === undefined || setting === "") return () => {};
  const [point, count = "1"] = setting.split(":");
  let left = Number(count);
  return (passed) => {
    if (passed === point && --left === 0) process.kill(process.pid, "SIGKILL");
  };
}

/** How likely the kernel takes the agent under memory pressure is the agent's own: not that of actions and sensors. */
import { readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { loadKernelSpawn } from "../../agent/actions/kernel-spawn-process.ts";
import { startProcess } from "../../agent/actions/started-process.ts";
import { startSensorChild } from "../../agent/sensors/sensor-child-process.ts";
import { atEnd, sharedByFile } from "../support/at-end.ts";

const own = "/proc/self/oom_score_adj";

// Everybody may raise it; the unit lowers it, which takes a capability.
sharedByFile(async () => {
  const before = readFileSync(own, "utf8");
  writeFileSync(own, "100");
  atEnd(() => writeFileSync(own, before));
});

const scoreOf = (pid: number) => Number(readFileSync(`/proc/${pid}/oom_score_adj`, "utf8"));
const program = { command: "/bin/sleep", args: ["600"], cwd: "/", env: {} };

test.each([
  ["the kernel's own start", () => loadKernelSpawn()],
  ["Node", () => null],
])("an action started by %s", async (_, kernel) => {
  const { child } = await startProcess({ ...program, stdio: ["ignore", "ignore", "ignore"] }, kernel());
  atEnd(() => process.kill(child.pid, "SIGKILL"));
  expect([scoreOf(process.pid), scoreOf(child.pid)]).toEqual([100, 0]);
});

test("a sensor", async () => {
  const sleeping = { ...program, channel: "stdio", missing: "SENSOR_INVALID" } as const;
  const child = await startSensorChild(sleeping, { onLine: () => {}, onOutput: () => {}, onDrain: () => {} });
  atEnd(() => process.kill(child.pid, "SIGKILL"));
  expect([scoreOf(process.pid), scoreOf(child.pid)]).toEqual([100, 0]);
});

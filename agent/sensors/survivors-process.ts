/** Ends sensors that outlived an agent which was killed; a sensor runs once or not at all. */
import type { Logger } from "../../shared/log.ts";
import { endGroup, findSurvivor } from "../actions/group-process.ts";
import { sensorVariable } from "./launch-fs.ts";
import type { SensorGroups } from "./sensor-groups-store.ts";

/** Time they have to end by themselves; most do as soon as they notice that the agent has gone. */
const graceMs = 2_000;

/** To be awaited before any sensor starts. Resolves once every recorded group is gone, or cannot be ended. */
export async function endSurvivors(groups: SensorGroups, log: Logger): Promise<void> {
  const recorded = await groups.all();
  await Promise.all(
    recorded.map(async ({ sensor, group }) => {
      if (findSurvivor(group, sensor, sensorVariable).kind === "ours") {
        log.info("a sensor of the previous agent process is still there; it is ended", {
          sensor,
          pid: group.pgid,
        });
        if (!(await endGroup(group.pgid, { graceMs }))) {
          log.error("a sensor's process cannot be ended", { sensor, pid: group.pgid });
          return;
        }
      }
      await groups.forget(sensor);
    }),
  );
}

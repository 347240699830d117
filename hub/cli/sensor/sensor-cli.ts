/** `petrel sensor list` */
import type { SensorView } from "../../http/views.ts";
import type { NounCommands } from "../context-cli.ts";
import { ago } from "../relative-time.ts";
import { asIs, listVerb } from "../verbs-cli.ts";

export const sensorCommands: NounCommands = (noun, context) => {
  listVerb<SensorView, SensorView>(noun, context, {
    path: "/v1/sensors",
    description: "list the sensors of all agents and their state",
    example: "petrel sensor list --agent web-1",
    filters: [["--agent <id>", "only this agent's"]],
    row: asIs,
    columns: [
      { header: "SENSOR", value: (sensor) => sensor.sensor },
      { header: "AGENT", value: (sensor) => sensor.agent },
      {
        header: "STATE",
        value: ({ state, agent_online }) => (agent_online ? state : `${state}? agent is away`),
      },
      { header: "SINCE", value: (sensor, now) => ago(sensor.since, now) },
      { header: "PID", value: (sensor) => sensor.pid },
      { header: "RESTARTS", value: (sensor) => sensor.restarts },
      { header: "LAST ERROR", value: (sensor) => sensor.last_error, cut: true },
    ],
  });
};

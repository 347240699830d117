/** Routes of sensors: their state on each agent. */
import type { FastifyInstance } from "fastify";
import type { SensorRecord } from "../../../shared/model/agent.ts";
import { sendList } from "../list-http.ts";
import { listQuerySchema, pageOf, text } from "../list-query.ts";
import type { SensorView } from "../views.ts";
import type { RouteParts } from "./parts.ts";

const keyOf = (record: SensorRecord): string => `${record.agent}/${record.sensor}`;

/** A sensor that stopped since no pack has it any more is not listed: only its record is left. */
export function sensorRoutes(api: FastifyInstance, { store, catalogues }: RouteParts): void {
  api.get<{ Querystring: { agent?: string } }>("/v1/sensors", {
    schema: { querystring: listQuerySchema({ agent: text }, { since: false }) },
    handler: async (request, reply) => {
      const catalogue = await catalogues.current();
      const online = new Set((await store.agents()).filter((agent) => agent.online).map(({ id }) => id));
      const sensors = (await store.sensors(request.query.agent))
        .filter(({ sensor, state }) => state !== "stopped" || catalogue.sensors.has(sensor))
        .sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
      return sendList(request, reply, {
        page: async (page) => pageOf(sensors, keyOf, page),
        view: (sensor): SensorView => ({ ...sensor, agent_online: online.has(sensor.agent) }),
      });
    },
  });
}

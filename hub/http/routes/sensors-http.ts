/** Routes of sensors: their state on each agent. */
import type { FastifyInstance } from "fastify";
import type { SensorRecord } from "../../../shared/model/agent.ts";
import { sendList } from "../list-http.ts";
import { listQuerySchema, pageOf, text } from "../list-query.ts";
import type { RouteParts } from "./parts.ts";

const keyOf = (record: SensorRecord): string => `${record.agent}/${record.sensor}`;

export function sensorRoutes(api: FastifyInstance, { store }: RouteParts): void {
  api.get<{ Querystring: { agent?: string } }>("/v1/sensors", {
    schema: { querystring: listQuerySchema({ agent: text }, { since: false }) },
    handler: async (request, reply) => {
      const sensors = [...(await store.sensors(request.query.agent))].sort((a, b) =>
        keyOf(a) < keyOf(b) ? -1 : 1,
      );
      return sendList(request, reply, {
        page: async (page) => pageOf(sensors, keyOf, page),
        view: (sensor) => sensor,
      });
    },
  });
}

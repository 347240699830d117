/** Routes about the hub itself. */
import type { FastifyInstance } from "fastify";
import { metricsType, renderMetrics } from "../../../shared/metrics/prometheus.ts";
import type { TopQuery } from "../../figures/figures.ts";
import { topOrders } from "../../figures/top.ts";
import { hubMetrics, isHealthy } from "../metrics.ts";
import type { RouteParts } from "./parts.ts";

export function hubRoutes(api: FastifyInstance, { operations, doctor }: RouteParts): void {
  api.get("/healthz", {
    handler: async (_request, reply) => {
      const { store, broker } = operations.health();
      const isOk = isHealthy({ store, broker });
      return reply
        .code(isOk ? 200 : 503)
        .send({ ok: isOk, store: store.failed ? "failed" : "ok", broker: broker.reached ? "ok" : "away" });
    },
  });
  api.get("/metrics", {
    handler: async (_request, reply) =>
      reply.type(metricsType).send(renderMetrics(hubMetrics, await operations.figures())),
  });
  api.get<{ Querystring: Partial<TopQuery> }>("/v1/top", {
    schema: {
      querystring: {
        type: "object",
        additionalProperties: false,
        properties: {
          order: { enum: topOrders },
          agents: { type: "integer", minimum: 0, maximum: 1_000 },
          chains: { type: "integer", minimum: 0, maximum: 100 },
        },
      },
    },
    handler: ({ query }) => operations.top({ order: "lag", agents: 20, chains: 20, ...query }),
  });
  api.get("/v1/doctor", { handler: async () => ({ items: await doctor() }) });
  api.get("/v1/hub", { handler: () => operations.status() });
}

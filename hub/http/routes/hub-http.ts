/** Routes about the hub itself. */
import type { FastifyInstance } from "fastify";
import { isHealthy, metricsType, renderMetrics } from "../metrics.ts";
import type { RouteParts } from "./parts.ts";

export function hubRoutes(api: FastifyInstance, { operations }: RouteParts): void {
  api.get("/healthz", {
    config: { public: true },
    handler: async (_request, reply) => {
      const { store, broker } = operations.health();
      const isOk = isHealthy({ store, broker });
      return reply
        .code(isOk ? 200 : 503)
        .send({ ok: isOk, store: store.failed ? "failed" : "ok", broker: broker.reached ? "ok" : "away" });
    },
  });
  api.get("/metrics", {
    handler: async (_request, reply) => {
      const figures = { ...operations.health(), ...(await operations.counts()) };
      return reply.type(metricsType).send(renderMetrics(figures));
    },
  });
  api.get("/v1/hub", { handler: () => operations.status() });
}

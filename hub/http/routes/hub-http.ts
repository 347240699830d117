/** Routes about the hub itself. */
import type { FastifyInstance } from "fastify";
import type { RouteParts } from "./parts.ts";

export function hubRoutes(api: FastifyInstance, { operations }: RouteParts): void {
  api.get("/healthz", { config: { public: true }, handler: () => ({ ok: true }) });
  api.get("/v1/hub", { handler: () => operations.status() });
}

/** Routes of rule enforcements: which rule fired on what, and what came of it. */
import type { FastifyInstance } from "fastify";
import type { EnforcementFilter } from "../../store/port/history.ts";
import { sendList } from "../list-http.ts";
import { listQuerySchema, text } from "../list-query.ts";
import { found, pathSchema, type RouteParts } from "./parts.ts";

export function enforcementRoutes(api: FastifyInstance, { store }: RouteParts): void {
  api.get<{ Querystring: EnforcementFilter }>("/v1/rule-enforcements", {
    schema: {
      querystring: listQuerySchema(
        {
          rule: text,
          trigger_instance: text,
          status: { enum: ["succeeded", "failed", "throttled"] },
          digest: text,
        },
        { since: true },
      ),
    },
    handler: (request, reply) => {
      const { rule, trigger_instance, status, digest } = request.query;
      return sendList(request, reply, {
        page: (page) => store.enforcements({ rule, trigger_instance, status, digest }, page),
        view: (enforcement) => enforcement,
      });
    },
  });
  api.get<{ Params: { id: string } }>("/v1/rule-enforcements/:id", {
    schema: { params: pathSchema("id") },
    handler: async ({ params: { id } }) => found(await store.enforcement(id), "rule enforcement", id),
  });
}

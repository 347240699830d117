/** Routes of trigger instances: what occurred. */
import type { FastifyInstance } from "fastify";
import type { InstanceFilter } from "../../store/port/history.ts";
import { sendList } from "../list-http.ts";
import { listQuerySchema, text } from "../list-query.ts";
import { found, pathSchema, type RouteParts } from "./parts.ts";

export function triggerInstanceRoutes(api: FastifyInstance, { store, operations }: RouteParts): void {
  api.get<{ Querystring: InstanceFilter }>("/v1/trigger-instances", {
    schema: {
      querystring: listQuerySchema(
        {
          trigger: text,
          status: { enum: ["pending", "processing", "processed", "processing_failed"] },
          agent: text,
        },
        { since: true },
      ),
    },
    handler: (request, reply) => {
      const { trigger, status, agent } = request.query;
      return sendList(request, reply, {
        page: (page) => store.instances({ trigger, status, agent }, page),
        view: (instance) => instance,
      });
    },
  });
  api.get<{ Params: { id: string } }>("/v1/trigger-instances/:id", {
    schema: { params: pathSchema("id") },
    handler: async ({ params: { id } }) => found(await store.instance(id), "trigger instance", id),
  });
  api.post<{ Params: { id: string } }>("/v1/trigger-instances/:id/re-emit", {
    schema: { params: pathSchema("id") },
    handler: async ({ params: { id } }, reply) => reply.code(201).send(await operations.reEmit(id)),
  });
}

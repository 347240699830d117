/** Routes of agents. */
import type { FastifyInstance } from "fastify";
import { sendList } from "../list-http.ts";
import { listQuerySchema, pageOf } from "../list-query.ts";
import { found, pathSchema, type RouteParts } from "./parts.ts";

type Labels = Readonly<Record<string, string | null>>;

export function agentRoutes(api: FastifyInstance, { store, operations }: RouteParts): void {
  api.get("/v1/agents", {
    schema: { querystring: listQuerySchema({}, { since: false }) },
    handler: async (request, reply) => {
      const agents = [...(await store.agents())].sort((a, b) => (a.id < b.id ? -1 : 1));
      return sendList(request, reply, {
        page: async (page) => pageOf(agents, (agent) => agent.id, page),
        view: (agent) => agent,
      });
    },
  });
  api.get<{ Params: { id: string } }>("/v1/agents/:id", {
    schema: { params: pathSchema("id") },
    handler: async ({ params: { id } }) => found(await store.agent(id), "agent", id),
  });
  api.post<{ Params: { id: string } }>("/v1/agents/:id/resolve", {
    schema: { params: pathSchema("id") },
    handler: ({ params: { id } }) => operations.resolveAgent(id),
  });
  api.patch<{ Params: { id: string }; Body: { labels: Labels } }>("/v1/agents/:id", {
    schema: {
      params: pathSchema("id"),
      body: {
        type: "object",
        required: ["labels"],
        additionalProperties: false,
        properties: {
          labels: {
            type: "object",
            minProperties: 1,
            maxProperties: 64,
            propertyNames: { minLength: 1, maxLength: 128 },
            additionalProperties: { type: ["string", "null"], maxLength: 256 },
          },
        },
      },
    },
    handler: ({ params: { id }, body }) => operations.labelAgent(id, body.labels),
  });
}

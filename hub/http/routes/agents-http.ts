/** Routes of agents. */
import type { FastifyInstance } from "fastify";
import type { AgentRecord } from "../../../shared/model/agent.ts";
import { version } from "../../../shared/version.ts";
import { versionSkew } from "../../../shared/version-skew.ts";
import { sendList } from "../list-http.ts";
import { listQuerySchema, pageOf } from "../list-query.ts";
import { found, pathSchema, type RouteParts } from "./parts.ts";

/** An agent as it is shown: beside its record, what its version is to the hub's. */
const agentView = (agent: AgentRecord) => ({ ...agent, version_skew: versionSkew(agent.version, version) });

type Labels = Readonly<Record<string, string | null>>;

export function agentRoutes(api: FastifyInstance, { store, operations }: RouteParts): void {
  api.get("/v1/agents", {
    schema: { querystring: listQuerySchema({}, { since: false }) },
    handler: async (request, reply) => {
      const agents = [...(await store.agents())].sort((a, b) => (a.id < b.id ? -1 : 1));
      return sendList(request, reply, {
        page: async (page) => pageOf(agents, (agent) => agent.id, page),
        view: agentView,
      });
    },
  });
  api.get<{ Params: { id: string } }>("/v1/agents/:id", {
    schema: { params: pathSchema("id") },
    handler: async ({ params: { id } }) => agentView(found(await store.agent(id), "agent", id)),
  });
  api.post<{ Params: { id: string } }>("/v1/agents/:id/resolve", {
    schema: { params: pathSchema("id") },
    handler: async ({ params: { id } }) => agentView(await operations.resolveAgent(id)),
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
    handler: async ({ params: { id }, body }) => agentView(await operations.labelAgent(id, body.labels)),
  });
}

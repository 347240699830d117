/** Routes of upgrades of many agents. */
import type { FastifyInstance } from "fastify";
import type { LabelSelector } from "../../../shared/model/pack.ts";
import { manifestProperties } from "../../../shared/upgrade/manifest.ts";
import { rolloutView } from "../../upgrades/rollout-desk.ts";
import { actorOf, concerns } from "../gate-http.ts";
import { sendList } from "../list-http.ts";
import { listQuerySchema, pageOf } from "../list-query.ts";
import { pathSchema, type RouteParts } from "./parts.ts";

interface BeginBody {
  readonly version: string;
  readonly agents?: readonly string[];
  readonly labels?: LabelSelector;
  readonly batch?: number;
  readonly max_failures?: number;
  readonly allow_downgrade?: boolean;
  readonly skip_offline?: boolean;
  readonly within?: number;
  readonly settle?: number;
  readonly offline_for?: number;
}

const count = { type: "integer", minimum: 1, maximum: 10_000 };

const beginSchema = {
  type: "object",
  additionalProperties: false,
  required: ["version"],
  properties: {
    version: manifestProperties.version,
    agents: {
      type: "array",
      minItems: 1,
      maxItems: 10_000,
      items: { type: "string", pattern: "^[a-z0-9][a-z0-9._-]{0,62}$" },
    },
    labels: {
      type: "object",
      minProperties: 1,
      maxProperties: 64,
      propertyNames: { minLength: 1, maxLength: 128 },
      additionalProperties: { type: "string", maxLength: 256 },
    },
    batch: count,
    max_failures: count,
    allow_downgrade: { type: "boolean" },
    skip_offline: { type: "boolean" },
    within: { type: "integer", minimum: 30, maximum: 86_400 },
    settle: { type: "integer", minimum: 0, maximum: 3_600 },
    offline_for: { type: "integer", minimum: 0, maximum: 90 * 86_400 },
  },
};

export function agentRolloutRoutes(api: FastifyInstance, { operations }: RouteParts): void {
  type ById = { Params: { id: string } };
  const byId = { schema: { params: pathSchema("id") } };
  api.get("/v1/agent-rollouts", {
    schema: { querystring: listQuerySchema({}, { since: false }) },
    handler: async (request, reply) => {
      const all = await operations.rollouts();
      return sendList(request, reply, {
        page: async (page) => pageOf(all, ({ id }) => id, page),
        view: rolloutView,
      });
    },
  });
  api.get<ById>("/v1/agent-rollouts/:id", {
    ...byId,
    handler: async ({ params: { id } }) => rolloutView(await operations.rollout(id)),
  });
  api.get<ById>("/v1/agent-rollouts/:id/agents", {
    schema: { params: pathSchema("id"), querystring: listQuerySchema({}, { since: false }) },
    handler: async (request, reply) => {
      const all = await operations.rolloutAgents(request.params.id);
      return sendList(request, reply, {
        page: async (page) => pageOf(all, ({ agent }) => agent, page),
        view: (each) => each,
      });
    },
  });
  api.post<{ Body: BeginBody }>("/v1/agent-rollouts", {
    schema: { body: beginSchema },
    handler: async (request, reply) => {
      const { body } = request;
      const rollout = await operations.beginRollout({
        version: body.version,
        agents: body.agents,
        labels: body.labels,
        batch: body.batch ?? 1,
        max_failures: body.max_failures ?? 1,
        allow_downgrade: body.allow_downgrade ?? false,
        skip_offline: body.skip_offline ?? false,
        within: body.within ?? 900,
        settle: body.settle ?? 30,
        offline_for: body.offline_for ?? 7 * 86_400,
        user: actorOf(request),
      });
      concerns(request, `${rollout.version} ${rollout.id}`);
      return reply.code(201).send(rolloutView(rollout));
    },
  });
  for (const [verb, change] of [
    ["pause", operations.pauseRollout],
    ["resume", operations.resumeRollout],
    ["cancel", operations.cancelRollout],
  ] as const) {
    api.post<ById>(`/v1/agent-rollouts/:id/${verb}`, {
      ...byId,
      handler: async ({ params: { id } }) => rolloutView(await change(id)),
    });
  }
}

/** Routes that ask agents about the files they watch, live: sweeps, comparisons, coverage. */
import type { FastifyInstance } from "fastify";
import type { LabelSelector } from "../../../shared/model/pack.ts";
import type { AgentChoice } from "../../files/watchers.ts";
import { text } from "../list-query.ts";
import { labelsOf, pathSchema, type RouteParts } from "./parts.ts";

interface VerifyBody {
  readonly agents?: readonly string[];
  readonly labels?: LabelSelector;
  readonly path?: string;
  readonly full?: boolean;
}

interface CompareQuery {
  readonly path: string;
  readonly agents?: string;
  readonly labels?: string;
}

/** As long as a path can be (path_max of Linux). */
const longText = { type: "string", minLength: 1, maxLength: 4_096 } as const;
const mostAgents = 10_000;

const verifySchema = {
  type: "object",
  additionalProperties: false,
  properties: {
    agents: { type: "array", minItems: 1, maxItems: mostAgents, items: text },
    labels: {
      type: "object",
      minProperties: 1,
      maxProperties: 64,
      additionalProperties: { type: "string", maxLength: 256 },
    },
    // The longest pattern there is.
    path: { type: "string", minLength: 1, maxLength: 1_024 },
    full: { type: "boolean" },
  },
} as const;

function choiceOf({ agents, labels }: Omit<CompareQuery, "path">): AgentChoice {
  return {
    ...(agents !== undefined && { agents: agents.split(",") }),
    ...(labels !== undefined && { labels: labelsOf(labels) }),
  };
}

export function fileWatchingRoutes(api: FastifyInstance, { operations }: RouteParts): void {
  api.post<{ Body: VerifyBody }>("/v1/file-verifications", {
    schema: { body: verifySchema },
    handler: async ({ body }, reply) => {
      const { agents, labels, path = null, full = false } = body;
      return reply.code(202).send(await operations.verifyFiles({ agents, labels, path, full }));
    },
  });
  api.get<{ Params: { id: string } }>("/v1/file-verifications/:id", {
    schema: { params: pathSchema("id") },
    handler: ({ params: { id } }) => operations.verification(id),
  });
  api.get<{ Querystring: CompareQuery }>("/v1/file-comparison", {
    schema: {
      querystring: {
        type: "object",
        required: ["path"],
        additionalProperties: false,
        properties: { path: { ...longText, pattern: "^/" }, agents: longText, labels: text },
      },
    },
    handler: ({ query: { path, ...choice } }) => operations.compareFiles(path, choiceOf(choice)),
  });
  api.get<{ Querystring: Omit<CompareQuery, "path"> }>("/v1/file-coverage", {
    schema: {
      querystring: {
        type: "object",
        additionalProperties: false,
        properties: { agents: longText, labels: text },
      },
    },
    handler: ({ query }) => operations.fleetCoverage(choiceOf(query)),
  });
  api.get<{ Params: { id: string } }>("/v1/agents/:id/watch-coverage", {
    schema: { params: pathSchema("id") },
    handler: ({ params: { id } }) => operations.watchCoverage(id),
  });
}

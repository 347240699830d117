/** Routes of windows in which changes of files are expected. */
import type { FastifyInstance } from "fastify";
import { actorOf, concerns } from "../gate-http.ts";
import { sendList } from "../list-http.ts";
import { listQuerySchema, pageOf, text } from "../list-query.ts";
import { pathSchema, type RouteParts } from "./parts.ts";

interface OpenBody {
  readonly labels?: Readonly<Record<string, string>>;
  readonly agent?: string;
  readonly paths: readonly string[];
  readonly seconds: number;
  readonly reason: string;
  readonly user?: string;
}

const user = { type: "string", minLength: 1, maxLength: 256 } as const;

const openSchema = {
  type: "object",
  required: ["paths", "seconds", "reason"],
  additionalProperties: false,
  properties: {
    labels: {
      type: "object",
      maxProperties: 64,
      additionalProperties: { type: "string", maxLength: 256 },
    },
    agent: text,
    paths: {
      type: "array",
      minItems: 1,
      maxItems: 64,
      items: { type: "string", minLength: 1, maxLength: 1024 },
    },
    // A month: what is expected for longer should not be watched.
    seconds: { type: "integer", minimum: 1, maximum: 31 * 86_400 },
    reason: { type: "string", minLength: 1, maxLength: 1024, pattern: "\\S" },
    user,
  },
} as const;

export function changeWindowRoutes(api: FastifyInstance, { operations }: RouteParts): void {
  api.get<{ Querystring: { all?: boolean } }>("/v1/change-windows", {
    schema: { querystring: listQuerySchema({ all: { type: "boolean" } }, { since: false }) },
    handler: (request, reply) =>
      sendList(request, reply, {
        page: async (page) => pageOf(operations.windows(request.query.all === true), ({ id }) => id, page),
        view: (window) => window,
      }),
  });
  api.post<{ Body: OpenBody }>("/v1/change-windows", {
    schema: { body: openSchema },
    handler: async (request, reply) => {
      const { body } = request;
      const { labels = {}, agent = null, paths, seconds, reason } = body;
      const user = actorOf(request, body.user);
      const opened = await operations.openWindow({ labels, agent, paths, seconds, reason, user });
      concerns(request, opened.id);
      return reply.code(201).send(opened);
    },
  });
  api.post<{ Params: { id: string }; Body: { user?: string } }>("/v1/change-windows/:id/close", {
    schema: {
      params: pathSchema("id"),
      body: { type: "object", additionalProperties: false, properties: { user } },
    },
    handler: (request) => operations.closeWindow(request.params.id, actorOf(request, request.body.user)),
  });
}

/** Routes of webhooks: what rules wait for, and the doors through which it comes. */
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Json, JsonObject } from "../../../shared/json.ts";
import { hookPath } from "../../../shared/model/webhook.ts";
import { hookHeaders, keyHeader, traceHeader } from "../hook-request.ts";
import { sendList } from "../list-http.ts";
import { listQuerySchema, pageOf } from "../list-query.ts";
import { found, type RouteParts } from "./parts.ts";

/** Bytes of a body: it becomes the payload of a trigger, which is kept and listed. */
const maxBodyBytes = 256 * 1024;
const traceTag = { type: "string", minLength: 1, maxLength: 1024 } as const;
/** Whatever else a sender has put there is left alone. */
const query = {
  type: "object",
  properties: { "st2-api-key": { type: "string" } },
};
const headers = {
  type: "object",
  properties: { [traceHeader]: traceTag, [keyHeader]: { type: "string", minLength: 1, maxLength: 255 } },
};
const path = {
  type: "object",
  required: ["*"],
  properties: { "*": { type: "string", minLength: 1, maxLength: 300 } },
};
const options = { bodyLimit: maxBodyBytes, config: { keyInQuery: true } } as const;

interface InjectBody {
  readonly trigger: string;
  readonly payload?: JsonObject | null;
  readonly trace_tag?: string;
}

function tagOf(request: FastifyRequest): string | null {
  const tag = request.headers[traceHeader];
  return typeof tag === "string" ? tag : null;
}

function keyOf(request: FastifyRequest): string | null {
  const key = request.headers[keyHeader];
  return typeof key === "string" ? key : null;
}

export function webhookRoutes(api: FastifyInstance, { operations }: RouteParts): void {
  api.get("/v1/webhooks", {
    schema: { querystring: listQuerySchema({}, { since: false }) },
    handler: async (request, reply) => {
      const hooks = await operations.webhooks();
      return sendList(request, reply, {
        page: async (page) => pageOf(hooks, ({ url }) => url, page),
        view: (hook) => hook,
      });
    },
  });
  api.get<{ Params: { "*": string } }>("/v1/webhooks/*", {
    schema: { params: path },
    handler: async ({ params }) => {
      const wanted = hookPath(params["*"]);
      return found(
        (await operations.webhooks()).find(({ url }) => url === wanted),
        "webhook",
        wanted,
      );
    },
  });
  // Also with the slash that some senders put at the end.
  for (const url of ["/v1/webhooks/st2", "/v1/webhooks/st2/"]) {
    api.post<{ Body: InjectBody }>(url, {
      ...options,
      schema: {
        querystring: query,
        headers,
        body: {
          type: "object",
          required: ["trigger"],
          additionalProperties: false,
          properties: {
            trigger: { type: "string", minLength: 1, maxLength: 300 },
            payload: { type: ["object", "null"] },
            trace_tag: traceTag,
          },
        },
      },
      handler: async (request, reply) => {
        const { trigger, payload, trace_tag } = request.body;
        const asked = {
          trigger,
          payload: payload ?? {},
          trace_tag: trace_tag ?? tagOf(request),
          key: keyOf(request),
        };
        return reply.code(202).send(await operations.injectTrigger(asked));
      },
    });
  }
  api.post<{ Params: { "*": string }; Body: Json | undefined }>("/v1/webhooks/*", {
    ...options,
    schema: { querystring: query, headers, params: path },
    handler: async (request, reply) => {
      const received = await operations.takeWebhook(request.params["*"], {
        headers: hookHeaders(request.raw.rawHeaders),
        body: request.body ?? null,
        trace_tag: tagOf(request),
        key: keyOf(request),
      });
      return reply.code(202).send(received);
    },
  });
}

/** Routes of the keys of this API (st2 docs, API keys). */
import type { FastifyInstance, FastifyRequest } from "fastify";
import { PetrelError } from "../../../shared/errors.ts";
import { type ApiKeyRecord, type ApiRole, apiRoles } from "../../../shared/model/api-key.ts";
import type { Caller } from "../../access/api-keys.ts";
import { actorOf, concerns } from "../gate-http.ts";
import { sendList } from "../list-http.ts";
import { listQuerySchema, pageOf } from "../list-query.ts";
import { pathSchema, type RouteParts } from "./parts.ts";

interface CreateBody {
  readonly name: string;
  readonly role?: ApiRole;
  readonly scopes?: readonly string[];
  readonly ttl?: number | null;
}

interface ChangeBody {
  readonly role?: ApiRole;
  readonly scopes?: readonly string[];
  readonly enabled?: boolean;
  readonly ttl?: number | null;
}

export type ApiKeyView = Omit<ApiKeyRecord, "digest">;

/** Seconds that a key is good for when nobody says: a key that nobody remembers ends by itself. */
const defaultTtl = 90 * 86_400;

const scopes = {
  type: "array",
  maxItems: 64,
  items: { type: "string", minLength: 1, maxLength: 400 },
} as const;
const ttl = { type: ["number", "null"], exclusiveMinimum: 0, maximum: 100 * 366 * 86_400 } as const;
const name = { type: "string", pattern: "^[A-Za-z0-9][A-Za-z0-9._@+-]{0,62}$" } as const;

const shown = ({ digest: _, ...key }: ApiKeyRecord): ApiKeyView => key;

function callerOf({ caller }: FastifyRequest): Caller {
  if (caller !== null) return caller;
  throw new PetrelError("API_UNAUTHORIZED", "this needs an API key");
}

export function apiKeyRoutes(api: FastifyInstance, { keys }: RouteParts): void {
  type ById = { Params: { id: string } };
  api.get("/v1/apikeys", {
    schema: { querystring: listQuerySchema({}, { since: false }) },
    handler: (request, reply) =>
      sendList(request, reply, {
        page: async (page) => pageOf(keys.all(), ({ id }) => id, page),
        view: shown,
      }),
  });
  api.get<ById>("/v1/apikeys/:id", {
    schema: { params: pathSchema("id") },
    handler: async ({ params: { id } }) => shown(keys.get(id)),
  });
  api.post<{ Body: CreateBody }>("/v1/apikeys", {
    schema: {
      body: {
        type: "object",
        required: ["name"],
        additionalProperties: false,
        properties: { name, role: { enum: apiRoles }, scopes, ttl },
      },
    },
    handler: async (request, reply) => {
      const { name, role = "observer", scopes = [], ttl = defaultTtl } = request.body;
      const by = { ...callerOf(request), name: actorOf(request) };
      const made = await keys.create({ name, role, scopes, ttl }, by);
      concerns(request, made.record.id);
      return reply.code(201).send({ ...shown(made.record), key: made.key });
    },
  });
  api.patch<ById & { Body: ChangeBody }>("/v1/apikeys/:id", {
    schema: {
      params: pathSchema("id"),
      body: {
        type: "object",
        minProperties: 1,
        additionalProperties: false,
        properties: { role: { enum: apiRoles }, scopes, enabled: { type: "boolean" }, ttl },
      },
    },
    handler: async (request) => shown(await keys.change(request.params.id, request.body, callerOf(request))),
  });
  api.delete<ById>("/v1/apikeys/:id", {
    schema: { params: pathSchema("id") },
    handler: async (request, reply) => {
      await keys.remove(request.params.id, callerOf(request));
      return reply.code(204).send();
    },
  });
}

/** Routes of datastore keys (st2 docs, Datastore). */
import type { FastifyInstance, FastifyRequest } from "fastify";
import {
  checkedAddress,
  type KeyAddress,
  maxNameLength,
  scopeNames,
  scopeOf,
} from "../../datastore/key-address.ts";
import { longestTtl } from "../../datastore/key-book.ts";
import type { KeyRequest } from "../../datastore/key-desk.ts";
import { actorOf } from "../gate-http.ts";
import { sendList } from "../list-http.ts";
import { listQuerySchema, text } from "../list-query.ts";
import type { RouteParts } from "./parts.ts";

/** The largest value, written as escapes, and some room: what is beyond it is refused with its size. */
const maxBodyBytes = 1024 * 1024;

const user = { type: "string", minLength: 1, maxLength: 256 } as const;
const flag = { type: "boolean" } as const;
const path = {
  type: "object",
  required: ["name"],
  properties: { name: { type: "string", minLength: 1, maxLength: maxNameLength } },
} as const;

const querySchema = (more: Readonly<Record<string, object>>) => ({
  type: "object",
  additionalProperties: false,
  properties: { scope: { enum: scopeNames }, user, ...more },
});

interface KeyPlace {
  readonly scope?: string;
  readonly user?: string;
}

interface ListFilter extends KeyPlace {
  readonly prefix?: string;
  readonly decrypt?: boolean;
  readonly offset?: number;
}

interface OneKey {
  Params: { name: string };
  Querystring: KeyPlace & { decrypt?: boolean };
}

function addressIn(request: FastifyRequest<OneKey>): KeyAddress {
  const { params, query } = request;
  const scope = scopeOf(query.scope ?? "system");
  return checkedAddress(scope, query.user ?? actorOf(request), params.name);
}

export function keyRoutes(api: FastifyInstance, { operations }: RouteParts): void {
  api.get<{ Querystring: ListFilter }>("/v1/keys", {
    schema: {
      querystring: listQuerySchema(
        {
          prefix: text,
          scope: { enum: [...scopeNames, "all"] },
          user,
          decrypt: flag,
          offset: { type: "integer", minimum: 0, maximum: 1_000_000 },
        },
        { since: false },
      ),
    },
    handler: (request, reply) => {
      const { scope = "system", user, prefix = "", decrypt = false, offset = 0 } = request.query;
      const isAll = scope === "all";
      const query = {
        scopes: isAll ? (["system", "user"] as const) : [scopeOf(scope)],
        user: user ?? (isAll ? null : actorOf(request)),
        prefix,
        decrypt,
        offset,
      };
      return sendList(request, reply, {
        page: async (page) => operations.keys(query, page),
        view: (key) => key,
      });
    },
  });
  api.get<OneKey>("/v1/keys/:name", {
    schema: { params: path, querystring: querySchema({ decrypt: flag }) },
    handler: async (request) => operations.key(addressIn(request), request.query.decrypt === true),
  });
  api.put<OneKey & { Body: KeyRequest }>("/v1/keys/:name", {
    bodyLimit: maxBodyBytes,
    schema: {
      params: path,
      querystring: querySchema({}),
      body: {
        type: "object",
        required: ["value"],
        additionalProperties: false,
        properties: {
          value: { type: "string" },
          ttl: { type: "number", exclusiveMinimum: 0, maximum: longestTtl },
          secret: flag,
          encrypted: flag,
        },
      },
    },
    handler: async (request) => operations.setKey(addressIn(request), request.body),
  });
  api.delete<OneKey>("/v1/keys/:name", {
    schema: { params: path, querystring: querySchema({}) },
    handler: async (request, reply) => {
      await operations.deleteKey(addressIn(request));
      return reply.code(204).send();
    },
  });
}

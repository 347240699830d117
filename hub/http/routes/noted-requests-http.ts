/** Routes of what was noted of requests. */
import type { FastifyInstance } from "fastify";
import type { ApiRequestFilter } from "../../store/port/access.ts";
import { sendList } from "../list-http.ts";
import { listQuerySchema, text } from "../list-query.ts";
import type { RouteParts } from "./parts.ts";

export function notedRequestRoutes(api: FastifyInstance, { store }: RouteParts): void {
  const filters = {
    user: text,
    key: text,
    address: text,
    noun: text,
    verb: text,
    ref: { ...text, maxLength: 600 },
    refused: { type: "boolean" },
  };
  api.get<{ Querystring: ApiRequestFilter }>("/v1/audit/requests", {
    schema: { querystring: listQuerySchema(filters, { since: true }) },
    handler: (request, reply) => {
      const { user, key, address, noun, verb, ref, refused } = request.query;
      const filter = { user, key, address, noun, verb, ref, refused };
      return sendList(request, reply, {
        page: (page) => store.apiRequests(filter, page),
        view: (noted) => noted,
      });
    },
  });
}

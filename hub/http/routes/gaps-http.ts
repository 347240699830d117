/** Route of gaps: what is missing or odd in the agents' ledgers. */
import type { FastifyInstance } from "fastify";
import { sendList } from "../list-http.ts";
import { listQuerySchema } from "../list-query.ts";
import type { RouteParts } from "./parts.ts";

export function gapRoutes(api: FastifyInstance, { store }: RouteParts): void {
  api.get("/v1/gaps", {
    schema: { querystring: listQuerySchema({}, { since: true }) },
    handler: (request, reply) =>
      sendList(request, reply, { page: (page) => store.gaps(page), view: (gap) => gap }),
  });
}

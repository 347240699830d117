/** Routes of dead letters: entries that were well formed but could not be used. */
import type { FastifyInstance } from "fastify";
import { deadLetterView } from "../dead-letter-view.ts";
import { sendList } from "../list-http.ts";
import { listQuerySchema } from "../list-query.ts";
import { found, pathSchema, type RouteParts } from "./parts.ts";

export function deadLetterRoutes(api: FastifyInstance, { store, operations, catalogues }: RouteParts): void {
  api.get("/v1/dead-letters", {
    schema: { querystring: listQuerySchema({}, { since: true }) },
    handler: async (request, reply) => {
      const catalogue = await catalogues.current();
      return sendList(request, reply, {
        page: (page) => store.deadLetters(page),
        view: (letter) => deadLetterView(catalogue, letter),
      });
    },
  });
  api.get<{ Params: { id: string } }>("/v1/dead-letters/:id", {
    schema: { params: pathSchema("id") },
    handler: async ({ params: { id } }) =>
      deadLetterView(await catalogues.current(), found(await store.deadLetter(id), "dead letter", id)),
  });
  api.post<{ Params: { id: string } }>("/v1/dead-letters/:id/retry", {
    schema: { params: pathSchema("id") },
    handler: async ({ params: { id } }) => ({ id, outcome: await operations.retryDeadLetter(id) }),
  });
  api.delete<{ Params: { id: string } }>("/v1/dead-letters/:id", {
    schema: { params: pathSchema("id") },
    handler: async ({ params: { id } }, reply) => {
      await operations.dropDeadLetter(id);
      return reply.code(204).send();
    },
  });
}

/** Routes of action aliases, which come with packs. */
import type { FastifyInstance } from "fastify";
import { sendList } from "../list-http.ts";
import { listQuerySchema, pageOf, text } from "../list-query.ts";
import { found, pathSchema, type RouteParts } from "./parts.ts";

export function actionAliasRoutes(api: FastifyInstance, { catalogues }: RouteParts): void {
  api.get<{ Querystring: { readonly pack?: string } }>("/v1/action-aliases", {
    schema: { querystring: listQuerySchema({ pack: text }, { since: false }) },
    handler: async (request, reply) => {
      const { pack } = request.query;
      const aliases = [...(await catalogues.current()).aliases.values()].filter(
        (alias) => pack === undefined || alias.pack === pack,
      );
      return sendList(request, reply, {
        page: async (page) => pageOf(aliases, (alias) => alias.ref, page),
        view: (alias) => alias,
      });
    },
  });
  api.get<{ Params: { ref: string } }>("/v1/action-aliases/:ref", {
    schema: { params: pathSchema("ref") },
    handler: async ({ params: { ref } }) =>
      found((await catalogues.current()).aliases.get(ref), "action alias", ref),
  });
}

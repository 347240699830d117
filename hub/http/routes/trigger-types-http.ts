/** Routes of trigger types, which come with packs. */
import type { FastifyInstance } from "fastify";
import { sendList } from "../list-http.ts";
import { listQuerySchema, pageOf, text } from "../list-query.ts";
import { found, pathSchema, type RouteParts } from "./parts.ts";

export function triggerTypeRoutes(api: FastifyInstance, { catalogues }: RouteParts): void {
  api.get<{ Querystring: { pack?: string } }>("/v1/trigger-types", {
    schema: { querystring: listQuerySchema({ pack: text }, { since: false }) },
    handler: async (request, reply) => {
      const { pack } = request.query;
      const all = [...(await catalogues.current()).triggerTypes.values()];
      const types = all.filter((type) => pack === undefined || type.pack === pack);
      return sendList(request, reply, {
        page: async (page) => pageOf(types, (type) => type.ref, page),
        view: (type) => type,
      });
    },
  });
  api.get<{ Params: { ref: string } }>("/v1/trigger-types/:ref", {
    schema: { params: pathSchema("ref") },
    handler: async ({ params: { ref } }) =>
      found((await catalogues.current()).triggerTypes.get(ref), "trigger", ref),
  });
}

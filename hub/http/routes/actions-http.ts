/** Routes of actions, which come with packs. */
import type { FastifyInstance } from "fastify";
import { sendList } from "../list-http.ts";
import { listQuerySchema, pageOf, text } from "../list-query.ts";
import { actionView } from "../views.ts";
import { found, pathSchema, type RouteParts } from "./parts.ts";

export function actionRoutes(api: FastifyInstance, { catalogues }: RouteParts): void {
  api.get<{ Querystring: { pack?: string } }>("/v1/actions", {
    schema: { querystring: listQuerySchema({ pack: text }, { since: false }) },
    handler: async (request, reply) => {
      const { pack } = request.query;
      const all = [...(await catalogues.current()).actions.values()].map(({ definition }) => definition);
      const actions = all.filter((action) => pack === undefined || action.pack === pack);
      return sendList(request, reply, {
        page: async (page) => pageOf(actions, (action) => action.ref, page),
        view: actionView,
      });
    },
  });
  api.get<{ Params: { ref: string } }>("/v1/actions/:ref", {
    schema: { params: pathSchema("ref") },
    handler: async ({ params: { ref } }) =>
      actionView(found((await catalogues.current()).actions.get(ref)?.definition, "action", ref)),
  });
}

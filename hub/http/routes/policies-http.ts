/** Routes of policies, which come with packs. */
import type { FastifyInstance } from "fastify";
import { sendList } from "../list-http.ts";
import { listQuerySchema, pageOf, text } from "../list-query.ts";
import { found, pathSchema, type RouteParts } from "./parts.ts";

interface Filter {
  readonly pack?: string;
  readonly action?: string;
}

export function policyRoutes(api: FastifyInstance, { catalogues }: RouteParts): void {
  api.get<{ Querystring: Filter }>("/v1/policies", {
    schema: { querystring: listQuerySchema({ pack: text, action: text }, { since: false }) },
    handler: async (request, reply) => {
      const { pack, action } = request.query;
      const policies = [...(await catalogues.current()).policies.values()]
        .filter((policy) => pack === undefined || policy.pack === pack)
        .filter((policy) => action === undefined || policy.resource_ref === action);
      return sendList(request, reply, {
        page: async (page) => pageOf(policies, (policy) => policy.ref, page),
        view: (policy) => policy,
      });
    },
  });
  api.get<{ Params: { ref: string } }>("/v1/policies/:ref", {
    schema: { params: pathSchema("ref") },
    handler: async ({ params: { ref } }) =>
      found((await catalogues.current()).policies.get(ref), "policy", ref),
  });
}

/** Routes of overrides: what operators switch on and off in packs, whatever the packs' files say. */
import type { FastifyInstance } from "fastify";
import { errorReport } from "../../../shared/errors.ts";
import { problemError } from "../../../shared/problem.ts";
import { sendList } from "../list-http.ts";
import { listQuerySchema, pageOf } from "../list-query.ts";
import { pathSchema, type RouteParts } from "./parts.ts";

/** As YAML text (so that errors can name its lines) or as a JSON object. */
const overridesBody = { anyOf: [{ type: "string", minLength: 1 }, { type: "object" }] } as const;

export function overrideRoutes(api: FastifyInstance, { operations }: RouteParts): void {
  type ByRef = { Params: { ref: string } };
  api.get("/v1/overrides", {
    schema: { querystring: listQuerySchema({}, { since: false }) },
    handler: async (request, reply) => {
      const all = await operations.overrides();
      return sendList(request, reply, {
        page: async (page) => pageOf(all, ({ name }) => name, page),
        view: (overrides) => overrides,
      });
    },
  });
  api.get<ByRef>("/v1/overrides/:ref", {
    schema: { params: pathSchema("ref") },
    handler: ({ params: { ref } }) => operations.override(ref),
  });
  api.put<ByRef & { Body: string | object }>("/v1/overrides/:ref", {
    schema: { params: pathSchema("ref"), body: overridesBody },
    handler: async ({ params: { ref }, body }) => {
      const text = typeof body === "string" ? body : JSON.stringify(body, null, 2);
      const written = await operations.setOverride(ref, text);
      return { ...written, warnings: written.warnings.map(problemError).map(errorReport) };
    },
  });
  api.delete<ByRef>("/v1/overrides/:ref", {
    schema: { params: pathSchema("ref") },
    handler: async ({ params: { ref } }, reply) => {
      await operations.deleteOverride(ref);
      return reply.code(204).send();
    },
  });
}

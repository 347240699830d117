/** Routes of timers: what rules have made come at a time. */
import type { FastifyInstance } from "fastify";
import { sendList } from "../list-http.ts";
import { listQuerySchema, pageOf, text } from "../list-query.ts";
import { found, pathSchema, type RouteParts } from "./parts.ts";

export function timerRoutes(api: FastifyInstance, { operations }: RouteParts): void {
  api.get<{ Querystring: { type?: string; rule?: string } }>("/v1/timers", {
    schema: { querystring: listQuerySchema({ type: text, rule: text }, { since: false }) },
    handler: async (request, reply) => {
      const { type, rule } = request.query;
      const timers = (await operations.timers())
        .filter((timer) => type === undefined || timer.type === type)
        .filter((timer) => rule === undefined || timer.rules.includes(rule));
      return sendList(request, reply, {
        page: async (page) => pageOf(timers, ({ id }) => id, page),
        view: (timer) => timer,
      });
    },
  });
  api.get<{ Params: { id: string } }>("/v1/timers/:id", {
    schema: { params: pathSchema("id") },
    // A rule has one timer at most, and its ref is what people know.
    handler: async ({ params: { id } }) =>
      found(
        (await operations.timers()).find((timer) => timer.id === id || timer.rules.includes(id)),
        "timer",
        id,
      ),
  });
}

/** Routes of rules. */
import type { FastifyInstance } from "fastify";
import type { ReplayRequest } from "../../rules/hindsight.ts";
import { concerns } from "../gate-http.ts";
import { sendList } from "../list-http.ts";
import { listQuerySchema, maxLimit, pageOf, text } from "../list-query.ts";
import {
  changedRuleView,
  replayView,
  ruleVersionView,
  ruleView,
  ruleWhyView,
  writtenRuleView,
} from "../views.ts";
import { found, pathSchema, type RouteParts } from "./parts.ts";

interface RuleFilter {
  readonly pack?: string;
  readonly trigger?: string;
  readonly action?: string;
}

/** A rule as YAML text (kept as it is, so that errors can name its lines) or as a JSON object. */
const ruleBody = {
  anyOf: [
    { type: "string", minLength: 1 },
    { type: "object", minProperties: 1 },
  ],
} as const;

interface ReplayBody extends Omit<ReplayRequest, "limit" | "text"> {
  readonly text?: string | object;
  readonly limit?: number;
}

const instant = { type: "string", format: "date-time" } as const;
const replayBody = {
  type: "object",
  additionalProperties: false,
  properties: {
    rule: text,
    text: ruleBody,
    since: instant,
    until: instant,
    cursor: { type: "string", minLength: 1, maxLength: 4096 },
    limit: { type: "integer", minimum: 1, maximum: maxLimit },
  },
  oneOf: [{ required: ["rule"] }, { required: ["text"] }],
} as const;

/** Instances that one call looks at: rules are judged between what agents send. */
const defaultReplay = 200;

const textOf = (body: string | object): string =>
  typeof body === "string" ? body : JSON.stringify(body, null, 2);

export function ruleRoutes(api: FastifyInstance, { store, operations, catalogues }: RouteParts): void {
  api.get<{ Querystring: RuleFilter }>("/v1/rules", {
    schema: { querystring: listQuerySchema({ pack: text, trigger: text, action: text }, { since: false }) },
    handler: async (request, reply) => {
      const { pack, trigger, action } = request.query;
      const catalogue = await catalogues.current();
      const rules = [...(await store.ruleSet()).rules]
        .filter(({ rule }) => pack === undefined || rule.pack === pack)
        .filter(({ rule }) => trigger === undefined || rule.trigger.type === trigger)
        .filter(({ rule }) => action === undefined || rule.action.ref === action)
        .sort((a, b) => (a.rule.ref < b.rule.ref ? -1 : 1));
      return sendList(request, reply, {
        page: async (page) => pageOf(rules, (record) => record.rule.ref, page),
        view: (record) => ruleView(catalogue, record),
      });
    },
  });
  api.get<{ Params: { ref: string } }>("/v1/rules/:ref", {
    schema: { params: pathSchema("ref") },
    handler: async ({ params: { ref } }) => {
      const record = (await store.ruleSet()).rules.find(({ rule }) => rule.ref === ref);
      return ruleView(await catalogues.current(), found(record, "rule", ref));
    },
  });
  api.post<{ Body: string | object }>("/v1/rules", {
    schema: { body: ruleBody },
    handler: async (request, reply) => {
      const record = await operations.createRule(textOf(request.body));
      concerns(request, record.rule.ref);
      return reply.code(201).send(writtenRuleView(await catalogues.current(), record));
    },
  });
  api.put<{ Params: { ref: string }; Body: string | object }>("/v1/rules/:ref", {
    schema: { params: pathSchema("ref"), body: ruleBody },
    handler: async ({ params: { ref }, body }) =>
      writtenRuleView(await catalogues.current(), await operations.updateRule(ref, textOf(body))),
  });
  api.delete<{ Params: { ref: string } }>("/v1/rules/:ref", {
    schema: { params: pathSchema("ref") },
    handler: async ({ params: { ref } }, reply) => {
      await operations.deleteRule(ref);
      return reply.code(204).send();
    },
  });
  api.get<{ Params: { ref: string } }>("/v1/rules/:ref/history", {
    schema: { params: pathSchema("ref") },
    handler: async ({ params: { ref } }) => {
      const [versions, catalogue] = await Promise.all([operations.ruleHistory(ref), catalogues.current()]);
      return { items: versions.map((version) => ruleVersionView(catalogue, version)) };
    },
  });
  api.post<{ Params: { ref: string }; Body: { rev?: number } | null }>("/v1/rules/:ref/rollback", {
    schema: {
      params: pathSchema("ref"),
      body: {
        type: ["object", "null"],
        additionalProperties: false,
        properties: { rev: { type: "integer", minimum: 1 } },
      },
    },
    handler: async ({ params: { ref }, body }) =>
      changedRuleView(await catalogues.current(), await operations.rollbackRule(ref, body?.rev ?? null)),
  });
  api.get<{ Params: { ref: string; instance: string } }>("/v1/rules/:ref/why/:instance", {
    schema: { params: pathSchema("ref", "instance") },
    handler: async ({ params: { ref, instance } }) =>
      ruleWhyView(await catalogues.current(), await operations.whyRule(ref, instance)),
  });
  api.post<{ Body: ReplayBody }>("/v1/rules/replay", {
    schema: { body: replayBody },
    handler: async ({ body: { limit = defaultReplay, text: given, ...rest } }) => {
      const text = given === undefined ? undefined : textOf(given);
      return replayView(await catalogues.current(), await operations.replayRule({ ...rest, text, limit }));
    },
  });
  for (const [verb, enabled] of [
    ["enable", true],
    ["disable", false],
  ] as const) {
    api.post<{ Params: { ref: string } }>(`/v1/rules/:ref/${verb}`, {
      schema: { params: pathSchema("ref") },
      handler: async ({ params: { ref } }) =>
        ruleView(await catalogues.current(), await operations.setRuleEnabled(ref, enabled)),
    });
  }
}

/** Routes of what packs are configured with, of which agents run them, and of how far these are. */
import type { FastifyInstance } from "fastify";
import { PetrelError } from "../../../shared/errors.ts";
import type { JsonObject } from "../../../shared/json.ts";
import { parseSelector } from "../../../shared/labels.ts";
import type { LabelSelector } from "../../../shared/model/pack.ts";
import { hasLabels } from "../../executions/place.ts";
import type { AssignTo } from "../../packs/layers.ts";
import type { ConfigEdit } from "../../packs/pack-desk.ts";
import { packOnAgents } from "../../packs/progress.ts";
import { keepMasked } from "../../secrets/keep-masked.ts";
import { setPaths } from "../config-paths.ts";
import { text } from "../list-query.ts";
import { packConfigView, packView } from "../views.ts";
import { found, pathSchema, type RouteParts } from "./parts.ts";

interface AssignBody {
  readonly to: AssignTo;
  /** Replaces what is configured for the agents that are named. */
  readonly config?: JsonObject;
  /** Single attributes of it, by dotted path. */
  readonly set?: JsonObject;
}

const labelsSchema = {
  type: "object",
  minProperties: 1,
  maxProperties: 64,
  propertyNames: { pattern: "^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$" },
  additionalProperties: { type: "string", maxLength: 256 },
} as const;

const assignSchema = {
  type: "object",
  required: ["to"],
  additionalProperties: false,
  properties: {
    to: {
      anyOf: [
        { enum: ["all", "none"] },
        {
          type: "object",
          required: ["add"],
          additionalProperties: false,
          properties: { add: labelsSchema },
        },
        {
          type: "object",
          required: ["remove"],
          additionalProperties: false,
          properties: { remove: labelsSchema },
        },
      ],
    },
    config: { type: "object" },
    set: { type: "object", minProperties: 1 },
  },
} as const;

/** Names a layer; without labels, what all agents get. */
const layerQuery = {
  type: "object",
  additionalProperties: false,
  properties: { labels: text },
} as const;

const configQuery = {
  type: "object",
  additionalProperties: false,
  properties: { agent: text },
} as const;

/** A secret that is still masked keeps its value. */
const replaced =
  (config: JsonObject): ConfigEdit =>
  (before, schema) =>
    keepMasked(schema, config, before);

function selectorOf(labels: string | undefined): LabelSelector | null {
  if (labels === undefined) return null;
  const selector = parseSelector(labels);
  if (selector !== null && Object.keys(selector).length > 0) return selector;
  throw new PetrelError("API_BAD_REQUEST", `'${labels}' are no labels`, {
    hint: "write role=web,site=berlin",
  });
}

export function packPlacementRoutes(api: FastifyInstance, { store, operations }: RouteParts): void {
  type ByRef = { Params: { ref: string } };
  type OfLayer = ByRef & { Querystring: { labels?: string } };
  const url = "/v1/packs/:ref/config";
  api.get<ByRef & { Querystring: { agent?: string } }>(url, {
    schema: { params: pathSchema("ref"), querystring: configQuery },
    handler: async ({ params: { ref }, query: { agent } }) =>
      packConfigView(
        found(await store.pack(ref), "pack", ref),
        agent === undefined ? null : found(await store.agent(agent), "agent", agent),
      ),
  });
  api.put<OfLayer & { Body: JsonObject }>(url, {
    schema: { params: pathSchema("ref"), querystring: layerQuery, body: { type: "object" } },
    handler: async ({ params: { ref }, query: { labels }, body }) =>
      packConfigView(await operations.configurePack(ref, selectorOf(labels), replaced(body))),
  });
  // Changes single attributes (`sensor.directories`) here, where secrets are not masked.
  api.patch<OfLayer & { Body: JsonObject }>(url, {
    schema: {
      params: pathSchema("ref"),
      querystring: layerQuery,
      body: { type: "object", minProperties: 1 },
    },
    handler: async ({ params: { ref }, query: { labels }, body }) =>
      packConfigView(
        await operations.configurePack(ref, selectorOf(labels), (before) => setPaths(before, body)),
      ),
  });
  api.delete<OfLayer>(url, {
    schema: { params: pathSchema("ref"), querystring: { ...layerQuery, required: ["labels"] } },
    handler: async ({ params: { ref }, query: { labels } }) =>
      packConfigView(await operations.configurePack(ref, selectorOf(labels), () => null)),
  });
  api.put<ByRef & { Body: AssignBody }>("/v1/packs/:ref/assignment", {
    schema: { params: pathSchema("ref"), body: assignSchema },
    handler: async ({ params: { ref }, body: { to, config, set } }) => {
      const edit: ConfigEdit | undefined =
        config === undefined && set === undefined
          ? undefined
          : (before, schema) =>
              setPaths(config === undefined ? before : keepMasked(schema, config, before), set ?? {});
      return packView(await operations.assignPack(ref, to, edit));
    },
  });
  api.get<OfLayer>("/v1/packs/:ref/agents", {
    schema: { params: pathSchema("ref"), querystring: layerQuery },
    handler: async ({ params: { ref }, query: { labels } }) => {
      const pack = found(await store.pack(ref), "pack", ref);
      const selector = selectorOf(labels) ?? {};
      const agents = (await store.agents()).filter((agent) => hasLabels(agent.labels, selector));
      return { items: packOnAgents(pack, agents, await store.sensors(), operations.agentConfig) };
    },
  });
}

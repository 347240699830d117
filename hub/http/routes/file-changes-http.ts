/** Routes of changes of files: what changed, and that somebody has seen it. */
import type { FastifyInstance } from "fastify";
import { type ChangeQuery, changeSelector } from "../../files/select-changes.ts";
import { fileChangeView } from "../file-change-view.ts";
import { actorOf } from "../gate-http.ts";
import { sendList } from "../list-http.ts";
import { listQuerySchema, text } from "../list-query.ts";
import { found, labelsOf, pathSchema, type RouteParts } from "./parts.ts";

interface ChangesQuery extends Omit<ChangeQuery, "labels"> {
  readonly agent?: string;
  readonly labels?: string;
  /** Exactly this path. */
  readonly history?: string;
  readonly unacknowledged?: boolean;
}

interface AckBody {
  readonly ids: readonly string[];
  readonly reason: string;
  readonly user?: string;
}

/** As long as a path can be (path_max of Linux), each byte escaped. */
const longText = { type: "string", minLength: 1, maxLength: 16_384 } as const;

const ackSchema = {
  type: "object",
  required: ["ids", "reason"],
  additionalProperties: false,
  properties: {
    ids: {
      type: "array",
      minItems: 1,
      maxItems: 500,
      items: { type: "string", minLength: 1, maxLength: 300 },
    },
    reason: { type: "string", minLength: 1, maxLength: 1024, pattern: "\\S" },
    user: { type: "string", minLength: 1, maxLength: 256 },
  },
} as const;

export function fileChangeRoutes(api: FastifyInstance, { store, operations }: RouteParts): void {
  const filters = {
    agent: text,
    path: longText,
    history: longText,
    labels: text,
    user: text,
    exe: longText,
    via: text,
    status: { enum: ["created", "modified", "deleted", "renamed", "attributes", "transient", "unverified"] },
    severity: text,
    unacknowledged: { type: "boolean" },
    unexpected: { type: "boolean" },
  };
  api.get<{ Querystring: ChangesQuery }>("/v1/file-changes", {
    schema: { querystring: listQuerySchema(filters, { since: true }) },
    handler: (request, reply) => {
      const { agent, history, unacknowledged, labels, ...query } = request.query;
      const fits = changeSelector({ ...query, ...(labels !== undefined && { labels: labelsOf(labels) }) });
      return sendList(request, reply, {
        page: (page) => store.fileChanges({ agent, path: history, unacknowledged, fits }, page),
        view: fileChangeView,
      });
    },
  });
  api.get<{ Params: { id: string } }>("/v1/file-changes/:id", {
    schema: { params: pathSchema("id") },
    handler: async ({ params: { id } }) =>
      fileChangeView(found(await store.fileChange(id), "change of a file", id, "petrel file changes")),
  });
  api.post<{ Body: AckBody }>("/v1/file-changes/acknowledge", {
    schema: { body: ackSchema },
    handler: async (request) => {
      const { ids, reason, user } = request.body;
      const acks = { ids, reason, user: actorOf(request, user) };
      return { items: await operations.acknowledgeChanges(acks) };
    },
  });
}

/** Routes of backups: they are asked for, and then looked after. */
import type { FastifyInstance } from "fastify";
import { pathSchema, type RouteParts } from "./parts.ts";

const startSchema = {
  type: "object",
  required: ["folder"],
  additionalProperties: false,
  properties: { folder: { type: "string", minLength: 1, maxLength: 4096 } },
} as const;

export function backupRoutes(api: FastifyInstance, { operations }: RouteParts): void {
  api.post<{ Body: { folder: string } }>("/v1/backups", {
    schema: { body: startSchema },
    handler: async ({ body }, reply) => reply.code(202).send(await operations.startBackup(body.folder)),
  });
  api.get<{ Params: { id: string } }>("/v1/backups/:id", {
    schema: { params: pathSchema("id") },
    handler: ({ params: { id } }) => operations.backup(id),
  });
}

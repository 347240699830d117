/** Route of the API's own description. */
import { createReadStream } from "node:fs";
import { fileURLToPath } from "node:url";
import type { FastifyInstance } from "fastify";

const file = fileURLToPath(new URL("../openapi.yaml", import.meta.url));

export function openapiRoute(api: FastifyInstance): void {
  api.get("/v1/openapi.yaml", {
    handler: (_request, reply) => reply.type("application/yaml").send(createReadStream(file)),
  });
}

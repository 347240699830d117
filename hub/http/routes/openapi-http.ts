/** Route of the API's own description. */
import type { FastifyInstance } from "fastify";
import { ownFile } from "../../../shared/runtime/own-files-fs.ts";

const file = new URL("../openapi.yaml", import.meta.url);

export function openapiRoute(api: FastifyInstance): void {
  api.get("/v1/openapi.yaml", {
    handler: (_request, reply) => reply.type("application/yaml").send(ownFile(file)),
  });
}

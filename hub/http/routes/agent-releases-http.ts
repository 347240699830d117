/** Routes of the binaries that agents may become. */
import type { FastifyInstance } from "fastify";
import type { AgentRelease } from "../../../shared/model/agent-release.ts";
import {
  type Architecture,
  architectures,
  compressedBytes,
  manifestProperties,
  manifestRequired,
  partBytes,
  type ReleaseManifest,
} from "../../../shared/upgrade/manifest.ts";
import { actorOf, concerns } from "../gate-http.ts";
import { pathSchema, type RouteParts } from "./parts.ts";

/** Without the digests of its parts, which only machines read. */
export type ReleaseView = Omit<AgentRelease, "v" | "parts"> & {
  /** What one agent fetches of it. */
  readonly compressed_bytes: number;
};

function releaseView({ v: _v, parts, ...release }: AgentRelease): ReleaseView {
  return { ...release, compressed_bytes: compressedBytes({ parts }) };
}

const bodySchema = {
  type: "object",
  additionalProperties: false,
  required: manifestRequired,
  properties: manifestProperties,
};

export function agentReleaseRoutes(api: FastifyInstance, { operations }: RouteParts): void {
  api.get("/v1/agent-releases", {
    handler: async () => ({ items: (await operations.agentReleases()).map(releaseView) }),
  });
  // In a scope of its own: no other route takes bytes.
  api.register((scope, _options, done) => {
    scope.addContentTypeParser(
      "application/octet-stream",
      { parseAs: "buffer", bodyLimit: partBytes },
      (_request, body, taken) => taken(null, body),
    );
    scope.put<{ Params: { id: string }; Body: Buffer }>("/v1/agent-release-parts/:id", {
      bodyLimit: partBytes,
      schema: {
        params: {
          type: "object",
          required: ["id"],
          properties: { id: { type: "string", pattern: "^sha256:[0-9a-f]{64}$" } },
        },
      },
      handler: async ({ params: { id }, body }, reply) => {
        await operations.keepReleasePart(id, Buffer.isBuffer(body) ? body : Buffer.alloc(0));
        return reply.code(204).send();
      },
    });
    done();
  });
  api.post<{ Body: ReleaseManifest }>("/v1/agent-releases", {
    schema: { body: bodySchema },
    handler: async (request, reply) => {
      const added = await operations.addAgentRelease(request.body, actorOf(request));
      concerns(request, `${added.version} ${added.arch} sha256:${added.sha256}`);
      return reply.code(201).send(releaseView(added));
    },
  });
  api.delete<{ Params: { id: string }; Querystring: { arch?: Architecture } }>("/v1/agent-releases/:id", {
    schema: {
      params: pathSchema("id"),
      querystring: {
        type: "object",
        additionalProperties: false,
        properties: { arch: { enum: architectures } },
      },
    },
    handler: async ({ params: { id }, query }) => {
      const removed = await operations.removeAgentRelease(id, query.arch ?? null);
      return { items: removed.map(releaseView) };
    },
  });
}

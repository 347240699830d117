/** Routes of packs. */
import type { FastifyInstance } from "fastify";
import { errorReport } from "../../../shared/errors.ts";
import type { JsonObject } from "../../../shared/json.ts";
import { packLimits } from "../../../shared/packs/contents.ts";
import { problemError } from "../../../shared/problem.ts";
import { misfits, openDependencies, openReferences, packVersions } from "../../packs/catalogue.ts";
import { concerns } from "../gate-http.ts";
import { sendList } from "../list-http.ts";
import { listQuerySchema, pageOf } from "../list-query.ts";
import { packView, type RegisteredPack } from "../views.ts";
import { found, pathSchema, type RouteParts } from "./parts.ts";

/** The largest pack as base64 in JSON, and room for its paths. */
const maxBodyBytes = Math.ceil((packLimits.totalBytes * 4) / 3) + 1024 * 1024;

interface RegisterBody {
  readonly files: readonly { readonly path: string; readonly mode?: number; readonly content: string }[];
  /** The folder they were in: names the pack when its manifest does not, and is shown in errors. */
  readonly folder?: string;
  readonly config?: JsonObject;
}

const registerSchema = {
  type: "object",
  required: ["files"],
  additionalProperties: false,
  properties: {
    files: {
      type: "array",
      minItems: 1,
      maxItems: packLimits.files,
      items: {
        type: "object",
        required: ["path", "content"],
        additionalProperties: false,
        properties: {
          path: { type: "string", minLength: 1, maxLength: 1024 },
          mode: { type: "integer", minimum: 0, maximum: 0o7777 },
          content: { type: "string", pattern: "^[A-Za-z0-9+/]*={0,2}$" },
        },
      },
    },
    folder: { type: "string", minLength: 1, maxLength: 1024 },
    config: { type: "object" },
  },
} as const;

export function packRoutes(api: FastifyInstance, { store, operations, catalogues }: RouteParts): void {
  type ByRef = { Params: { ref: string } };
  api.get("/v1/packs", {
    schema: { querystring: listQuerySchema({}, { since: false }) },
    handler: async (request, reply) => {
      const packs = [...(await catalogues.current()).packs.values()];
      return sendList(request, reply, {
        page: async (page) => pageOf(packs, (record) => record.ref, page),
        view: packView,
      });
    },
  });
  api.get<ByRef>("/v1/packs/:ref", {
    schema: { params: pathSchema("ref") },
    handler: async ({ params: { ref } }) => packView(found(await store.pack(ref), "pack", ref)),
  });
  api.post<{ Body: RegisterBody }>("/v1/packs", {
    bodyLimit: maxBodyBytes,
    schema: { body: registerSchema },
    handler: async (request, reply) => {
      const { body } = request;
      const files = body.files.map(({ path, mode, content }) => ({
        path,
        mode: mode ?? 0o644,
        content: Buffer.from(content, "base64"),
      }));
      const { record, warnings: told } = await operations.registerPack({
        files,
        folder: body.folder,
        config: body.config,
      });
      concerns(request, record.ref);
      const catalogue = await catalogues.current();
      const { rules } = await store.ruleSet();
      const warnings = [
        ...told,
        ...openDependencies(record.pack.manifest, packVersions(catalogue)),
        ...openReferences(record, catalogue),
        ...misfits(record, rules, catalogue),
      ]
        .map(problemError)
        .map(errorReport);
      return reply.code(201).send({ ...packView(record), warnings } satisfies RegisteredPack);
    },
  });
  api.delete<ByRef>("/v1/packs/:ref", {
    schema: { params: pathSchema("ref") },
    handler: async ({ params: { ref } }, reply) => {
      await operations.removePack(ref);
      return reply.code(204).send();
    },
  });
}

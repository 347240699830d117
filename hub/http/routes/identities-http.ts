/** Routes of identities: tokens, who waits, who goes, and the fleet's keys. */
import type { FastifyInstance } from "fastify";
import { requireBrokerNames } from "../../broker/broker-names.ts";
import { concerns } from "../gate-http.ts";
import { found, pathSchema, type RouteParts } from "./parts.ts";

interface TokenBody {
  readonly uses?: number;
  readonly ttl?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly agent?: string | null;
}

interface RotateBody {
  readonly root?: string | null;
  readonly drop_old?: boolean;
}

interface BrokerBody {
  readonly hosts: readonly string[];
  readonly port?: number;
  readonly folder?: string;
}

const id = { schema: { params: pathSchema("id") } };
const rootPem = { type: ["string", "null"], maxLength: 4_096 };
const object = (properties: object, required: readonly string[] = []) => ({
  type: "object",
  additionalProperties: false,
  required,
  properties,
});

const tokenSchema = object({
  uses: { type: "integer", minimum: 1, maximum: 100_000 },
  ttl: { type: "integer", minimum: 1, maximum: 30 * 86_400 },
  labels: {
    type: "object",
    maxProperties: 64,
    propertyNames: { pattern: "^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$" },
    additionalProperties: { type: "string", maxLength: 256 },
  },
  agent: { type: ["string", "null"], pattern: "^[a-z0-9][a-z0-9._-]{0,62}$" },
});

export function identityRoutes(api: FastifyInstance, { operations }: RouteParts): void {
  api.get("/v1/agent-tokens", { handler: async () => ({ items: await operations.tokens() }) });
  api.post<{ Body: TokenBody }>("/v1/agent-tokens", {
    schema: { body: tokenSchema },
    handler: async (request, reply) => {
      const { uses = 1, ttl = 3_600, labels = {}, agent = null } = request.body;
      const made = await operations.createToken({ uses, ttl, labels, agent });
      concerns(request, made.id);
      return reply.code(201).send(made);
    },
  });
  api.delete<{ Params: { id: string } }>("/v1/agent-tokens/:id", {
    ...id,
    handler: ({ params }) => operations.revokeToken(params.id),
  });

  api.get<{ Querystring: { state?: string } }>("/v1/identities", {
    schema: { querystring: object({ state: { enum: ["pending", "active", "removed"] } }) },
    handler: async ({ query: { state } }) => {
      const items = [...(await operations.identities())].sort((a, b) => (a.agent < b.agent ? -1 : 1));
      return { items: items.filter((one) => state === undefined || one.state === state) };
    },
  });
  api.get<{ Params: { id: string } }>("/v1/identities/:id", {
    ...id,
    handler: async ({ params }) => {
      const all = await operations.identities();
      return found(
        all.find(({ agent }) => agent === params.id),
        "identity",
        params.id,
        "petrel agent pending",
      );
    },
  });
  api.post<{ Params: { id: string }; Body: { fingerprint?: string | null } }>("/v1/identities/:id/approve", {
    schema: {
      params: pathSchema("id"),
      body: object({ fingerprint: { type: ["string", "null"], pattern: "^sha256:[0-9a-f]{64}$" } }),
    },
    handler: ({ params, body }) => operations.approveAgent(params.id, body.fingerprint ?? null),
  });
  api.post<{ Params: { id: string } }>("/v1/identities/:id/reject", {
    ...id,
    handler: ({ params }) => operations.rejectAgent(params.id),
  });
  api.delete<{ Params: { id: string }; Querystring: { purge?: boolean } }>("/v1/agents/:id", {
    schema: { params: pathSchema("id"), querystring: object({ purge: { type: "boolean", default: false } }) },
    handler: ({ params, query }) => operations.removeAgent(params.id, query.purge === true),
  });

  api.post<{ Body: RotateBody }>("/v1/hub/keys/rotate", {
    schema: { body: object({ root: rootPem, drop_old: { type: "boolean" } }) },
    handler: async (request) => {
      const { root = null, drop_old = false } = request.body;
      const rotated = await operations.rotateHubKeys({ root, dropOld: drop_old });
      concerns(request, String(rotated.serial));
      return rotated;
    },
  });
  api.post<{ Body: RotateBody }>("/v1/hub/ca/rotate", {
    schema: { body: object({ root: rootPem }) },
    handler: ({ body: { root = null } }) => operations.rotateCa({ root }),
  });
  api.post<{ Body: BrokerBody }>("/v1/hub/broker-config", {
    schema: {
      body: object(
        {
          hosts: {
            type: "array",
            minItems: 1,
            maxItems: 32,
            items: { type: "string", pattern: "^\\S{1,300}$" },
          },
          port: { type: "integer", minimum: 1, maximum: 65_534 },
          folder: { type: "string", pattern: "^/[^\\s\"']{0,512}$" },
        },
        ["hosts"],
      ),
    },
    handler: async (request) => {
      const { hosts, port = 8_883, folder = "/etc/mosquitto/petrel" } = request.body;
      requireBrokerNames(hosts);
      concerns(request, hosts.join(","));
      return { files: await operations.brokerConfig({ hosts, port, folder }) };
    },
  });
}

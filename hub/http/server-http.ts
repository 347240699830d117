/** The hub's HTTP API: who may ask, how errors look, and the routes put together. */

import { type FastifyInstance, fastify } from "fastify";
import type { Finding } from "../../shared/doctor/finding.ts";
import { PetrelError } from "../../shared/errors.ts";
import type { Logger } from "../../shared/log.ts";
import { nearest } from "../../shared/nearest.ts";
import { type Check, checksWith } from "../../shared/validation.ts";
import { jsonProblem } from "../../shared/wire/plain-json.ts";
import { type GuardOptions, guard } from "../access/door-tcp.ts";
import type { ReadBlob } from "../executions/large-result.ts";
import type { LiveOutput } from "../executions/live-output.ts";
import type { HubOperations } from "../operations.ts";
import { catalogueSource } from "../packs/catalogue.ts";
import type { Store } from "../store/store.ts";
import type { CertificateSource } from "./certificate.ts";
import { errorReply } from "./error-reply.ts";
import { addGate, type GateOptions } from "./gate-http.ts";
import { formBody, loggedUrl } from "./hook-request.ts";
import { actionAliasRoutes } from "./routes/action-aliases-http.ts";
import { actionRoutes } from "./routes/actions-http.ts";
import { agentReleaseRoutes } from "./routes/agent-releases-http.ts";
import { agentRolloutRoutes } from "./routes/agent-rollouts-http.ts";
import { agentRoutes } from "./routes/agents-http.ts";
import { apiKeyRoutes } from "./routes/api-keys-http.ts";
import { auditRoutes } from "./routes/audit-http.ts";
import { backupRoutes } from "./routes/backups-http.ts";
import { changeWindowRoutes } from "./routes/change-windows-http.ts";
import { deadLetterRoutes } from "./routes/dead-letters-http.ts";
import { enforcementRoutes } from "./routes/enforcements-http.ts";
import { executionRoutes } from "./routes/executions-http.ts";
import { fileChangeRoutes } from "./routes/file-changes-http.ts";
import { fileWatchingRoutes } from "./routes/file-watching-http.ts";
import { gapRoutes } from "./routes/gaps-http.ts";
import { hubRoutes } from "./routes/hub-http.ts";
import { identityRoutes } from "./routes/identities-http.ts";
import { keyRoutes } from "./routes/keys-http.ts";
import { notedRequestRoutes } from "./routes/noted-requests-http.ts";
import { openapiRoute } from "./routes/openapi-http.ts";
import { overrideRoutes } from "./routes/overrides-http.ts";
import { packPlacementRoutes } from "./routes/pack-placement-http.ts";
import { packRoutes } from "./routes/packs-http.ts";
import { policyRoutes } from "./routes/policies-http.ts";
import { ruleRoutes } from "./routes/rules-http.ts";
import { sensorRoutes } from "./routes/sensors-http.ts";
import { timerRoutes } from "./routes/timers-http.ts";
import { triggerInstanceRoutes } from "./routes/trigger-instances-http.ts";
import { triggerTypeRoutes } from "./routes/trigger-types-http.ts";
import { webhookRoutes } from "./routes/webhooks-http.ts";
import { secureServers } from "./secure-servers-http.ts";
import { streamRoute } from "./stream-http.ts";

declare module "fastify" {
  interface FastifyInstance {
    /** `METHOD path` of every route. */
    readonly routeNames: readonly string[];
  }
}

export interface ApiOptions {
  readonly store: Store;
  readonly operations: HubOperations;
  readonly readBlob: ReadBlob;
  readonly output: Pick<LiveOutput, "since">;
  readonly gate: Omit<GateOptions, "store" | "log">;
  readonly doctor: () => Promise<readonly Finding[]>;
  readonly logger: Logger;
  /** `null`: without TLS. */
  readonly tls: CertificateSource | null;
  readonly guard: GuardOptions;
}

/** Characters of one part of a path: a datastore key's name has up to 512, each escaped as up to three bytes. */
const maxParamLength = 512 * 9;
/** Bytes of a request's body, where a route does not say otherwise. */
const maxBodyBytes = 1024 * 1024;
/** Milliseconds for a whole request to arrive: one that dribbles in does not hold a connection for ever. */
const requestTimeoutMs = 60_000;
const maxConnections = 1024;

const rfc3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/i;

/** Queries are text and are read as the types they should have; bodies are taken as they are. */
function validators(): (schema: object, part: string | undefined) => Check {
  const make = (coerceTypes: boolean) =>
    checksWith({ allErrors: true, coerceTypes, strict: false, formats: { "date-time": isInstant } });
  const loose = make(true);
  const strict = make(false);
  return (schema, part) => (part === "body" ? strict : loose)(schema);
}

function isInstant(text: string): boolean {
  return rfc3339.test(text) && !Number.isNaN(Date.parse(text));
}

/**
 * Builds the API without listening. Every route but `GET /healthz` needs a key; `hub/access/permissions.ts` says which.
 * Whoever listens off loopback must have asked `requireHttpReach`.
 */
export function createApi({
  store,
  operations,
  readBlob,
  output,
  gate,
  doctor,
  logger,
  tls,
  guard: door,
}: ApiOptions): FastifyInstance {
  const compile = validators();
  const catalogues = catalogueSource(store);
  const api = fastify({
    logger: false,
    bodyLimit: maxBodyBytes,
    requestTimeout: requestTimeoutMs,
    ...(tls !== null && { serverFactory: secureServers(tls) }),
    // Kept-alive connections and streams must not hold up the end of the hub.
    forceCloseConnections: true,
    // A HEAD of a stream would be one that nobody can read.
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength, caseSensitive: true },
    frameworkErrors: (error, request, reply) => {
      // A path that is no URL: it reaches neither hooks nor routes.
      const { status, body } = errorReply(error, request.id);
      reply.raw.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    },
    clientErrorHandler: (error, socket) => {
      if (error.code === "ECONNRESET" || !socket.writable) return;
      const text = JSON.stringify(
        errorReply(new PetrelError("API_BAD_REQUEST", "this is no HTTP request"), "").body,
      );
      socket.end(
        `HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(text)}\r\nConnection: close\r\n\r\n${text}`,
      );
    },
  });
  api.server.maxConnections = maxConnections;
  guard(api.server, door);

  api.setValidatorCompiler(({ schema, httpPart }) => compile(schema as object, httpPart));
  api.setErrorHandler((error, request, reply) => {
    const { status, body, unexpected } = errorReply(error, request.id);
    if (unexpected)
      logger.error("request failed", {
        request: request.id,
        method: request.method,
        url: loggedUrl(request.url),
        error,
      });
    request.refusal = body.error.code;
    // Closed with a body still under way, the connection is reset, and the sender never reads why it was refused.
    if (status === 413) reply.removeHeader("connection");
    return reply.code(status).send(body);
  });
  const routeNames: string[] = [];
  api.decorate("routeNames", routeNames);
  api.addHook("onRoute", ({ method, url }) => {
    // With a slash at its end it is the same route, for those who cannot leave it out.
    if (url.endsWith("/")) return;
    routeNames.push(...[method].flat().map((name) => `${name} ${url.replace("*", ":url")}`));
  });
  api.setNotFoundHandler((request) => {
    const asked = `${request.method} ${request.url.split("?")[0] ?? ""}`;
    const near = nearest(asked, routeNames);
    throw new PetrelError("API_NOT_FOUND", `there is no ${asked}`, {
      hint: near === null ? "GET /v1/openapi.yaml lists the routes" : `ask ${near}`,
    });
  });
  // Before anything walks over it: what is nested by the thousand overflows the stack of whoever does.
  api.addHook("preValidation", async ({ body }) => {
    const problem = jsonProblem(body);
    if (problem !== null)
      throw new PetrelError("API_BAD_REQUEST", `the body is not taken: ${problem}`, {
        where: "body",
        hint: "flatten it",
      });
  });
  addGate(api, { ...gate, store, log: logger });
  api.addHook("onResponse", async (request, reply) => {
    logger.debug("request", {
      method: request.method,
      url: loggedUrl(request.url),
      status: reply.statusCode,
      ms: Math.round(reply.elapsedTime),
    });
  });
  for (const type of ["application/yaml", "application/x-yaml", "text/yaml", "text/plain"]) {
    api.addContentTypeParser(type, { parseAs: "string" }, (_request, body, done) => done(null, body));
  }

  api.addContentTypeParser(
    "application/x-www-form-urlencoded",
    { parseAs: "string" },
    (_request, body, done) => done(null, formBody(String(body))),
  );

  const parts = { store, operations, catalogues, readBlob, output, keys: gate.keys, doctor };
  hubRoutes(api, parts);
  openapiRoute(api);
  actionRoutes(api, parts);
  policyRoutes(api, parts);
  overrideRoutes(api, parts);
  actionAliasRoutes(api, parts);
  agentRoutes(api, parts);
  agentReleaseRoutes(api, parts);
  agentRolloutRoutes(api, parts);
  apiKeyRoutes(api, parts);
  auditRoutes(api, parts);
  notedRequestRoutes(api, parts);
  identityRoutes(api, parts);
  backupRoutes(api, parts);
  deadLetterRoutes(api, parts);
  enforcementRoutes(api, parts);
  executionRoutes(api, parts);
  changeWindowRoutes(api, parts);
  fileChangeRoutes(api, parts);
  fileWatchingRoutes(api, parts);
  gapRoutes(api, parts);
  keyRoutes(api, parts);
  packRoutes(api, parts);
  packPlacementRoutes(api, parts);
  ruleRoutes(api, parts);
  sensorRoutes(api, parts);
  triggerInstanceRoutes(api, parts);
  triggerTypeRoutes(api, parts);
  timerRoutes(api, parts);
  webhookRoutes(api, parts);
  streamRoute(api, { store, catalogues, logger, keys: gate.keys });
  api.addHook("onClose", async () => catalogues.close());
  return api;
}

/** What each route is called, and the least role that may ask for it. One table; a test walks the routes against it. */
import type { ApiRole } from "../../shared/model/api-key.ts";

export interface Permission {
  /** As on the command line. */
  readonly noun: string;
  readonly verb: string;
  readonly role: ApiRole;
  /** It changes nothing: done, it is not worth a line in the log of requests. */
  readonly reads: boolean;
  /** Field of the body that names what it is about; without it, the last part of the path. */
  readonly refIn?: string;
  /** Anybody who may deliver can make any number of these. */
  readonly plenty?: true;
}

type Row = readonly [route: string, what: string, role: ApiRole, more?: Partial<Permission>];

/**
 * - `observer` sees everything but secrets.
 * - `operator` runs actions and works on rules, datastore keys, windows, what arrived, labels.
 * - `admin` does the rest: packs and their configuration, since a pack is code that runs as whom the agent runs; trust in
 *   agents, and the binaries that they become; keys of this API; backups, which hold all secrets; secrets in clear.
 * - `webhook` delivers webhooks and nothing else.
 *
 * What judges the text of a rule needs `operator` though it changes nothing: a text can ask for a secret.
 */
const rows: readonly Row[] = [
  ["GET /metrics", "hub:metrics", "observer"],
  ["GET /v1/openapi.yaml", "hub:openapi", "webhook"],
  ["GET /v1/hub", "hub:status", "observer"],
  ["GET /v1/top", "hub:top", "observer"],
  ["GET /v1/stream", "hub:stream", "observer"],
  ["GET /v1/doctor", "hub:doctor", "admin"],
  ["GET /v1/actions", "action:list", "observer"],
  ["GET /v1/actions/:ref", "action:get", "observer"],
  ["GET /v1/action-aliases", "action-alias:list", "observer"],
  ["GET /v1/action-aliases/:ref", "action-alias:get", "observer"],
  ["GET /v1/policies", "policy:list", "observer"],
  ["GET /v1/policies/:ref", "policy:get", "observer"],
  ["GET /v1/agents", "agent:list", "observer"],
  ["GET /v1/agents/:id", "agent:get", "observer"],
  ["PATCH /v1/agents/:id", "agent:label", "operator"],
  ["POST /v1/agents/:id/resolve", "agent:resolve", "admin"],
  ["DELETE /v1/agents/:id", "agent:remove", "admin"],
  ["GET /v1/agent-releases", "agent:releases", "observer"],
  ["PUT /v1/agent-release-parts/:id", "agent:release", "admin"],
  ["POST /v1/agent-releases", "agent:release", "admin", { refIn: "version" }],
  ["DELETE /v1/agent-releases/:id", "agent:release", "admin"],
  ["GET /v1/agent-rollouts", "agent:rollouts", "observer"],
  ["GET /v1/agent-rollouts/:id", "agent:rollout", "observer"],
  ["GET /v1/agent-rollouts/:id/agents", "agent:rollout", "observer"],
  ["POST /v1/agent-rollouts", "agent:upgrade", "admin", { refIn: "version" }],
  ["POST /v1/agent-rollouts/:id/pause", "agent:upgrade", "admin"],
  ["POST /v1/agent-rollouts/:id/resume", "agent:upgrade", "admin"],
  ["POST /v1/agent-rollouts/:id/cancel", "agent:upgrade", "admin"],
  ["GET /v1/agent-tokens", "agent:token", "admin"],
  ["POST /v1/agent-tokens", "agent:token", "admin"],
  ["DELETE /v1/agent-tokens/:id", "agent:token", "admin"],
  ["GET /v1/identities", "agent:pending", "observer"],
  ["GET /v1/identities/:id", "agent:pending", "observer"],
  ["POST /v1/identities/:id/approve", "agent:approve", "admin"],
  ["POST /v1/identities/:id/reject", "agent:reject", "admin"],
  ["POST /v1/hub/keys/rotate", "hub:keys", "admin"],
  ["POST /v1/hub/ca/rotate", "hub:ca", "admin"],
  ["POST /v1/hub/broker-config", "hub:broker-config", "admin"],
  ["GET /v1/agents/:id/watch-coverage", "file:coverage", "observer"],
  ["GET /v1/apikeys", "apikey:list", "admin"],
  ["GET /v1/apikeys/:id", "apikey:get", "admin"],
  ["POST /v1/apikeys", "apikey:create", "admin"],
  ["PATCH /v1/apikeys/:id", "apikey:update", "admin"],
  ["DELETE /v1/apikeys/:id", "apikey:delete", "admin"],
  ["GET /v1/audit/requests", "audit:log", "admin"],
  ["GET /v1/audit/head", "audit:head", "observer"],
  ["GET /v1/audit/verify", "audit:verify", "observer"],
  // Its digests let guesses of a short secret be tried.
  ["GET /v1/audit/trace/:id", "audit:trace", "operator"],
  ["POST /v1/backups", "backup:create", "admin"],
  ["GET /v1/backups/:id", "backup:get", "admin"],
  ["GET /v1/change-windows", "change:list", "observer"],
  ["POST /v1/change-windows", "change:open", "operator"],
  ["POST /v1/change-windows/:id/close", "change:close", "operator"],
  ["GET /v1/dead-letters", "dead-letter:list", "observer"],
  ["GET /v1/dead-letters/:id", "dead-letter:get", "observer"],
  ["POST /v1/dead-letters/:id/retry", "dead-letter:retry", "operator"],
  ["DELETE /v1/dead-letters/:id", "dead-letter:drop", "operator"],
  ["GET /v1/executions", "execution:list", "observer"],
  ["GET /v1/executions/:id", "execution:get", "observer"],
  ["GET /v1/executions/:id/output", "execution:output", "observer"],
  ["GET /v1/executions/:id/children", "execution:children", "observer"],
  ["POST /v1/executions", "action:run", "operator", { refIn: "action" }],
  ["POST /v1/executions/:id/re-run", "execution:re-run", "operator"],
  ["POST /v1/executions/:id/pause", "execution:pause", "operator"],
  ["POST /v1/executions/:id/resume", "execution:resume", "operator"],
  ["DELETE /v1/executions/:id", "execution:cancel", "operator"],
  ["GET /v1/file-changes", "file:changes", "observer"],
  ["GET /v1/file-changes/:id", "file:change", "observer"],
  ["POST /v1/file-changes/acknowledge", "file:ack", "operator"],
  ["POST /v1/file-verifications", "file:verify", "operator"],
  ["GET /v1/file-verifications/:id", "file:verification", "observer"],
  ["GET /v1/file-comparison", "file:compare", "observer"],
  ["GET /v1/file-coverage", "file:coverage", "observer"],
  ["GET /v1/gaps", "gap:list", "observer"],
  ["GET /v1/keys", "key:list", "observer"],
  ["GET /v1/keys/:name", "key:get", "observer"],
  ["PUT /v1/keys/:name", "key:set", "operator"],
  ["DELETE /v1/keys/:name", "key:delete", "operator"],
  ["GET /v1/overrides", "override:list", "observer"],
  ["GET /v1/overrides/:ref", "override:get", "observer"],
  ["PUT /v1/overrides/:ref", "override:set", "operator"],
  ["DELETE /v1/overrides/:ref", "override:delete", "operator"],
  ["GET /v1/packs", "pack:list", "observer"],
  ["GET /v1/packs/:ref", "pack:get", "observer"],
  ["POST /v1/packs", "pack:register", "admin"],
  ["DELETE /v1/packs/:ref", "pack:remove", "admin"],
  ["GET /v1/packs/:ref/config", "pack:config", "observer"],
  ["PUT /v1/packs/:ref/config", "pack:configure", "admin"],
  ["PATCH /v1/packs/:ref/config", "pack:configure", "admin"],
  ["DELETE /v1/packs/:ref/config", "pack:configure", "admin"],
  ["PUT /v1/packs/:ref/assignment", "pack:assign", "admin"],
  ["GET /v1/packs/:ref/agents", "pack:status", "observer"],
  ["GET /v1/rules", "rule:list", "observer"],
  ["GET /v1/rules/:ref", "rule:get", "observer"],
  ["GET /v1/rules/:ref/history", "rule:history", "observer"],
  ["GET /v1/rules/:ref/why/:instance", "rule:why", "observer"],
  ["POST /v1/rules/replay", "rule:replay", "operator", { reads: true, refIn: "rule" }],
  ["POST /v1/rules", "rule:create", "operator"],
  ["PUT /v1/rules/:ref", "rule:update", "operator"],
  ["DELETE /v1/rules/:ref", "rule:delete", "operator"],
  ["POST /v1/rules/:ref/rollback", "rule:rollback", "operator"],
  ["POST /v1/rules/:ref/enable", "rule:enable", "operator"],
  ["POST /v1/rules/:ref/disable", "rule:disable", "operator"],
  ["GET /v1/rule-enforcements", "rule-enforcement:list", "observer"],
  ["GET /v1/rule-enforcements/:id", "rule-enforcement:get", "observer"],
  ["GET /v1/sensors", "sensor:list", "observer"],
  ["GET /v1/timers", "timer:list", "observer"],
  ["GET /v1/timers/:id", "timer:get", "observer"],
  ["GET /v1/trigger-instances", "trigger-instance:list", "observer"],
  ["GET /v1/trigger-instances/:id", "trigger-instance:get", "observer"],
  ["POST /v1/trigger-instances/:id/re-emit", "trigger-instance:re-emit", "operator"],
  ["GET /v1/trigger-types", "trigger:list", "observer"],
  ["GET /v1/trigger-types/:ref", "trigger:get", "observer"],
  ["GET /v1/webhooks", "webhook:list", "observer"],
  ["GET /v1/webhooks/:url", "webhook:get", "observer"],
  ["POST /v1/webhooks/st2", "trigger:inject", "operator", { refIn: "trigger", plenty: true }],
  ["POST /v1/webhooks/:url", "webhook:deliver", "webhook", { plenty: true }],
];

/** Routes that ask for no key. */
export const publicRoutes: ReadonlySet<string> = new Set(["GET /healthz"]);

export const permissions: ReadonlyMap<string, Permission> = new Map(
  rows.map(([route, what, role, more]) => {
    const [noun = "", verb = ""] = what.split(":");
    return [route, { noun, verb, role, reads: route.startsWith("GET "), ...more }];
  }),
);

/** A secret in clear: what `decrypt` in the query of a datastore key's route makes of its permission. */
export const decrypting: Permission = { noun: "key", verb: "decrypt", role: "admin", reads: false };

/** How the table spells a route. */
export function routeName(method: string, url: string): string {
  const path = url.length > 1 && url.endsWith("/") ? url.slice(0, -1) : url;
  return `${method} ${path.replace("*", ":url")}`;
}

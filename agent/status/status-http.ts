/** The agent's own door, for programs on its host: HTTP over a unix socket that only its user may open. */
import { chmod, unlink } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { errorReport, httpStatusOf } from "../../shared/errors.ts";
import type { Json } from "../../shared/json.ts";
import type { Logger } from "../../shared/log.ts";
import { metricsType, renderMetrics } from "../../shared/metrics/prometheus.ts";
import { http } from "../../shared/node-http.ts";
import { type AgentStatus, agentMetrics, isWell } from "./status.ts";

export interface StatusServerOptions {
  /** Path of the socket; what a last life left there is replaced. */
  readonly path: string;
  readonly status: () => Promise<AgentStatus>;
  /** How files are watched; rejects where nothing watches. */
  readonly coverage: () => Promise<Json>;
  /** The last warnings and errors of its log; masked lines. */
  readonly recent: () => readonly string[];
  readonly log: Logger;
}

/** Milliseconds for a request to arrive. */
const requestTimeoutMs = 10_000;
const mostConnections = 32;

const json = (value: unknown) => ({ type: "application/json", text: `${JSON.stringify(value)}\n` });

type Reply = { readonly type: string; readonly text: string; readonly code?: number };

type Parts = Pick<StatusServerOptions, "status" | "coverage" | "recent">;

const routes: Readonly<Record<string, (parts: Parts) => Promise<Reply>>> = {
  "/coverage": async ({ coverage }) => {
    try {
      return json(await coverage());
    } catch (error) {
      return { ...json({ error: errorReport(error) }), code: httpStatusOf(error) };
    }
  },
  "/healthz": async (parts) => {
    const status = await parts.status();
    const ok = isWell(status);
    const link = status.link_up ? "up" : "away";
    return { ...json({ ok, store: ok ? "ok" : "failed", link }), code: ok ? 200 : 503 };
  },
  "/metrics": async ({ status }) => ({
    type: metricsType,
    text: renderMetrics(agentMetrics, await status()),
  }),
  "/recent": async ({ recent }) => json(recent()),
  "/status": async ({ status }) => json(await status()),
};

/**
 * Resolves once it listens, or once it is known that it cannot: an agent whose door is jammed works all the same, and
 * says so in its log. Whoever may open the socket is trusted: it has mode 0600.
 */
export async function serveStatus(options: StatusServerOptions): Promise<() => Promise<void>> {
  const { path, log } = options;
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const reply = await replyTo(request, options);
    response.writeHead(reply.code ?? 200, { "content-type": reply.type, "cache-control": "no-store" });
    response.end(reply.text);
  };
  const server = http.createServer({ requestTimeout: requestTimeoutMs }, (request, response) => {
    answer(request, response).catch((error) => {
      log.error("a question about this agent could not be answered", { error });
      response.destroy();
    });
  });
  server.maxConnections = mostConnections;
  // The database is ours, so whoever made this socket is gone.
  await unlink(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") log.warn("an old socket cannot be removed", { path, error });
  });
  const problem = await new Promise<Error | null>((resolve) => {
    server.once("error", resolve);
    // Bound within this call: nobody finds the socket with another mode.
    const mask = process.umask(0o177);
    server.listen(path, () => resolve(null));
    process.umask(mask);
  });
  if (problem !== null) {
    log.warn("`petrel-agent status` will not work: the socket cannot be opened", { path, error: problem });
    return async () => {};
  }
  server.removeAllListeners("error");
  server.on("error", (error) => log.warn("the socket for questions about this agent failed", { error }));
  await chmod(path, 0o600);
  return async () => {
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  };
}

async function replyTo(request: IncomingMessage, parts: Parts): Promise<Reply> {
  const route = routes[request.url ?? ""];
  if (route === undefined)
    return { ...json({ error: `there is ${Object.keys(routes).join(", ")}` }), code: 404 };
  if (request.method !== "GET") return { ...json({ error: "only GET" }), code: 405 };
  return route(parts);
}

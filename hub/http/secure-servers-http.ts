/** HTTPS servers for fastify, whose certificate can be renewed while they run. */
import type { Server as SecureServer } from "node:https";
import type { FastifyServerFactory } from "fastify";
import { https } from "../../shared/node-http.ts";
import type { CertificateSource } from "./certificate.ts";

/** RFC 9325, section 3.1.1: nothing older than TLS 1.2. */
const minVersion = "TLSv1.2";

/** What fastify sets on servers of its own making. */
interface ServerLimits {
  readonly requestTimeout?: number;
  readonly keepAliveTimeout?: number;
}

/** Fastify asks for one server per address. */
export function secureServers(certificate: CertificateSource): FastifyServerFactory {
  return (listener, options) => {
    const { requestTimeout, keepAliveTimeout }: ServerLimits = options;
    const server: SecureServer = https.createServer({ ...certificate.current(), minVersion }, listener);
    if (requestTimeout !== undefined) server.requestTimeout = requestTimeout;
    if (keepAliveTimeout !== undefined) server.keepAliveTimeout = keepAliveTimeout;
    // Connections that exist go on with what they began with.
    const stop = certificate.subscribe((pair) => server.setSecureContext({ ...pair, minVersion }));
    server.on("close", stop);
    return server;
  };
}

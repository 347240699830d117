/** Opens the port that agents connect to. */
import { constants } from "node:crypto";
import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type Server as TlsServer } from "node:tls";
import { formatListen, isLoopback, type ListenAddress } from "../../shared/config/listen.ts";
import { PetrelError } from "../../shared/errors.ts";
import { type GuardOptions, guard } from "../access/door-tcp.ts";

/** Connections that wait to be accepted: Node's own 511 loses a fleet that returns at once. */
const backlog = 4_096;

export interface Listener {
  readonly server: Server;
  readonly address: ListenAddress;
  /** New connections are shown this from now on; does nothing without TLS. */
  readonly show: (tls: TlsSettings) => void;
}

export interface TlsSettings {
  /** PEM: the key, and the certificate with its issuer's. */
  readonly key: string;
  readonly cert: string;
}

export interface ListenOptions {
  /** `null`: plain TCP. */
  readonly tls: TlsSettings | null;
  readonly listen: ListenAddress;
  readonly connections: number;
  /** In front of the TLS handshake, too. */
  readonly guard: GuardOptions;
  readonly onSocket: (socket: Socket) => void;
  /** The listener failed later: out of file descriptors, say. It goes on. */
  readonly onError: (error: Error) => void;
}

/** Throws HUB_INSECURE_LISTEN unless only this machine can reach the address: in dev mode nobody is enrolled. */
export function requireLoopback(listen: ListenAddress): void {
  if (isLoopback(listen.host)) return;
  throw new PetrelError("HUB_INSECURE_LISTEN", `${listen.host} can be reached from other machines`, {
    where: formatListen(listen),
    hint: "listen on 127.0.0.1, or start the hub without --dev",
  });
}

/** A client that has not proven its key by then is closed. */
const handshakeTimeoutMs = 10_000;

/** Also of a context that takes the place of the first. */
const always = { minVersion: "TLSv1.3", secureOptions: constants.SSL_OP_NO_TICKET } as const;

/**
 * TLS 1.3 alone. A client's certificate is asked for and not judged here: what counts is that it has the key, which is
 * then compared with the enrolled one. No tickets: each connection proves its key anew.
 */
function tlsServer({ key, cert }: TlsSettings, onSocket: (socket: Socket) => void): TlsServer {
  return createTlsServer(
    {
      key,
      cert,
      ...always,
      requestCert: true,
      rejectUnauthorized: false,
      handshakeTimeout: handshakeTimeoutMs,
      noDelay: true,
      keepAlive: true,
    },
    onSocket,
  );
}

/** Resolves when listening; rejects with HUB_PORT_IN_USE, CONFIG_INVALID. */
export function openPort(options: ListenOptions): Promise<Listener> {
  const { listen, tls, connections, onSocket, onError } = options;
  const secure = tls === null ? null : tlsServer(tls, onSocket);
  // A peer that is no TLS client, or gives up: it never came as far as a connection.
  secure?.on("tlsClientError", (_error, socket) => socket.destroy());
  const server = secure ?? createServer({ noDelay: true, keepAlive: true }, onSocket);
  server.maxConnections = connections;
  guard(server, options.guard);
  return new Promise((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => reject(explained(cause, listen)));
    server.listen({ host: listen.host, port: listen.port, backlog }, () => {
      server.removeAllListeners("error");
      server.on("error", onError);
      const bound = server.address();
      const port = typeof bound === "object" && bound !== null ? bound.port : listen.port;
      const show = (next: TlsSettings) => secure?.setSecureContext({ ...next, ...always });
      resolve({ server, address: { host: listen.host, port }, show });
    });
  });
}

function explained(cause: NodeJS.ErrnoException, listen: ListenAddress): PetrelError {
  const where = formatListen(listen);
  if (cause.code === "EADDRINUSE") {
    const hint = "stop it, or choose another port with --mqtt PORT";
    return new PetrelError("HUB_PORT_IN_USE", `another program listens on port ${listen.port}`, {
      where,
      hint,
      cause,
    });
  }
  const hint = "choose an address of this machine and a port of 1024 or more";
  return new PetrelError("CONFIG_INVALID", `cannot listen there: ${cause.message}`, { where, hint, cause });
}

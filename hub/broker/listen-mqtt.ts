/** Opens the port that agents connect to. */
import { createServer, type Server, type Socket } from "node:net";
import { formatListen, isLoopback, type ListenAddress } from "../../shared/config/listen.ts";
import { PetrelError } from "../../shared/errors.ts";

/** Connections that wait to be accepted: Node's own 511 loses a fleet that returns at once. */
const backlog = 4_096;

export interface Listener {
  readonly server: Server;
  readonly address: ListenAddress;
}

export interface ListenOptions {
  readonly listen: ListenAddress;
  readonly connections: number;
  readonly onSocket: (socket: Socket) => void;
  /** The listener failed later: out of file descriptors, say. It goes on. */
  readonly onError: (error: Error) => void;
}

/** Throws HUB_INSECURE_LISTEN unless only this machine can reach the address: there is no enrolment yet. */
export function requireLoopback(listen: ListenAddress): void {
  if (isLoopback(listen.host)) return;
  throw new PetrelError("HUB_INSECURE_LISTEN", `${listen.host} can be reached from other machines`, {
    where: formatListen(listen),
    hint: "listen on 127.0.0.1 until enrolment is available",
  });
}

/** Resolves when listening; rejects with HUB_PORT_IN_USE, CONFIG_INVALID. */
export function openPort({ listen, connections, onSocket, onError }: ListenOptions): Promise<Listener> {
  const server = createServer({ noDelay: true, keepAlive: true }, onSocket);
  server.maxConnections = connections;
  return new Promise((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => reject(explained(cause, listen)));
    server.listen({ host: listen.host, port: listen.port, backlog }, () => {
      server.removeAllListeners("error");
      server.on("error", onError);
      const bound = server.address();
      const port = typeof bound === "object" && bound !== null ? bound.port : listen.port;
      resolve({ server, address: { host: listen.host, port } });
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

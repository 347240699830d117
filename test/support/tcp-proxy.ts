/** A wire between two sockets that a test can cut, hold or make slow. */
import { connect, createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

export interface TcpProxy {
  readonly port: number;
  /** Breaks every connection; new ones are closed at once. */
  cut(): void;
  /** A black hole: connections stay and are made, and nothing is carried, until `mend`. */
  hold(): void;
  /** Each piece of data waits so long behind the one before it, until `mend`. */
  slow(delayMs: number): void;
  mend(): void;
  close(): Promise<void>;
}

/** Listens on a free port of 127.0.0.1 and carries to `targetPort`. */
export async function tcpProxy(targetPort: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  let state: "up" | "cut" | "held" = "up";
  let delayMs = 0;
  const carry = (socket: Socket, other: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {}); // the other side or a cut; both end in close
    socket.on("close", () => {
      sockets.delete(socket);
      other.destroy();
    });
    const flow = () => {
      if (state === "up") socket.resume();
    };
    const write = (chunk: Buffer) => {
      if (other.destroyed) return;
      if (!other.write(chunk)) {
        socket.pause();
        other.once("drain", flow);
      }
    };
    // With a delay, pieces go one after the other; without one, at once and in order behind those that wait.
    let waiting: Promise<void> | null = null;
    const later = (work: () => void) => {
      if (waiting === null && delayMs === 0) {
        work();
        return;
      }
      const turn: Promise<void> = (waiting ?? Promise.resolve()).then(async () => {
        if (delayMs > 0) await sleep(delayMs, undefined, { ref: false });
        work();
        if (waiting === turn) waiting = null;
      });
      waiting = turn;
    };
    socket.on("data", (chunk: Buffer) => later(() => write(chunk)));
    socket.on("end", () => later(() => other.end()));
    if (state === "held") socket.pause();
  };
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (near) => {
    if (state === "cut") {
      near.destroy();
      return;
    }
    const far = connect({ host: "127.0.0.1", port: targetPort, noDelay: true, allowHalfOpen: true });
    carry(near, far);
    carry(far, near);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("the proxy does not listen");
  const cut = () => {
    state = "cut";
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: address.port,
    cut,
    hold() {
      state = "held";
      for (const socket of sockets) socket.pause();
    },
    slow(ms) {
      delayMs = ms;
    },
    mend() {
      state = "up";
      delayMs = 0;
      for (const socket of sockets) socket.resume();
    },
    async close() {
      cut();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

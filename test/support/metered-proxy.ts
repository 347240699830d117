/** A wire that counts what goes to its target, and stops when as much has passed as a test allows. */
import { connect, createServer, type Socket } from "node:net";
import { atEnd } from "./at-end.ts";

export interface MeteredProxy {
  readonly port: number;
  /** Bytes that have gone to the target, over all connections. */
  passed(): number;
  /** So many bytes more may pass; connections that stood still go on. */
  allow(bytes: number): void;
}

/** Listens on a free port of 127.0.0.1 and carries to `targetPort`; ends with the test. */
export async function meteredProxy(targetPort: number): Promise<MeteredProxy> {
  const sockets = new Set<Socket>();
  let passed = 0;
  let allowed = Number.POSITIVE_INFINITY;
  const goOn = new Set<() => void>();
  const join = (socket: Socket, other: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {}); // whoever was killed; it ends in close
    socket.on("close", () => {
      sockets.delete(socket);
      other.destroy();
    });
  };
  const server = createServer({ noDelay: true }, (near) => {
    const far = connect({ host: "127.0.0.1", port: targetPort, noDelay: true });
    join(near, far);
    join(far, near);
    far.pipe(near);
    const resume = () => {
      if (passed < allowed && !far.writableNeedDrain) near.resume();
    };
    near.on("data", (chunk: Buffer) => {
      passed += chunk.length;
      const flows = far.write(chunk);
      if (!flows || passed >= allowed) near.pause();
    });
    near.on("end", () => far.end());
    far.on("drain", resume);
    goOn.add(resume);
    near.on("close", () => goOn.delete(resume));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("the proxy does not listen");
  atEnd(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  });
  return {
    port: address.port,
    passed: () => passed,
    allow(bytes) {
      allowed = passed + bytes;
      for (const resume of goOn) resume();
    },
  };
}

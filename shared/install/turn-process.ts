/** One upgrade at a time: whoever listens on a socket has the turn, and the kernel gives it back when a process dies. */
import { rm } from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import { PetrelError } from "../errors.ts";

/** Resolves to what gives the turn back. UPGRADE_RUNNING when another process has it; the system's error. */
export async function takeTurn(socket: string): Promise<() => Promise<void>> {
  for (let attempt = 0; ; attempt++) {
    try {
      const server = await listening(socket);
      return () => new Promise<void>((resolve) => server.close(() => resolve()));
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== "EADDRINUSE") throw cause;
      if (attempt > 0 || (await isTaken(socket)))
        throw new PetrelError("UPGRADE_RUNNING", "another process upgrades this program at present", {
          where: socket,
          hint: "wait for it to end",
          cause,
        });
      // Of a process that was killed.
      await rm(socket, { force: true });
    }
  }
}

export function isTaken(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = connect(socket);
    asked.once("connect", () => {
      asked.destroy();
      resolve(true);
    });
    asked.once("error", () => resolve(false));
  });
}

function listening(socket: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((asked) => asked.destroy());
    server.once("error", reject);
    server.listen(socket, () => {
      // It shall not keep a process alive that has nothing else to do.
      server.unref();
      resolve(server);
    });
  });
}

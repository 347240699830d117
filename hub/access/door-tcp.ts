/** Puts a door before a listener, ahead of all that a connection costs: TLS, parsers, buffers. */
import type { Server, Socket } from "node:net";
import { formatListen, plainAddress } from "../../shared/config/listen.ts";
import type { Door } from "./door.ts";

export interface GuardOptions {
  readonly door: Door;
  /** One was closed at once: its address had as many as it may, or (`full`) all together had. */
  readonly onRefused: (address: string, why: "share" | "full") => void;
}

const addressOf = (host = "unknown", port = 0) => formatListen({ host: plainAddress(host), port });

/** `ip:port` of whoever is connected. */
export const peerOf = ({ remoteAddress, remotePort }: Pick<Socket, "remoteAddress" | "remotePort">) =>
  addressOf(remoteAddress, remotePort);

/**
 * From now on each connection to `server`, of whatever kind it is, must come through the door first. A connection counts
 * until it closes, unless somebody says `shown` before.
 */
export function guard(server: Server, { door, onRefused }: GuardOptions): void {
  const inner = server.listeners("connection") as ((socket: Socket) => void)[];
  server.removeAllListeners("connection");
  server.on("connection", (socket: Socket) => {
    const address = peerOf(socket);
    const leave = door.come(address);
    if (leave === null) {
      socket.destroy();
      return onRefused(address, "share");
    }
    socket.once("close", leave);
    for (const listener of inner) listener.call(server, socket);
  });
  server.on("drop", (dropped) => onRefused(addressOf(dropped?.remoteAddress, dropped?.remotePort), "full"));
}

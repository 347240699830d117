/** Lets what is written to a socket within one turn of the event loop leave it together. */
import type { Socket } from "node:net";

const held = new WeakSet<Socket>();

/**
 * To be called when something is written, or is about to be in this turn. A receipt, an acknowledgement and a request for
 * one agent mostly come from one batch: sent together they cost one system call here, and one wake-up there.
 */
export function holdForCompany(socket: Socket): void {
  if (held.has(socket) || socket.destroyed) return;
  held.add(socket);
  socket.cork();
  // Behind all that this turn has put off so far: the broker itself writes that late.
  setImmediate(() => {
    held.delete(socket);
    socket.uncork();
  });
}

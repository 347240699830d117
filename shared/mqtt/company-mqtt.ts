/** Lets what is written to a socket within one turn of the event loop leave it together. */
import type { Writable } from "node:stream";

/** Those that hold back what is written to them, each with the way to put off its release. */
const held = new WeakMap<Writable, NodeJS.Immediate>();

/** Whether what is written to it now leaves with something else. */
export function isHeldForCompany(socket: Writable): boolean {
  return held.has(socket);
}

/**
 * To be called when something is written, or is about to be in this turn. A receipt, an acknowledgement and a request for
 * one agent mostly come from one batch: sent together they cost one system call here, and one wake-up there.
 */
export function holdForCompany(socket: Writable): void {
  if (socket.destroyed) return;
  const release = held.get(socket);
  if (release === undefined) socket.cork();
  else clearImmediate(release);
  // Behind all that this turn has put off so far, each time anew: the broker itself writes that late.
  held.set(
    socket,
    setImmediate(() => {
      held.delete(socket);
      socket.uncork();
    }),
  );
}

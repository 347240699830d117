/** What an agent sends in vain costs itself time, so that it costs the others none. */

/** The part of the hub's time that one agent may waste. */
const share = 0.05;
/** For reading a message from the socket, whatever it holds. */
const leastMs = 0.1;
const mostMs = 1_000;

/**
 * To be told of messages that changed nothing: refused, or beyond the credit. An agent that keeps to the protocol sends
 * hardly any; one that does not is read as slowly as the work that it makes for nothing asks for. Times are monotonic.
 */
export class Brake {
  #paidAt = 0;

  /** `tookMs`: what it took to find out. Answers for how many milliseconds no more should be read from this agent. */
  wasted(tookMs: number, atMs: number): number {
    const paidAt = Math.max(this.#paidAt, atMs) + Math.max(tookMs, leastMs) / share;
    this.#paidAt = Math.min(paidAt, atMs + mostMs);
    return this.#paidAt - atMs;
  }
}

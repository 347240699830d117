/** How far an agent is behind, as the packets tell that come from it anyway: nothing is asked, nothing is stored. */

export interface AgentLag {
  /** Monotonic, ms: when anything was last heard from it. */
  readonly heardAt: number;
  /** Entries that waited in its outbox behind the packet that came last. */
  readonly backlog: number;
  /** Milliseconds that the oldest entry of a packet had waited, by the hub's clock. */
  readonly lagMs: number;
  readonly lagAt: number;
}

/** A packet of an old epoch and one of fresh entries come in turns while a backlog drains: the worse one counts. */
const keptMs = 5_000;

export function heard(before: AgentLag | null, atMs: number): AgentLag {
  return before === null
    ? { heardAt: atMs, backlog: 0, lagMs: 0, lagAt: atMs }
    : { ...before, heardAt: atMs };
}

export function packetCame(
  before: AgentLag | null,
  packet: { readonly more: number; readonly lagMs: number | null },
  atMs: number,
): AgentLag {
  const { more, lagMs } = packet;
  const known = heard(before, atMs);
  const isWorse = lagMs !== null && (lagMs >= known.lagMs || atMs - known.lagAt > keptMs);
  return { ...known, backlog: more, ...(isWorse && { lagMs: Math.max(0, lagMs), lagAt: atMs }) };
}

/** What it is now: of an agent that has nothing more to say, what was true a while ago is not. */
export function lagNow(lag: AgentLag, atMs: number): { readonly backlog: number; readonly lag_ms: number } {
  const isOver = lag.backlog === 0 && atMs - lag.lagAt > keptMs;
  return { backlog: lag.backlog, lag_ms: isOver ? 0 : Math.round(lag.lagMs) };
}

/** The hub's way to its agents, whichever broker carries it. */
import type { LinkTransport } from "../../shared/link/ports.ts";
import type { TopicKind } from "../../shared/wire/messages.ts";

/**
 * What the transport tells the hub. For each agent every `onConnect` is followed by exactly one `onDisconnect`,
 * also when the transport stops; messages may come before the first and after the last (a retained presence, a
 * last will). None of these may throw.
 */
export interface TransportEvents {
  /** The agent can be sent to. `address` is `ip:port`; `null` where the broker hides it. */
  readonly onConnect: (agent: string, from: { readonly address: string | null }) => void;
  readonly onDisconnect: (agent: string) => void;
  /**
   * Bytes from the agent on its topic, in the order they arrived, not yet decoded. Not awaited before the next.
   * The embedded broker acknowledges after the promise settles and reads no more from that agent while too much
   * is under way: back-pressure, no more. A rejection is counted and logged; the ledger sends again.
   */
  readonly onMessage: (agent: string, kind: TopicKind, bytes: Uint8Array) => Promise<void> | void;
  /**
   * A host without an identity asks for one, under a nonce of its own; resolves to what it is answered, `null`: nothing.
   * `address`: `ip:port`; `null` where the broker hides it. Never rejects. Without it nobody enrols.
   */
  readonly onEnrol?: (nonce: string, bytes: Uint8Array, address: string | null) => Promise<Uint8Array | null>;
  /**
   * A second session wants the id of a live one, which is closed when this resolves to true or is not given; the
   * newcomer is refused otherwise. Never rejects. Only the embedded broker can ask.
   */
  readonly mayTakeOver?: (agent: string, oldAddress: string, newAddress: string) => Promise<boolean>;
  /**
   * Whether an agent that an external broker says is gone answers all the same; without it the broker is believed. Never
   * rejects.
   */
  readonly isAlive?: (agent: string) => Promise<boolean>;
}

export interface TransportStats {
  /** Agents connected now. */
  readonly agents: number;
  readonly received: number;
  readonly sent: number;
  /** Not sent: the agent is away, or does not read as fast as it is sent to. The ledger sends again. */
  readonly dropped: number;
  readonly takeovers: number;
  /** What was refused, by reason. */
  readonly refused: Readonly<Record<string, number>>;
}

export interface HubTransport {
  /** The door to one agent, also before it connects and across its connections. */
  transport(agent: string): LinkTransport;
  connected(agent: string): boolean;
  /** Ends the agent's connection at once, as far as this side can; what comes from it is not heard any more. */
  disconnect(agent: string): void;
  stats(): TransportStats;
  /** Ends every connection; resolves when the last is closed. */
  stop(): Promise<void>;
}

/** What the sessions of all agents share. */
import type { Clock } from "../../shared/clock.ts";
import type { Responder } from "../../shared/link/ask.ts";
import type { LinkCounters } from "../../shared/link/counters.ts";
import type { PeerFacts } from "../../shared/link/greeting.ts";
import type { IntakeJournal } from "../../shared/link/poison.ts";
import type { Inbox, LinkTransport } from "../../shared/link/ports.ts";
import type { Logger } from "../../shared/log.ts";
import type { Timers } from "../../shared/timers.ts";
import type { Authenticator } from "../../shared/wire/authenticator.ts";
import type { DownEntry, Hello, StreamChunk, UpEntry } from "../../shared/wire/messages.ts";
import type { Claim, StoredEntry } from "../store/port/ledgers.ts";
import type { Store } from "../store/store.ts";

export interface AgentLinksOptions {
  readonly store: Store;
  readonly hub: string;
  readonly incarnation: string;
  readonly version: string;
  /** Hub time. */
  readonly clock: Clock;
  readonly timers: Timers;
  readonly jitter: () => number;
  readonly newId: () => string;
  readonly log: Logger;
  /** Of a new link to this agent. */
  readonly authenticator: (agent: string) => Authenticator;
  /** Agents are connected to this hub, and to no broker between. */
  readonly isBroker: boolean;
  readonly transport: (agent: string) => LinkTransport;
  /** `lost` is to be told when a write finds that another hub has taken the agent over. */
  readonly inbox: (agent: string, claim: () => Claim, lost: () => void) => Inbox<UpEntry>;
  readonly journal: (agent: string, claim: () => Claim) => IntakeJournal<UpEntry>;
  readonly responders: (agent: string) => Readonly<Record<string, Responder>>;
  /**
   * Settles who the agent is before its hello is answered. Not called at the same time as `gone` for one agent.
   * `isNewStore`: its ledger begins anew, since the old store knew of the entries that are gone.
   */
  readonly greeted: (
    agent: string,
    hello: Hello,
    address: string | null,
  ) => Promise<{ readonly isNewStore: boolean }>;
  /** A piece of what an action of this agent writes. */
  readonly output: (agent: string, chunk: StreamChunk) => void;
  /** Counted up by all links. */
  readonly counters: LinkCounters;
  /** An entry as an agent with these capabilities is to get it. Throws KEY_FILE, KEY_UNREADABLE, AGENT_TOO_OLD. */
  readonly openEntry: (entry: StoredEntry, capabilities: readonly string[]) => DownEntry;
  /** While true the agent is sent no entries. */
  readonly isPaused: (agent: string) => boolean;
  /** Both hellos are answered. */
  readonly ready: (agent: string, peer: PeerFacts) => void;
  /** An agent says in a hello by which of the hub's keys it goes, also when it does not take this hub's. */
  readonly keysSeen: (agent: string, serial: number) => void;
  /** The agent has gone; called again until it succeeds, or until the agent is back. */
  readonly gone: (agent: string) => Promise<void>;
}

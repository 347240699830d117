/** The agents that are connected to this hub, or were lately: one session each. */
import type { Clock } from "../../shared/clock.ts";
import type { Json, JsonObject } from "../../shared/json.ts";
import type { Responder } from "../../shared/link/ask.ts";
import type { LinkCounters } from "../../shared/link/counters.ts";
import type { IntakeJournal } from "../../shared/link/poison.ts";
import type { Inbox, LinkTransport } from "../../shared/link/ports.ts";
import type { Logger } from "../../shared/log.ts";
import type { Timers } from "../../shared/timers.ts";
import type { Authenticator } from "../../shared/wire/authenticator.ts";
import type { Hello, TopicKind, UpEntry } from "../../shared/wire/messages.ts";
import type { Claim, Store } from "../store/store.ts";
import { AgentSession, away, type SessionFigures } from "./agent-session.ts";

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
  readonly authenticator: Authenticator;
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
  /** Counted up by all links. */
  readonly counters: LinkCounters;
  /** While true the agent is sent no entries. */
  readonly isPaused: (agent: string) => boolean;
  /** Both hellos are answered. */
  readonly ready: (agent: string) => void;
  /** The agent has gone; called again until it succeeds, or until the agent is back. */
  readonly gone: (agent: string) => Promise<void>;
}

export class AgentLinks {
  readonly #options: AgentLinksOptions;
  readonly #sessions = new Map<string, AgentSession>();
  readonly #stopListening: () => void;
  #connected = 0;
  #isClosed = false;

  constructor(options: AgentLinksOptions) {
    this.#options = options;
    this.#stopListening = options.store.subscribeChanges((changes) => {
      for (const change of changes) {
        if (change.type === "agent") this.#sessions.get(change.agent.id)?.noted(change.agent);
        else if (change.type === "down") this.#sessions.get(change.agent)?.refresh();
        else if (change.type === "reopened") for (const session of this.#sessions.values()) session.goOn();
      }
    });
  }

  /** Agents with a connection now. */
  get connectedCount(): number {
    return this.#connected;
  }

  isConnected(id: string): boolean {
    return this.#sessions.get(id)?.isConnected === true;
  }

  /** `null` of an agent that was not here lately. */
  figures(id: string): SessionFigures | null {
    return this.#sessions.get(id)?.figures() ?? null;
  }

  /** Every call is followed by one of `disconnected` before the next for this agent. */
  connected(id: string, address: string | null): void {
    if (this.#isClosed) return;
    this.#connected += 1;
    this.#session(id).connected(address);
  }

  disconnected(id: string): void {
    const session = this.#sessions.get(id);
    if (session === undefined || !session.isConnected) return;
    this.#connected -= 1;
    session.disconnected();
  }

  /** There is room again for what this agent sends. */
  grant(id: string): void {
    this.#sessions.get(id)?.grant();
  }

  /** What comes from an agent that is not connected (its last will, say) is nothing that a link wants to hear. */
  receive(id: string, kind: TopicKind, bytes: Uint8Array): Promise<void> | void {
    if (!this.#isClosed && kind !== "presence") return this.#sessions.get(id)?.receive(kind, bytes);
  }

  /** Rejects with LINK_CLOSED at once while the agent is away, ASK_TIMEOUT when it does not answer. */
  async ask(id: string, op: string, args: JsonObject, withinMs: number): Promise<Json> {
    const session = this.#sessions.get(id);
    if (session === undefined) throw away(id);
    return session.ask(op, args, withinMs);
  }

  /** Whether the agent's present connection answers a question that is asked now, whatever the answer. */
  answers(id: string, withinMs: number): Promise<boolean> {
    return this.#sessions.get(id)?.answers(withinMs) ?? Promise.resolve(false);
  }

  /** Resolves when nothing is written for any agent any more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#stopListening();
    await Promise.all([...this.#sessions.values()].map((session) => session.close()));
  }

  #session(id: string): AgentSession {
    const known = this.#sessions.get(id);
    if (known !== undefined) return known;
    const session: AgentSession = new AgentSession(id, this.#options, () => {
      if (this.#sessions.get(id) === session) this.#sessions.delete(id);
    });
    this.#sessions.set(id, session);
    return session;
  }
}

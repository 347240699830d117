/** The agents that are connected to this hub, or were lately: one session each. */
import type { Json, JsonObject } from "../../shared/json.ts";
import type { TopicKind } from "../../shared/wire/messages.ts";
import { AgentSession, away, type SessionFigures } from "./agent-session.ts";
import type { AgentLinksOptions } from "./links-options.ts";

export interface LaterProtocol {
  readonly agent: string;
  readonly messages: number;
}

export class AgentLinks {
  readonly #options: AgentLinksOptions;
  readonly #sessions = new Map<string, AgentSession>();
  readonly #stopListening: () => void;
  #connected = 0;
  #isClosed = false;

  constructor(options: AgentLinksOptions) {
    this.#options = options;
    // Entries leave at once: whoever is asked whether an agent is paused has been told before (the registry).
    this.#stopListening = options.store.subscribeChanges(
      (changes) => {
        for (const change of changes) {
          if (change.type === "agent") this.#sessions.get(change.agent.id)?.noted(change.agent);
          else if (change.type === "down") this.#sessions.get(change.agent)?.refresh();
          else if (change.type === "reopened") for (const session of this.#sessions.values()) session.goOn();
        }
      },
      ["agent", "down"],
    );
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

  /** Agents that were here lately and speak a later protocol: how many messages of each were refused since it was linked. */
  laterProtocol(): readonly LaterProtocol[] {
    return [...this.#sessions.values()]
      .map(({ id, laterProtocol }) => ({ agent: id, messages: laterProtocol }))
      .filter(({ messages }) => messages > 0);
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

  /** The hub has other keys. */
  greetAnew(): void {
    for (const session of this.#sessions.values()) session.greetAnew();
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

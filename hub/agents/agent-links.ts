/** One link per connected agent: claimed, greeted, told its packs, and closed in order. */
import type { Clock } from "../../shared/clock.ts";
import { PetrelError } from "../../shared/errors.ts";
import type { Json, JsonObject } from "../../shared/json.ts";
import type { Responder } from "../../shared/link/ask.ts";
import { Link } from "../../shared/link/link.ts";
import type { IntakeJournal } from "../../shared/link/poison.ts";
import type { Inbox, LinkTransport } from "../../shared/link/ports.ts";
import type { Logger } from "../../shared/log.ts";
import type { Timers } from "../../shared/timers.ts";
import type { Authenticator } from "../../shared/wire/authenticator.ts";
import type { Hello, TopicKind, UpEntry } from "../../shared/wire/messages.ts";
import type { Claim, Store } from "../store/store.ts";
import { type DownOutbox, openDownOutbox } from "./down-outbox.ts";

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
  readonly transport: (agent: string) => LinkTransport;
  readonly inbox: (agent: string, claim: () => Claim) => Inbox<UpEntry>;
  readonly journal: (agent: string, claim: () => Claim) => IntakeJournal<UpEntry>;
  readonly responders: (agent: string) => Readonly<Record<string, Responder>>;
  /** Settles who the agent is before its hello is answered. */
  readonly greeted: (agent: string, hello: Hello, address: string | null) => Promise<void>;
  /** Both hellos are answered. */
  readonly ready: (agent: string) => Promise<void>;
  readonly gone: (agent: string) => Promise<void>;
}

interface Held {
  readonly link: Link<"hub">;
  readonly outbox: DownOutbox;
  claim: Claim;
  stopRenewing: () => void;
}

interface Agent {
  address: string | null;
  isConnected: boolean;
  /** What came before the link was ready to hear it; a hello lost here would cost a second. */
  early: { readonly kind: TopicKind; readonly bytes: Uint8Array }[];
  opening: Promise<Held>;
  held: Held | null;
}

/** Long, since one hub serves an agent for days; another takes over by waiting it out. */
const leaseMs = 3_600_000;
const maxEarly = 64;

export class AgentLinks {
  readonly #options: AgentLinksOptions;
  readonly #agents = new Map<string, Agent>();
  readonly #stopListening: () => void;
  #isClosed = false;

  constructor(options: AgentLinksOptions) {
    this.#options = options;
    this.#stopListening = options.store.subscribeChanges((changes) => {
      for (const change of changes) {
        if (change.type === "down") void this.#agents.get(change.agent)?.held?.outbox.refresh();
      }
    });
  }

  /** Agents with a connection now. */
  get connectedCount(): number {
    let count = 0;
    for (const agent of this.#agents.values()) if (agent.isConnected) count += 1;
    return count;
  }

  connected(id: string, address: string | null): void {
    if (this.#isClosed) return;
    const agent = this.#agentOf(id);
    agent.address = address;
    agent.isConnected = true;
    this.#whenOpen(id, agent, (held) => {
      if (!agent.isConnected) return;
      held.link.connected();
      for (const { kind, bytes } of agent.early.splice(0)) held.link.receive(kind, bytes);
    });
  }

  disconnected(id: string): void {
    const agent = this.#agents.get(id);
    if (agent === undefined) return;
    agent.isConnected = false;
    agent.early = [];
    agent.held?.link.disconnected();
    this.#options.gone(id).catch((error) => this.#failed(id, "its leaving could not be noted", error));
  }

  receive(id: string, kind: TopicKind, bytes: Uint8Array): void {
    if (this.#isClosed || kind === "presence") return;
    const agent = this.#agentOf(id);
    if (agent.held !== null && agent.isConnected) agent.held.link.receive(kind, bytes);
    else if (agent.early.length < maxEarly) agent.early.push({ kind, bytes });
  }

  /** Rejects with ASK_TIMEOUT when the agent does not answer, AGENT_UNKNOWN when it was never here. */
  async ask(id: string, op: string, args: JsonObject, withinMs: number): Promise<Json> {
    const held = this.#agents.get(id)?.held;
    if (held == null) throw new PetrelError("AGENT_UNKNOWN", `agent ${id} has not connected to this hub yet`);
    return held.link.ask(op, args, withinMs);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#stopListening();
    for (const agent of this.#agents.values()) {
      const held = await agent.opening.catch(() => null);
      held?.stopRenewing();
      await held?.link.close();
    }
  }

  #agentOf(id: string): Agent {
    const known = this.#agents.get(id);
    if (known !== undefined) return known;
    const agent: Agent = {
      address: null,
      isConnected: false,
      early: [],
      opening: this.#open(id),
      held: null,
    };
    this.#agents.set(id, agent);
    return agent;
  }

  #whenOpen(id: string, agent: Agent, then: (held: Held) => void): void {
    agent.opening.then(
      (held) => {
        agent.held = held;
        then(held);
      },
      (error) => {
        this.#failed(id, "its link could not be opened; it is tried again when it connects anew", error);
        if (this.#agents.get(id) === agent) this.#agents.delete(id);
      },
    );
  }

  async #open(id: string): Promise<Held> {
    const { store, hub, clock, newId, log } = this.#options;
    const claim = await store.claimAgent(hub, id, leaseMs, clock.now());
    if (claim === null) throw new PetrelError("LINK_CLOSED", `another hub serves agent ${id}`);
    const outbox = await openDownOutbox({ store, agent: id, clock, newId, log });
    // The parts below ask for the claim when they write; it may have been renewed by then.
    const held: Held = {
      link: this.#link(id, outbox, () => held.claim),
      outbox,
      claim,
      stopRenewing: () => {},
    };
    this.#renewLater(id, held);
    return held;
  }

  #link(id: string, outbox: DownOutbox, claim: () => Claim): Link<"hub"> {
    const { log, greeted, ready, ...options } = this.#options;
    return new Link({
      side: "hub",
      outbox,
      inbox: options.inbox(id, claim),
      transport: options.transport(id),
      authenticator: options.authenticator,
      incarnation: options.incarnation,
      version: options.version,
      responders: options.responders(id),
      clock: options.clock,
      timers: options.timers,
      jitter: options.jitter,
      newId: options.newId,
      log: log.child({ agent: id }),
      journal: options.journal(id, claim),
      peerHello: async (hello) => {
        await greeted(id, hello, this.#agents.get(id)?.address ?? null);
        await outbox.refresh();
      },
      ready: () => {
        ready(id).catch((error) => this.#failed(id, "its packs could not be assigned", error));
      },
    });
  }

  #renewLater(id: string, held: Held): void {
    const { timers, store, clock } = this.#options;
    held.stopRenewing = timers.after(leaseMs / 3, () => {
      store.renewClaim(held.claim, leaseMs, clock.now()).then(
        (kept) => {
          if (kept) this.#renewLater(id, held);
          else this.#failed(id, "another hub has taken it over", null);
        },
        (error) => {
          this.#failed(id, "its claim could not be renewed yet", error);
          this.#renewLater(id, held);
        },
      );
    });
  }

  #failed(agent: string, what: string, error: unknown): void {
    this.#options.log.error(`agent: ${what}`, { agent, ...(error !== null && { error }) });
  }
}

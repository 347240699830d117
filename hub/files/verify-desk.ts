/** Verifications that were asked for: which agents sweep for them, and how far each is. They outlive the hub's process. */
import { timestamp } from "../../shared/clock.ts";
import { PetrelError } from "../../shared/errors.ts";
import type { Logger } from "../../shared/log.ts";
import type { AgentVerification, Verification } from "../../shared/model/file-verification.ts";
import { compileGlob } from "../../shared/watch/glob.ts";
import type { VerifyState } from "../../shared/watch/questions.ts";
import type { Store } from "../store/store.ts";
import { readVerifyState } from "./watch-answers.ts";
import type { AgentChoice, Reply, Watchers } from "./watchers.ts";

export interface VerifyRequest extends AgentChoice {
  readonly full: boolean;
  /** A pattern; `null`: everything that is selected. */
  readonly path: string | null;
}

export interface VerifyDeskOptions {
  readonly watchers: Pick<Watchers, "choose" | "askAll">;
  readonly now: () => number;
  readonly newId: () => string;
  readonly store: Pick<Store, "verification" | "putVerification" | "noteVerified">;
  readonly log: Logger;
}

/** Of those that were asked about last; others are read again. */
const inMemory = 16;

export class VerifyDesk {
  readonly #options: VerifyDeskOptions;
  /** Asked about longest ago first. */
  readonly #records = new Map<string, Verification>();

  constructor(options: VerifyDeskOptions) {
    this.#options = options;
  }

  /** Resolves once each agent has answered or failed to. AGENT_UNKNOWN, WATCH_GLOB: then nothing was begun. */
  async begin({ agents, labels, full, path }: VerifyRequest): Promise<Verification> {
    const { watchers, now, newId, store } = this.#options;
    if (path !== null) compileGlob(path);
    const asked = watchers.choose({ agents, labels });
    const head = { id: newId(), full, path, started_at: timestamp(now()) };
    // Before any agent begins: a hub that ends meanwhile knows whom to ask.
    await store.putVerification({ ...head, asked });
    const run = { run: head.id, full, path };
    const replies = await watchers.askAll(asked, "verify", run, readVerifyState);
    const record = { ...head, agents: replies.map((reply) => heard(unheard(reply.agent), reply)) };
    await this.#note(head.id, asked.map(unheard), record.agents);
    this.#keep(record);
    return record;
  }

  /** Asks those that have not ended. NOT_FOUND. */
  async look(id: string): Promise<Verification> {
    const known = this.#records.get(id) ?? (await this.#read(id));
    const open = known.agents.filter(({ state }) => state !== "done" && state !== "failed");
    const replies = await this.#options.watchers.askAll(
      open.map(({ agent }) => agent),
      "verify-state",
      { run: id },
      readVerifyState,
    );
    const byAgent = new Map(replies.map((reply) => [reply.agent, reply]));
    const record = {
      ...known,
      agents: known.agents.map((before) => {
        const reply = byAgent.get(before.agent);
        return reply === undefined ? before : heard(before, reply);
      }),
    };
    await this.#note(id, known.agents, record.agents);
    this.#keep(record);
    return record;
  }

  async #read(id: string): Promise<Verification> {
    const found = await this.#options.store.verification(id);
    if (found === null) {
      throw new PetrelError("NOT_FOUND", `no verification has the id ${id}`, {
        hint: "the last hundred are known, as long as history is; what an older one found is in `petrel file changes`",
      });
    }
    const { asked, ...head } = found.head;
    const noted = new Map(found.heard.map((one) => [one.agent, one]));
    return { ...head, agents: asked.map((agent) => noted.get(agent) ?? unheard(agent)) };
  }

  /** What goes on need not be written again: who goes on is asked. */
  async #note(
    id: string,
    before: readonly AgentVerification[],
    after: readonly AgentVerification[],
  ): Promise<void> {
    const { store, log } = this.#options;
    const changed = after.filter((one, at) => one.state !== before[at]?.state);
    if (changed.length === 0) return;
    try {
      await store.noteVerified(id, changed);
    } catch (error) {
      // The sweeps are under way whether this is written or not.
      log.warn("a hub that is started again would know less of a verification", { verification: id, error });
    }
  }

  #keep(record: Verification): void {
    this.#records.delete(record.id);
    this.#records.set(record.id, record);
    const [oldest] = this.#records.keys();
    if (this.#records.size > inMemory && oldest !== undefined) this.#records.delete(oldest);
  }
}

/** Chosen, and not heard of. */
export function unheard(agent: string): AgentVerification {
  return {
    agent,
    state: "unanswered",
    why: null,
    error: null,
    started_at: null,
    ended_at: null,
    looked: 0,
    expected: null,
    differences: 0,
    unreadable: 0,
    unreadable_paths: [],
  };
}

/** What is known of an agent's part after a reply. */
export function heard(known: AgentVerification, reply: Reply<VerifyState>): AgentVerification {
  if ("answer" in reply) {
    const { run: _run, full: _full, path: _path, ...state } = reply.answer;
    return { ...known, ...state, why: null };
  }
  const { why, detail } = reply;
  const isUnder = known.state === "waiting" || known.state === "running";
  // It answered and did not know of it: the sensor that swept is no more.
  if (isUnder && (why === "failed" || why === "not-watching")) {
    return { ...known, state: "failed", why: null, error: detail };
  }
  return { ...known, why, error: detail };
}

/** Verifications that were asked for: which agents sweep for them, and how far each is. */
import { timestamp } from "../../shared/clock.ts";
import { PetrelError } from "../../shared/errors.ts";
import { compileGlob } from "../../shared/watch/glob.ts";
import type { VerifyState } from "../../shared/watch/questions.ts";
import { readVerifyState } from "./watch-answers.ts";
import type { AgentChoice, Reply, Unanswered, Watchers } from "./watchers.ts";

export interface VerifyRequest extends AgentChoice {
  readonly full: boolean;
  /** A pattern; `null`: everything that is selected. */
  readonly path: string | null;
}

export interface Verification {
  readonly id: string;
  readonly full: boolean;
  readonly path: string | null;
  /** Hub time. */
  readonly started_at: string;
  /** By id. */
  readonly agents: readonly AgentVerification[];
}

type Swept = Pick<
  VerifyState,
  | "error"
  | "started_at"
  | "ended_at"
  | "looked"
  | "expected"
  | "differences"
  | "unreadable"
  | "unreadable_paths"
>;

export interface AgentVerification extends Swept {
  readonly agent: string;
  /** As heard last; `unanswered`: it has never begun there as far as the hub knows. */
  readonly state: VerifyState["state"] | "unanswered";
  /** Why the agent does not answer at present; `null` when it does, or need not any more. */
  readonly why: Unanswered | null;
}

export interface VerifyDeskOptions {
  readonly watchers: Pick<Watchers, "choose" | "askAll">;
  readonly now: () => number;
  readonly newId: () => string;
}

/** Those whose records are kept, in memory only. */
const kept = 100;

export class VerifyDesk {
  readonly #options: VerifyDeskOptions;
  /** Oldest first. */
  readonly #records = new Map<string, Verification>();

  constructor(options: VerifyDeskOptions) {
    this.#options = options;
  }

  /** Resolves once each agent has answered or failed to. AGENT_UNKNOWN, WATCH_GLOB: then nothing was begun. */
  async begin({ agents, labels, full, path }: VerifyRequest): Promise<Verification> {
    const { watchers, now, newId } = this.#options;
    if (path !== null) compileGlob(path);
    const chosen = watchers.choose({ agents, labels });
    const id = newId();
    const started_at = timestamp(now());
    const replies = await watchers.askAll(chosen, "verify", { run: id, full, path }, readVerifyState);
    const record = { id, full, path, started_at, agents: replies.map((reply) => heard(null, reply)) };
    this.#put(record);
    return record;
  }

  /** Asks those that have not ended. NOT_FOUND. */
  async look(id: string): Promise<Verification> {
    const known = this.#records.get(id);
    if (known === undefined) {
      throw new PetrelError("NOT_FOUND", `no verification has the id ${id}`, {
        hint: "a hub that was started again knows nothing of those before that; what they found is in `petrel file changes`",
      });
    }
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
    this.#put(record);
    return record;
  }

  #put(record: Verification): void {
    this.#records.set(record.id, record);
    const [oldest] = this.#records.keys();
    if (this.#records.size > kept && oldest !== undefined) this.#records.delete(oldest);
  }
}

/** What is known of an agent's part after a reply. */
export function heard(before: AgentVerification | null, reply: Reply<VerifyState>): AgentVerification {
  const known: AgentVerification = before ?? {
    agent: reply.agent,
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

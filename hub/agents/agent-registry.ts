/** The fleet as records: read at once from memory, changed through the store with its revision checked. */
import { PetrelError } from "../../shared/errors.ts";
import type { Logger } from "../../shared/log.ts";
import type { AgentRecord } from "../../shared/model/agent.ts";
import { Rounds } from "../../shared/rounds.ts";
import type { Timers } from "../../shared/timers.ts";
import type { Store } from "../store/store.ts";

export interface AgentRegistry {
  /** All known agents, as last stored by anybody this process heard of; without those that were removed. */
  all(): readonly AgentRecord[];
  get(id: string): AgentRecord | null;
  /**
   * Replaces a record by what `change` makes of it; decided again when it changed meanwhile. `null` leaves it.
   * Resolves, once on disk, to the record as it then is.
   */
  update(id: string, change: (known: AgentRecord | null) => AgentRecord | null): Promise<AgentRecord | null>;
  close(): Promise<void>;
}

export interface AgentRegistryOptions {
  readonly store: Store;
  readonly timers: Timers;
  readonly jitter: () => number;
  readonly log: Logger;
}

const attempts = 20;

export async function openAgentRegistry(options: AgentRegistryOptions): Promise<AgentRegistry> {
  const { store, timers, jitter, log } = options;
  const agents = new Map<string, AgentRecord>();
  let list: readonly AgentRecord[] | null = null;
  const remember = (agent: AgentRecord) => {
    const known = agents.get(agent.id);
    if (known !== undefined && known.rev > agent.rev) return;
    // Nobody is to send it anything any more.
    if (agent.removed !== undefined) agents.delete(agent.id);
    else agents.set(agent.id, agent);
    list = null;
  };
  const readAll = async () => {
    for (const agent of await store.agents()) remember(agent);
  };
  const reading = new Rounds({
    timers,
    jitter,
    work: readAll,
    failed: (error, retryMs) =>
      log.error("the agents' records could not be read again yet", { error, retry_in_ms: retryMs }),
  });
  const stopListening = store.subscribeChanges(
    (changes) => {
      for (const change of changes) {
        if (change.type === "agent") remember(change.agent);
        else if (change.type === "reopened") void reading.ask();
      }
    },
    ["agent"],
  );
  await readAll();

  return {
    all: () => {
      list ??= [...agents.values()];
      return list;
    },
    get: (id) => agents.get(id) ?? null,
    async update(id, change) {
      for (let attempt = 0; attempt < attempts; attempt++) {
        const known = await store.agent(id);
        const next = change(known);
        if (next === null) return known;
        if (await store.putAgent(next, known?.rev ?? null)) return next;
      }
      throw new PetrelError(
        "STORE_WRITE",
        `the record of agent ${id} changed ${attempts} times under its writer`,
      );
    },
    async close() {
      stopListening();
      await reading.stop();
    },
  };
}

/** Two machines under one agent id: the newcomer is refused, and the agent is sent nothing until somebody has looked. */
import { timestamp } from "../../shared/clock.ts";
import { PetrelError } from "../../shared/errors.ts";
import type { Logger } from "../../shared/log.ts";
import type { AgentConflict, AgentRecord, ConflictParty } from "../../shared/model/agent.ts";
import type { AgentProcess } from "../../shared/wire/messages.ts";
import type { AgentRegistry } from "./agent-registry.ts";
import { ProcessTurns } from "./process-turns.ts";

export interface ConflictsOptions {
  readonly registry: Pick<AgentRegistry, "get" | "update">;
  /** Whether the agent's present session answers a question, asked now. */
  readonly answers: (agent: string) => Promise<boolean>;
  /** Hub time. */
  readonly now: () => number;
  readonly monotonic: () => number;
  readonly log: Logger;
}

/** An operator needs no more than these; a clone that tries again from another port adds none. */
const mostParties = 4;

export class Conflicts {
  readonly #options: ConflictsOptions;
  readonly #turns = new ProcessTurns();

  constructor(options: ConflictsOptions) {
    this.#options = options;
  }

  /**
   * Whether a second session may take the id of a live one: yes when the first does not answer (its network has
   * gone, and nobody has told the hub), unless that happens more than five times a minute. Never rejects.
   */
  async mayTakeOver(agent: string, oldAddress: string, newAddress: string): Promise<boolean> {
    const { answers, monotonic, log, registry } = this.#options;
    const isAlive = await answers(agent);
    if (!isAlive && !this.#turns.tookOver(agent, monotonic())) {
      log.info("an agent has come back before its old connection was seen to end", {
        agent,
        before: oldAddress,
        after: newAddress,
      });
      return true;
    }
    const process = this.#turns.current(agent);
    const host = process?.host ?? registry.get(agent)?.host ?? null;
    const first = { address: oldAddress, host, process: process?.id ?? null };
    const second = { address: newAddress, host: null, process: null };
    await this.#note(agent, first, second).catch((error) => {
      // Refused all the same; noted when it tries again.
      log.error("a conflict could not be noted", { agent, first, second, error });
    });
    return false;
  }

  /** A process says hello. Rejects with AGENT_CONFLICT when another one has the id. */
  async greeted(agent: string, process: AgentProcess, address: string | null): Promise<void> {
    const { registry, monotonic } = this.#options;
    const facts = { ...process, address: address ?? process.address };
    const turns = this.#turns.spoke(agent, facts, monotonic());
    if (turns !== null) await this.#note(agent, partyOf(turns.first), partyOf(turns.second));
    const [, ...refused] = registry.get(agent)?.conflict?.parties ?? [];
    if (refused.some((party) => party.process === process.id)) {
      throw new PetrelError("AGENT_CONFLICT", "another machine has this agent id", {
        where: agent,
        hint: `stop one of them or give it an id of its own, then \`petrel agent resolve ${agent}\``,
      });
    }
  }

  /** The conflict is over, as somebody says who has looked. AGENT_UNKNOWN. */
  async resolve(agent: string): Promise<AgentRecord> {
    const { registry, log } = this.#options;
    const record = await registry.update(agent, (known) =>
      known?.conflict == null ? null : { ...known, conflict: null, rev: known.rev + 1 },
    );
    if (record === null) {
      throw new PetrelError("AGENT_UNKNOWN", `no agent has the id ${agent}`, {
        hint: "`petrel agent list` shows all",
      });
    }
    this.#turns.forget(agent);
    log.info("the conflict of an agent was resolved", { agent });
    return record;
  }

  async #note(agent: string, first: ConflictParty, second: ConflictParty): Promise<void> {
    const { registry, now, log } = this.#options;
    let isNew = false;
    await registry.update(agent, (known) => {
      const conflict = known === null ? null : withParties(known.conflict ?? null, first, second, now());
      isNew = conflict !== null && known?.conflict == null;
      return known === null || conflict === null ? null : { ...known, conflict, rev: known.rev + 1 };
    });
    if (isNew) {
      log.error("AGENT_CONFLICT: two machines have one agent id; it is sent nothing until that is resolved", {
        agent,
        first,
        second,
        fix: `stop one of them, then petrel agent resolve ${agent}`,
      });
    }
  }
}

/** The conflict with these parties; `null` when it is known already. */
function withParties(
  known: AgentConflict | null,
  first: ConflictParty,
  second: ConflictParty,
  nowMs: number,
): AgentConflict | null {
  if (known === null) return { since: timestamp(nowMs), parties: [first, second] };
  if (known.parties.length >= mostParties || known.parties.slice(1).some((party) => isSame(party, second)))
    return null;
  return { ...known, parties: [...known.parties, second] };
}

/** A port is new at each attempt. */
function isSame(a: ConflictParty, b: ConflictParty): boolean {
  if (a.process !== null || b.process !== null) return a.process === b.process;
  return machineOf(a.address) === machineOf(b.address);
}

const machineOf = (address: string | null) => address?.replace(/:\d+$/, "") ?? null;

const partyOf = ({ id, host, address }: AgentProcess): ConflictParty => ({ address, host, process: id });

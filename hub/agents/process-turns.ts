/** Which processes speak under an agent's id, and whether two of them do so in turns: a machine that was cloned. */
import type { AgentProcess } from "../../shared/wire/messages.ts";

/** Two processes that are alive at the same time: a process that another had followed has spoken again, twice. */
export interface Turns {
  /** The one that was heard of first. */
  readonly first: AgentProcess;
  readonly second: AgentProcess;
}

/** One process of an agent remembers this many that spoke before it. */
const mostProcesses = 8;
/** A process that is followed by another never comes back; one that does so twice within this time is alive. */
const withinMs = 3_600_000;
const provenBy = 2;
/** More than this many take-overs within a minute are no network that comes and goes. */
const mostTakeOvers = 5;
const minuteMs = 60_000;

interface Heard {
  /** In the order in which they were first heard. */
  processes: AgentProcess[];
  current: string;
  returns: number[];
}

/** Kept in memory: a hub that is started again learns it anew within the next turns. Times are monotonic. */
export class ProcessTurns {
  readonly #heard = new Map<string, Heard>();
  readonly #takeOvers = new Map<string, number[]>();

  /** `null` while nothing speaks against it that there is one process at a time. */
  spoke(agent: string, process: AgentProcess, atMs: number): Turns | null {
    const heard = this.#heard.get(agent);
    if (heard === undefined) {
      this.#heard.set(agent, { processes: [process], current: process.id, returns: [] });
      return null;
    }
    const before = heard.processes.find(({ id }) => id === heard.current);
    const known = heard.processes.findIndex(({ id }) => id === process.id);
    heard.current = process.id;
    if (known < 0) {
      heard.processes = [...heard.processes.slice(1 - mostProcesses), process];
      return null;
    }
    heard.processes[known] = process;
    if (before === undefined || before.id === process.id) return null;
    heard.returns = [...heard.returns.filter((ms) => atMs - ms < withinMs), atMs].slice(-provenBy);
    if (heard.returns.length < provenBy) return null;
    const other = heard.processes.findIndex(({ id }) => id === before.id);
    return known < other ? { first: process, second: before } : { first: before, second: process };
  }

  /** A live session was ended for another one. True when that happens too often. */
  tookOver(agent: string, atMs: number): boolean {
    const times = (this.#takeOvers.get(agent) ?? []).filter((ms) => atMs - ms < minuteMs);
    times.push(atMs);
    this.#takeOvers.set(agent, times.slice(-mostTakeOvers - 1));
    return times.length > mostTakeOvers;
  }

  /** The process that spoke last; `null` of an agent whose process is not known. */
  current(agent: string): AgentProcess | null {
    const heard = this.#heard.get(agent);
    return heard?.processes.find(({ id }) => id === heard.current) ?? null;
  }

  forget(agent: string): void {
    this.#heard.delete(agent);
    this.#takeOvers.delete(agent);
  }
}

/** Which sensors run on which agent, in memory: read once, and kept up by what is heard. */
import type { Store } from "../store/store.ts";

export class RunningSensors {
  /** `null`: not read, and then nothing is kept up. */
  #byAgent: Map<string, Set<string>> | null = null;
  /** Heard since the records began to be read: it is newer than what is read. */
  #since: (() => void)[] | null = null;

  /** Reads them, unless they are known. */
  async load(store: Pick<Store, "sensors">): Promise<void> {
    if (this.#byAgent !== null) return;
    const since: (() => void)[] = [];
    this.#since = since;
    try {
      const all = await store.sensors();
      this.#byAgent = new Map();
      for (const { agent, sensor, state } of all) this.note(agent, sensor, state === "running");
      for (const note of since) note();
    } finally {
      this.#since = null;
    }
  }

  forget(): void {
    this.#byAgent = null;
  }

  note(agent: string, sensor: string, isRunning: boolean): void {
    if (this.#byAgent === null) {
      this.#since?.push(() => this.note(agent, sensor, isRunning));
      return;
    }
    const running = this.#byAgent.get(agent) ?? new Set();
    if (isRunning) running.add(sensor);
    else running.delete(sensor);
    this.#byAgent.set(agent, running);
  }

  /** In the order of their names. */
  of(agent: string): string[] {
    return [...(this.#byAgent?.get(agent) ?? [])].sort();
  }
}

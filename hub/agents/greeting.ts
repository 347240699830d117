/** Who an agent is, settled before its hello is answered. */
import type { Logger } from "../../shared/log.ts";
import type { Hello } from "../../shared/wire/messages.ts";
import type { Store } from "../store/store.ts";
import { abandonOldStore } from "./abandon.ts";
import type { AgentRegistry } from "./agent-registry.ts";
import type { Conflicts } from "./conflicts.ts";
import { arrived, awaited, departed } from "./presence.ts";

export interface GreeterOptions {
  readonly store: Store;
  readonly registry: AgentRegistry;
  readonly conflicts: Pick<Conflicts, "greeted">;
  readonly now: () => number;
  readonly log: Logger;
}

/** Clocks further apart than this are worth a warning (ms). */
const skewWarningMs = 30_000;

export function createGreeter({ store, registry, conflicts, now, log }: GreeterOptions) {
  return {
    /**
     * `isNewStore`: the agent has another store than before, and what the old one was sent is settled. AGENT_CONFLICT
     * for a process whose id another machine has.
     */
    async arrived(
      agent: string,
      hello: Hello,
      address: string | null,
    ): Promise<{ readonly isNewStore: boolean }> {
      if (hello.process !== undefined) await conflicts.greeted(agent, hello.process, address);
      const before = await store.agent(agent);
      const isNewStore = before?.incarnation != null && before.incarnation !== hello.incarnation;
      if (isNewStore) {
        const abandoned = await abandonOldStore(store, agent, now);
        log.warn("an agent came back with a new store", { agent, abandoned });
      }
      const record = await registry.update(agent, (known) => arrived(known, agent, hello, address, now()));
      if (before === null) log.info("a new agent", { agent, address });
      const skewMs = record?.skew_ms ?? 0;
      if (Math.abs(skewMs) > skewWarningMs) log.warn("an agent's clock differs", { agent, skewMs });
      return { isNewStore };
    },
    /** At the start of a hub nobody is connected, whatever the records say. */
    async allAway(): Promise<void> {
      const online = registry.all().filter((agent) => agent.online);
      await Promise.all(online.map(({ id }) => registry.update(id, (known) => departed(known, now()))));
    },
    /** Makes an agent known that this hub starts itself: from now on actions may be sent to it. */
    async expect(agent: string): Promise<void> {
      await registry.update(agent, (known) => (known === null ? awaited(agent, now()) : null));
    },
    async departed(agent: string): Promise<void> {
      await registry.update(agent, (known) => departed(known, now()));
    },
  };
}

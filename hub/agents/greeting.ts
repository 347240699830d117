/** Who an agent is, settled before its hello is answered. */
import type { Logger } from "../../shared/log.ts";
import type { Hello } from "../../shared/wire/messages.ts";
import { step } from "../executions/life.ts";
import type { Store } from "../store/store.ts";
import type { AgentRegistry } from "./agent-registry.ts";
import { arrived, awaited, departed } from "./presence.ts";

export interface GreeterOptions {
  readonly store: Store;
  readonly registry: AgentRegistry;
  readonly now: () => number;
  readonly log: Logger;
}

/** Clocks further apart than this are worth a warning (ms). */
const skewWarningMs = 30_000;

export function createGreeter({ store, registry, now, log }: GreeterOptions) {
  /**
   * The agent's store is another one than before. What the old one was sent and did not settle has an unknown
   * fate: it is abandoned, and nothing of it is sent again.
   */
  const forgetOldStore = async (agent: string): Promise<void> => {
    for (const epoch of await store.downEpochs(agent)) {
      if (epoch.last >= epoch.first) await store.receiptDown(agent, epoch.id, epoch.last);
    }
    let abandoned = 0;
    for (const open of await store.openExecutions(agent)) {
      const lost = step(open, { type: "lose", at: now(), reason: "agent store lost" });
      if (lost.moved && (await store.updateExecution(lost.execution, open.rev))) abandoned += 1;
    }
    log.warn("an agent came back with a new store", { agent, abandoned });
  };

  return {
    async arrived(agent: string, hello: Hello, address: string | null): Promise<void> {
      const before = await store.agent(agent);
      if (before?.incarnation != null && before.incarnation !== hello.incarnation)
        await forgetOldStore(agent);
      const record = await registry.update(agent, (known) => arrived(known, agent, hello, address, now()));
      if (before === null) log.info("a new agent", { agent, address });
      const skewMs = record?.skew_ms ?? 0;
      if (Math.abs(skewMs) > skewWarningMs) log.warn("an agent's clock differs", { agent, skewMs });
    },
    /** At the start of a hub nobody is connected, whatever the records say. */
    async allAway(): Promise<void> {
      for (const { id } of registry.all()) await registry.update(id, (known) => departed(known, now()));
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

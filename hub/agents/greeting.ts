/** Who an agent is, settled before its hello is answered. */
import type { Json, JsonObject } from "../../shared/json.ts";
import type { PeerFacts } from "../../shared/link/greeting.ts";
import type { Logger } from "../../shared/log.ts";
import type { Hello } from "../../shared/wire/messages.ts";
import type { Store } from "../store/store.ts";
import { abandonOldStore } from "./abandon.ts";
import type { AgentRegistry } from "./agent-registry.ts";
import type { Conflicts } from "./conflicts.ts";
import { arrived, awaited, conditioned, departed, keyed } from "./presence.ts";

export interface GreeterOptions {
  readonly store: Store;
  readonly registry: AgentRegistry;
  readonly conflicts: Pick<Conflicts, "greeted">;
  readonly now: () => number;
  readonly log: Logger;
}

/** Clocks further apart than this are worth a warning (ms). */
const skewWarningMs = 30_000;

/** Characters of what an agent says of its condition. */
const mostCondition = 500;

export function createGreeter({ store, registry, conflicts, now, log }: GreeterOptions) {
  /** By agent, while it is written: the highest serial that it has said. */
  const seen = new Map<string, number>();

  /** Only what rises: an agent of ours says no lower one than before. */
  async function noteSeen(agent: string, serial: number, offered: number): Promise<void> {
    let isNews = false;
    await registry.update(agent, (known) => {
      const before = known?.hub_keys_serial ?? 0;
      const next = before >= serial ? null : keyed(known, serial);
      isNews = next !== null && before <= offered;
      return next;
    });
    if (!isNews) return;
    log.error("an agent refuses this hub: it has seen newer keys of it", {
      agent,
      seen: serial,
      offered,
      fix: "put back the newest copy of the folder keys, or `petrel hub keys rotate`",
    });
  }

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
    /** Answers `condition {degraded}`: what an agent says of itself. */
    async condition(agent: string, { degraded = null }: JsonObject): Promise<Json> {
      const text = typeof degraded === "string" ? degraded.slice(0, mostCondition) : null;
      const record = await registry.update(agent, (known) => conditioned(known, text));
      if (record !== null && text !== null) log.warn("an agent is degraded", { agent, why: text });
      return true;
    },
    /** It has answered a hello, and says by which of the hub's keys it goes. Never rejects: its next answer says so again. */
    async keyed(agent: string, { keysSerial }: PeerFacts): Promise<void> {
      if (keysSerial === null) return;
      await registry
        .update(agent, (known) => keyed(known, keysSerial))
        .catch((error: unknown) =>
          log.error("an agent's serial of the hub's keys could not be noted", { agent, error }),
        );
    },
    /** One that has seen newer keys than the hub's own refuses the hub, and is away: here that can be seen. Never rejects. */
    async keysSeen(agent: string, serial: number, own: { readonly serial: number } | undefined) {
      if (own === undefined || serial <= own.serial) return;
      // Of a flood of them the highest is written, after the one that is being written.
      const isWriting = seen.has(agent);
      seen.set(agent, Math.max(serial, seen.get(agent) ?? 0));
      if (isWriting) return;
      try {
        for (let highest = 0; highest < (seen.get(agent) ?? 0); ) {
          highest = seen.get(agent) ?? 0;
          await noteSeen(agent, highest, own.serial);
        }
      } catch (error) {
        log.error("an agent's serial of the hub's keys could not be noted", { agent, error });
      } finally {
        seen.delete(agent);
      }
    },
    async departed(agent: string): Promise<void> {
      await registry.update(agent, (known) => departed(known, now()));
    },
  };
}

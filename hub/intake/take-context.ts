/** What taking an agent's entries needs to know, read anew for each packet. */
import { PetrelError } from "../../shared/errors.ts";
import type { Logger } from "../../shared/log.ts";
import type { Execution } from "../../shared/model/execution.ts";
import { lastSeq } from "../files/baseline-anchors.ts";
import type { DeadLetter } from "../store/port/history.ts";
import type { Store } from "../store/store.ts";
import { logLost } from "./lost-result.ts";
import type { TakeContext } from "./take-entries.ts";

export interface TakeContextOptions {
  readonly store: Store;
  readonly expect: TakeContext["expect"];
  readonly judge: TakeContext["judge"];
  readonly sealer: TakeContext["sealer"];
  readonly newId: () => string;
  readonly log: Logger;
  /** When this database was restored from a backup (milliseconds); `null`: never. */
  readonly restoredAtMs: number | null;
}

/** Changes looked at for the greatest number: those of a burst come in later than what was told after them. */
const mostChanges = 256;
/** Families of one instance that are looked at when a restored hub meets it again. */
const mostExecutions = 1_000;

/** `null` for an agent that has said no hello yet. */
export function takeContexts(options: TakeContextOptions) {
  const { store, expect, judge, sealer, newId, log, restoredAtMs } = options;
  return async (agent: string, nowMs: number): Promise<TakeContext | null> => {
    const record = await store.agent(agent);
    if (record === null) return null;
    const execution = (id: string) => store.execution(id);
    const count = (what: string) => log.debug("entry of no effect", { agent, what });
    const lost = (letter: DeadLetter) => logLost(letter, log);
    // Seldom asked for: when an agent tells how its baseline stands.
    const latest = async () => {
      const { items } = await store.fileChanges({ agent }, { limit: mostChanges });
      return lastSeq(items.map(({ instance }) => instance.payload));
    };
    // Whoever takes is told, since only there it is known whether the take has come to anything.
    const idleReport = () => {};
    const taking = {
      agent: record,
      nowMs,
      newId,
      execution,
      expect,
      judge,
      sealer,
      lost,
      count,
      idleReport,
      lastSeq: latest,
    };
    if (restoredAtMs === null) return taking;
    let open: Promise<readonly Execution[]> | null = null;
    return {
      ...taking,
      recovery: {
        restoredAtMs,
        open: () => {
          open ??= store.openExecutions(agent);
          return open;
        },
        family: async (id) => {
          if ((await store.instance(id)) === null) return null;
          return (await store.executions({ trigger_instance: id }, { limit: mostExecutions })).items;
        },
      },
    };
  };
}

/** The context of an agent that is connected. Throws AGENT_UNKNOWN. */
export function requireContext(agent: string, found: TakeContext | null): TakeContext {
  if (found !== null) return found;
  throw new PetrelError("AGENT_UNKNOWN", `agent ${agent} has said no hello yet`);
}

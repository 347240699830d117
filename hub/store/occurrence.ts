/** What happens to records that somebody may want to react to, told in the batch that makes it true. */
import type { AgentRecord, SensorRecord } from "../../shared/model/agent.ts";
import type { Execution } from "../../shared/model/execution.ts";
import type { TriggerInstance } from "../../shared/model/trigger.ts";
import type { DeadLetter } from "./port/history.ts";

export type Occurrence =
  /** An execution has ended. */
  | { readonly type: "ended"; readonly execution: Execution }
  /** A true result came after its execution had been given up. */
  | { readonly type: "late-result"; readonly execution: Execution }
  | { readonly type: "sensor-failed"; readonly sensor: SensorRecord }
  /** A sensor runs in a process of its own. */
  | { readonly type: "sensor-spawned"; readonly sensor: SensorRecord }
  /** The process that it ran in has gone; `sensor` is how it is from then on. */
  | { readonly type: "sensor-exited"; readonly sensor: SensorRecord; readonly pid: number }
  | { readonly type: "dead-letter"; readonly letter: DeadLetter }
  /** An agent stayed away for too long; it is there again. */
  | { readonly type: "agent-lost"; readonly agent: AgentRecord }
  | { readonly type: "agent-back"; readonly agent: AgentRecord; readonly lost: string }
  /** A datastore key was written: its texts as they are stored; `null`: there is none. */
  | ({
      readonly type: "key";
      readonly scope: string;
      readonly name: string;
      readonly before: string | null;
      readonly after: string | null;
    } & KeyNews);

/** Names one change of a key for those who are told of it. */
export interface KeyNews {
  readonly id: string;
  /** Rules behind it, the oldest first. */
  readonly lineage: readonly string[];
}

/** Turns what happens into trigger instances. Asked within a plan: pure, quick, and the same for a plan that is run again. */
export interface Teller {
  /** Whether anybody listens; asked before anything is read or made for it. */
  wants(type: Occurrence["type"]): boolean;
  /** Pending ones. */
  tell(occurrence: Occurrence): readonly TriggerInstance[];
}

export const silentTeller: Teller = { wants: () => false, tell: () => [] };

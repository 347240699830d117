/** What is told of each batch to those who keep something in memory. */
import type { AgentRecord, SensorRecord } from "../../../shared/model/agent.ts";
import type { AgentRollout, UpgradeReport } from "../../../shared/model/agent-rollout.ts";
import type { ApiKeyRecord } from "../../../shared/model/api-key.ts";
import type { ChangeWindow } from "../../../shared/model/change-window.ts";
import type { Execution } from "../../../shared/model/execution.ts";
import type { AgentIdentity } from "../../../shared/model/identity.ts";
import type { PackRecord } from "../../../shared/model/pack.ts";
import type { Enforcement } from "../../../shared/model/rule.ts";
import type { TriggerInstance } from "../../../shared/model/trigger.ts";

/** One thing that is different now. */
export type Change =
  | { readonly type: "instance"; readonly instance: TriggerInstance }
  | { readonly type: "enforcement"; readonly enforcement: Enforcement }
  | { readonly type: "execution"; readonly execution: Execution }
  | { readonly type: "agent"; readonly agent: AgentRecord }
  | { readonly type: "sensor"; readonly sensor: SensorRecord }
  | { readonly type: "rules"; readonly version: number }
  | { readonly type: "pack"; readonly pack: PackRecord | null; readonly ref: string }
  /** A datastore key has this value now; `null`: it is gone. */
  | { readonly type: "key"; readonly scope: string; readonly name: string; readonly value: string | null }
  /** A window for expected changes is like this now; `null`: it is gone. */
  | { readonly type: "window"; readonly id: string; readonly window: ChangeWindow | null }
  /** A key of the HTTP API is like this now; `null`: it is gone. */
  | { readonly type: "api-key"; readonly id: string; readonly key: ApiKeyRecord | null }
  | { readonly type: "identity"; readonly identity: AgentIdentity }
  | { readonly type: "rollout"; readonly rollout: AgentRollout }
  | { readonly type: "upgrade-report"; readonly report: UpgradeReport }
  | { readonly type: "identity-gone"; readonly agent: string }
  /** A gate has room while something waits there, or somebody waits there from now on. */
  | { readonly type: "gate"; readonly gate: string }
  /** Entries were added to this agent's down ledger. */
  | { readonly type: "down"; readonly agent: string }
  /**
   * Some changes cannot be told one by one: writing goes on after it had failed, and what had failed may be there
   * after all; or another process wrote more than this one could follow. Read again what is kept in memory.
   */
  | { readonly type: "reopened" };

/** A change of one of these kinds. */
export type ChangeOf<Type extends Change["type"]> = Extract<Change, { readonly type: Type }>;

export type ChangeListener<Type extends Change["type"] = Change["type"]> = (
  changes: readonly ChangeOf<Type>[],
) => void;

/** Whom to ask for changes. */
export interface ChangeSource {
  /**
   * Called in order after each batch is on disk, soon after it when another process wrote that batch. With `about` only
   * with changes of these kinds, and with `reopened`, if there are any.
   */
  subscribeChanges: SubscribeChanges;
}

export interface SubscribeChanges {
  (listener: ChangeListener): () => void;
  <Type extends Change["type"]>(
    listener: ChangeListener<Type | "reopened">,
    about: readonly Type[],
  ): () => void;
}

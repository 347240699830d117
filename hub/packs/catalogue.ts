/** What the registered packs define, by ref: one immutable value, replaced as a whole when a pack changes. */
import type { PackRecord } from "../../shared/model/pack.ts";
import type { TriggerType } from "../../shared/model/trigger.ts";
import type { RunnableAction } from "../executions/request.ts";

export interface Catalogue {
  readonly packs: ReadonlyMap<string, PackRecord>;
  readonly actions: ReadonlyMap<string, RunnableAction>;
  readonly triggerTypes: ReadonlyMap<string, TriggerType>;
}

export function buildCatalogue(packs: readonly PackRecord[]): Catalogue {
  const actions = new Map<string, RunnableAction>();
  const triggerTypes = new Map<string, TriggerType>();
  for (const record of packs) {
    for (const definition of record.pack.actions) {
      actions.set(definition.ref, { definition, pack_digest: record.digest });
    }
    for (const type of record.pack.trigger_types) triggerTypes.set(type.ref, type);
  }
  return { packs: new Map(packs.map((record) => [record.ref, record])), actions, triggerTypes };
}

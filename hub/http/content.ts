/** What the registered packs define, for look-ups by ref. */
import type { ActionDefinition } from "../../shared/model/action.ts";
import type { PackRecord, ParameterSchemas } from "../../shared/model/pack.ts";
import type { TriggerType } from "../../shared/model/trigger.ts";
import { actionParameters } from "../../shared/packs/action-parameters.ts";
import type { Store } from "../store/store.ts";

/** One state of the registry; refs in sorted order. */
export interface Content {
  readonly packs: ReadonlyMap<string, PackRecord>;
  readonly actions: ReadonlyMap<string, ActionDefinition>;
  readonly triggerTypes: ReadonlyMap<string, TriggerType>;
}

function byRef<T extends { readonly ref: string }>(items: readonly T[]): ReadonlyMap<string, T> {
  const sorted = [...items].sort((a, b) => (a.ref < b.ref ? -1 : 1));
  return new Map(sorted.map((item) => [item.ref, item]));
}

export function contentOf(packs: readonly PackRecord[]): Content {
  return {
    packs: byRef(packs),
    actions: byRef(packs.flatMap((record) => record.pack.actions)),
    triggerTypes: byRef(packs.flatMap((record) => record.pack.trigger_types)),
  };
}

/** What an action takes, its runner's own parameters included; `null` when it is not registered (any more). */
export function schemasOf(content: Content, ref: string): ParameterSchemas | null {
  const action = content.actions.get(ref);
  return action === undefined ? null : actionParameters(action);
}

/** The registry, read again only after a pack changed. */
export interface ContentSource {
  current(): Promise<Content>;
  close(): void;
}

export function contentSource(store: Pick<Store, "packs" | "subscribeChanges">): ContentSource {
  let cached: Promise<Content> | null = null;
  const close = store.subscribeChanges((changes) => {
    if (changes.some((change) => change.type === "pack")) cached = null;
  });
  return {
    current: () => {
      if (cached !== null) return cached;
      const reading = store.packs().then(contentOf);
      cached = reading;
      // A failed read must not be remembered; whoever asked gets the error.
      reading.catch(() => {
        if (cached === reading) cached = null;
      });
      return reading;
    },
    close,
  };
}

/** What a change of a datastore key is to rules: StackStorm's four triggers. Pure. */
import type { JsonObject } from "../../shared/json.ts";
import { isCurrent, type KeptKey, parseKept } from "../datastore/kept-key.ts";
import { addressOf, type KeyScope } from "../datastore/key-address.ts";
import { keyView } from "../datastore/key-view.ts";
import type { Occurrence } from "../store/occurrence.ts";

export const keyTriggers = {
  create: "core.st2.key_value_pair.create",
  update: "core.st2.key_value_pair.update",
  valueChange: "core.st2.key_value_pair.value_change",
  delete: "core.st2.key_value_pair.delete",
} as const;

type KeyChange = Extract<Occurrence, { type: "key" }>;

/** A key whose time was over has gone, even if nobody had removed it yet. */
export function keyNews(
  { scope, name, before, after }: KeyChange,
  nowMs: number,
): readonly { readonly trigger: string; readonly payload: JsonObject }[] {
  const [old, fresh] = [before, after].map((text) => (text === null ? null : parseKept(text)));
  const show = (key: KeptKey): JsonObject => {
    const scopeName: KeyScope = scope === "user" ? "user" : "system";
    return { ...keyView(addressOf(scopeName, name), key) };
  };
  const gone = old && (!fresh || !isCurrent(old, nowMs)) ? [about(keyTriggers.delete, show(old))] : [];
  if (!fresh) return gone;
  if (!old || gone.length > 0) return [...gone, about(keyTriggers.create, show(fresh))];
  const isSame = old.value === fresh.value && old.secret === fresh.secret;
  const payload = { old_object: show(old), new_object: show(fresh) };
  return [
    about(keyTriggers.update, show(fresh)),
    ...(isSame ? [] : [{ trigger: keyTriggers.valueChange, payload }]),
  ];
}

const about = (trigger: string, object: JsonObject) => ({ trigger, payload: { object } });

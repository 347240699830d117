/** What was taken out of a value is put back: in one pass, however much it is. Pure. */
import { isObject, type Json, type JsonObject } from "../../shared/json.ts";
import type { Divided } from "./mask.ts";

/** Where something is to be put: here, or further in. */
interface Branch {
  value?: Json;
  readonly inner: Map<string | number, Branch>;
}

/** What was divided, whole again. What has no place in `shown` is left out. */
export function united<T extends Json>({ shown, taken }: Divided<T>): T {
  if (taken.length === 0) return shown;
  const root: Branch = { inner: new Map() };
  for (const [path, value] of taken) {
    let branch = root;
    for (const at of path) {
      const known = branch.inner.get(at);
      const next = known ?? { inner: new Map() };
      if (known === undefined) branch.inner.set(at, next);
      branch = next;
    }
    branch.value = value;
  }
  return filled(shown, root) as T;
}

function filled(whole: Json, branch: Branch | undefined): Json {
  if (branch === undefined) return whole;
  const { value, inner } = branch;
  if (value !== undefined) return value;
  if (Array.isArray(whole)) return whole.map((item: Json, at) => filled(item, inner.get(at)));
  if (!isObject(whole)) return whole;
  const entries = Object.entries(whole as JsonObject).map(([name, item]): [string, Json] => [
    name,
    filled(item, inner.get(name)),
  ]);
  return Object.fromEntries(entries);
}

/** Names what differs between two versions of a record. Pure. */
import { isDeepStrictEqual } from "node:util";
import { isObject } from "../../../shared/json.ts";

/** Dotted names of the deepest fields that are objects in both and differ: `action.parameters.message`. */
export function changedFields(before: object, after: object, prefix = ""): readonly string[] {
  const [old, fresh] = [before, after] as Readonly<Record<string, unknown>>[];
  const names = new Set([...Object.keys(old ?? {}), ...Object.keys(fresh ?? {})]);
  return [...names].sort().flatMap((name) => {
    const [was, is] = [old?.[name], fresh?.[name]];
    if (isDeepStrictEqual(was, is)) return [];
    const path = `${prefix}${name}`;
    return isObject(was) && isObject(is) ? changedFields(was, is, `${path}.`) : [path];
  });
}

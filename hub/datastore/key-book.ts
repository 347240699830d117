/** The shared datastore's system keys: in memory for templates, on disk for good. */
import { isObject } from "../../shared/json.ts";
import type { Store } from "../store/store.ts";

export interface KeyBook {
  /** `null` when there is none, or its time is over. */
  get(name: string): string | null;
  /** Resolves once on disk. `ttlSeconds: null` keeps it for good. */
  set(name: string, value: string, ttlSeconds: number | null): Promise<void>;
  /** False when there was none. */
  delete(name: string): Promise<boolean>;
  /** Sorted by name. */
  list(prefix: string): readonly { readonly name: string; readonly value: string }[];
}

interface Kept {
  readonly value: string;
  /** Milliseconds since the epoch. */
  readonly expires: number | null;
}

const scope = "system";
/** Keys that templates can see. */
const maxKeys = 100_000;

export async function openKeyBook(store: Store, now: () => number): Promise<KeyBook> {
  const kept = new Map<string, Kept>();
  for (const { name, value } of await store.keys(scope, "", maxKeys)) {
    const record = parseKept(value);
    if (record !== null) kept.set(name, record);
  }
  const current = (name: string): Kept | null => {
    const record = kept.get(name);
    return record === undefined || (record.expires !== null && record.expires <= now()) ? null : record;
  };
  return {
    get: (name) => current(name)?.value ?? null,
    async set(name, value, ttlSeconds) {
      const record: Kept = { value, expires: ttlSeconds === null ? null : now() + ttlSeconds * 1000 };
      await store.setKey(scope, name, JSON.stringify(record));
      kept.set(name, record);
    },
    async delete(name) {
      const isThere = current(name) !== null;
      await store.setKey(scope, name, null);
      kept.delete(name);
      return isThere;
    },
    list: (prefix) =>
      [...kept.keys()]
        .filter((name) => name.startsWith(prefix))
        .sort()
        .flatMap((name) => {
          const record = current(name);
          return record === null ? [] : [{ name, value: record.value }];
        }),
  };
}

function parseKept(text: string): Kept | null {
  const value: unknown = JSON.parse(text);
  if (!isObject(value) || typeof value.value !== "string") return null;
  return { value: value.value, expires: typeof value.expires === "number" ? value.expires : null };
}

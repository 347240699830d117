/** The shared datastore's system keys: in memory for templates, on disk for good. */
import { PetrelError } from "../../shared/errors.ts";
import { isObject } from "../../shared/json.ts";
import type { Logger } from "../../shared/log.ts";
import { Rounds } from "../../shared/rounds.ts";
import type { Timers } from "../../shared/timers.ts";
import type { Store } from "../store/store.ts";

export interface KeyBook {
  /** `null` when there is none, or its time is over. */
  get(name: string): string | null;
  /** Resolves once on disk. `ttlSeconds: null` keeps it for good. KEY_LIMIT when there is no room. */
  set(name: string, value: string, ttlSeconds: number | null): Promise<void>;
  /** False when there was none. */
  delete(name: string): Promise<boolean>;
  /** Sorted by name. */
  list(
    prefix: string,
    offset: number,
    limit: number,
  ): readonly { readonly name: string; readonly value: string }[];
  /** Removes those whose time is over; resolves to how many. */
  sweep(): Promise<number>;
  close(): Promise<void>;
}

export interface KeyBookOptions {
  readonly store: Store;
  /** Hub time in ms. */
  readonly now: () => number;
  readonly timers: Timers;
  readonly jitter: () => number;
  readonly log: Logger;
  readonly limits?: KeyLimits;
}

/** What may be kept, since all of it is in memory. */
export interface KeyLimits {
  readonly keys: number;
  /** Characters of all names and values. */
  readonly characters: number;
}

interface Kept {
  readonly value: string;
  /** Milliseconds since the epoch. */
  readonly expires: number | null;
}

const scope = "system";
const pageOfKeys = 1_000;
const defaultLimits: KeyLimits = { keys: 100_000, characters: 32 * 1024 * 1024 };

export async function openKeyBook(options: KeyBookOptions): Promise<KeyBook> {
  const { store, now, timers, jitter, log, limits = defaultLimits } = options;
  let kept = await readAll(store);
  let characters = sizeOf(kept);
  /** `null` after a name came or went. */
  let sorted: readonly string[] | null = null;
  /** What is written while everything is read again: the reading may have passed it already. */
  let written: Map<string, Kept | null> | null = null;
  const reading = new Rounds({
    timers,
    jitter,
    work: async () => {
      written = new Map();
      try {
        kept = await readAll(store);
        characters = sizeOf(kept);
        sorted = null;
        for (const [name, record] of written) note(name, record);
      } finally {
        written = null;
      }
    },
    failed: (error, retryMs) =>
      log.error("the datastore's keys could not be read again yet", { error, retry_in_ms: retryMs }),
  });
  // Also of what another process sets.
  const stopListening = store.subscribeChanges((changes) => {
    for (const change of changes) {
      if (change.type === "reopened") void reading.ask();
      else if (change.type === "key" && change.scope === scope) {
        note(change.name, change.value === null ? null : parseKept(change.value));
      }
    }
  });

  const isCurrent = ({ expires }: Kept): boolean => expires === null || expires > now();
  const current = (name: string): Kept | null => {
    const record = kept.get(name);
    return record !== undefined && isCurrent(record) ? record : null;
  };
  const note = (name: string, record: Kept | null): void => {
    written?.set(name, record);
    const before = kept.get(name);
    characters += room(name, record) - room(name, before ?? null);
    if (record === null) kept.delete(name);
    else kept.set(name, record);
    if ((before === undefined) !== (record === null)) sorted = null;
  };
  const write = (name: string, record: Kept | null): Promise<void> =>
    store.setKey(scope, name, record === null ? null : JSON.stringify(record));
  const sweep = async (): Promise<number> => {
    const over = [...kept].filter(([, record]) => !isCurrent(record)).map(([name]) => name);
    await Promise.all(over.map((name) => write(name, null)));
    return over.length;
  };
  const fits = (name: string, record: Kept): boolean => {
    const before = kept.get(name);
    const grown = characters + room(name, record) - room(name, before ?? null);
    return grown <= limits.characters && (before !== undefined || kept.size < limits.keys);
  };

  return {
    get: (name) => current(name)?.value ?? null,
    async set(name, value, ttlSeconds) {
      const record: Kept = { value, expires: ttlSeconds === null ? null : now() + ttlSeconds * 1000 };
      if (!fits(name, record)) await sweep();
      if (!fits(name, record)) {
        throw new PetrelError(
          "KEY_LIMIT",
          `the datastore has ${kept.size} keys of ${characters} characters; there is no room for more`,
          { where: name, hint: "delete keys that are no longer needed, or give them a ttl" },
        );
      }
      await write(name, record);
    },
    async delete(name) {
      const isThere = current(name) !== null;
      if (kept.has(name)) await write(name, null);
      return isThere;
    },
    list(prefix, offset, limit) {
      sorted ??= [...kept.keys()].sort();
      const found: { name: string; value: string }[] = [];
      let skip = offset;
      for (let i = firstAtLeast(sorted, prefix); i < sorted.length && found.length < limit; i++) {
        const name = sorted[i] ?? "";
        if (!name.startsWith(prefix)) break;
        const record = current(name);
        if (record !== null && skip-- <= 0) found.push({ name, value: record.value });
      }
      return found;
    },
    sweep,
    async close() {
      stopListening();
      await reading.stop();
    },
  };
}

async function readAll(store: Store): Promise<Map<string, Kept>> {
  const kept = new Map<string, Kept>();
  for (let after: string | undefined; ; ) {
    const page = await store.keys(scope, "", pageOfKeys, after);
    for (const { name, value } of page) {
      const record = parseKept(value);
      if (record !== null) kept.set(name, record);
    }
    if (page.length < pageOfKeys) return kept;
    after = page.at(-1)?.name;
  }
}

const room = (name: string, record: Kept | null): number =>
  record === null ? 0 : name.length + record.value.length;

function sizeOf(kept: ReadonlyMap<string, Kept>): number {
  let characters = 0;
  for (const [name, record] of kept) characters += room(name, record);
  return characters;
}

/** Index of the first name that is not before `prefix`. */
function firstAtLeast(names: readonly string[], prefix: string): number {
  let from = 0;
  let to = names.length;
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((names[middle] ?? "") < prefix) from = middle + 1;
    else to = middle;
  }
  return from;
}

function parseKept(text: string): Kept | null {
  const value: unknown = JSON.parse(text);
  if (!isObject(value) || typeof value.value !== "string") return null;
  return { value: value.value, expires: typeof value.expires === "number" ? value.expires : null };
}

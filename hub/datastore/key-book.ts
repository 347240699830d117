/** The shared datastore's keys: in memory for templates, on disk for good. Secrets are sealed in both. */
import { Buffer } from "node:buffer";
import { PetrelError } from "../../shared/errors.ts";
import type { Logger } from "../../shared/log.ts";
import { Rounds } from "../../shared/rounds.ts";
import type { Timers } from "../../shared/timers.ts";
import type { Store } from "../store/store.ts";
import { isCurrent, type KeptKey, keptText, parseKept } from "./kept-key.ts";
import type { KeyScope } from "./key-address.ts";
import { KeyShelf, room } from "./key-shelf.ts";
import type { Vault } from "./vault.ts";

/** Who writes, for those who are told of the change. */
export interface KeyAuthor {
  /** Rules behind the write, the oldest first. */
  readonly lineage?: readonly string[];
}

export interface NewValue extends KeyAuthor {
  readonly value: string;
  /** `null` keeps it for good. */
  readonly ttlSeconds: number | null;
  readonly secret?: boolean;
  /** `value` is a secret that this hub has sealed before. */
  readonly isSealed?: boolean;
}

/** Names are those within the scope: of a user's key `user:name`. */
export interface KeyBook {
  /** `null` when there is none, or its time is over. The value of a secret is sealed. */
  find(scope: KeyScope, name: string): KeptKey | null;
  /** Resolves once on disk, to what is there. KEY_LIMIT when there is no room, KEY_INVALID, KEY_FILE, KEY_UNREADABLE. */
  set(scope: KeyScope, name: string, value: NewValue): Promise<KeptKey>;
  /** False when there was none. */
  delete(scope: KeyScope, name: string, author?: KeyAuthor): Promise<boolean>;
  /** Sorted by name; those behind `after` if given. */
  walk(scope: KeyScope, prefix: string, after?: string): Iterable<readonly [name: string, key: KeptKey]>;
  /** `text` as somebody else may keep it. KEY_INVALID, KEY_FILE. */
  seal(text: string): Promise<string>;
  /** The plain text of a sealed value. Throws KEY_FILE, KEY_UNREADABLE. */
  unseal(sealed: string): string;
  /** Whether any value is a secret. */
  hasSecrets(): boolean;
  /** Removes those whose time is over; resolves to how many. */
  sweep(): Promise<number>;
  close(): Promise<void>;
}

export interface KeyBookOptions {
  readonly store: Store;
  readonly vault: Pick<Vault, "seal" | "unseal">;
  /** Hub time in ms. */
  readonly now: () => number;
  readonly newId: () => string;
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

const scopes: readonly KeyScope[] = ["system", "user"];
const pageOfKeys = 1_000;
const defaultLimits: KeyLimits = { keys: 100_000, characters: 32 * 1024 * 1024 };
/** UTF-8 bytes of a secret: sealed it is a third longer, and an answer has to fit a packet. */
const maxSecretBytes = 64 * 1024;

type Shelves = Readonly<Record<KeyScope, KeyShelf>>;

/** Seconds: a hundred years. Far beyond it no calendar has a name for the time. */
export const longestTtl = 100 * 366 * 86_400;

export async function openKeyBook(options: KeyBookOptions): Promise<KeyBook> {
  const { store, vault, now, newId, timers, jitter, log, limits = defaultLimits } = options;
  let shelves = await readAll(store);
  /** What is written while everything is read again: the reading may have passed it already. */
  let written: [scope: KeyScope, name: string, key: KeptKey | null][] | null = null;
  const reading = new Rounds({
    timers,
    jitter,
    work: async () => {
      written = [];
      try {
        shelves = await readAll(store);
        for (const [scope, name, key] of written) shelves[scope].put(name, key);
      } finally {
        written = null;
      }
    },
    failed: (error, retryMs) =>
      log.error("the datastore's keys could not be read again yet", { error, retry_in_ms: retryMs }),
  });
  // Also of what another process sets.
  const stopListening = store.subscribeChanges(
    (changes) => {
      for (const change of changes) {
        if (change.type === "reopened") void reading.ask();
        if (change.type !== "key" || !isScope(change.scope)) continue;
        const key = change.value === null ? null : parseKept(change.value);
        written?.push([change.scope, change.name, key]);
        shelves[change.scope].put(change.name, key);
      }
    },
    ["key"],
  );

  const find = (scope: KeyScope, name: string): KeptKey | null => {
    const key = shelves[scope].get(name);
    return key !== null && isCurrent(key, now()) ? key : null;
  };
  const told = ({ lineage = [] }: KeyAuthor = {}) => ({ id: newId(), lineage });
  const total = (of: "size" | "characters") => shelves.system[of] + shelves.user[of];
  const hasSecrets = () =>
    scopes.some((scope) => [...shelves[scope].entries()].some(([, key]) => key.secret));

  const fits = (scope: KeyScope, name: string, key: KeptKey): boolean => {
    const before = shelves[scope].get(name);
    const grown = total("characters") + room(name, key) - room(name, before);
    return grown <= limits.characters && (before !== null || total("size") < limits.keys);
  };
  const sweep = async (): Promise<number> => {
    const removed = await Promise.all(
      scopes.flatMap((scope) =>
        [...shelves[scope].entries()]
          .filter(([, key]) => !isCurrent(key, now()))
          // Somebody may be setting it anew at this moment.
          .map(([name, key]) => store.setKey(scope, name, null, { expect: keptText(key), told: told() })),
      ),
    );
    return removed.filter(Boolean).length;
  };

  /** A secret that stays the same keeps its text, so that nobody is told that its value has changed. */
  const sealedText = async (
    scope: KeyScope,
    name: string,
    { value, isSealed }: NewValue,
  ): Promise<string> => {
    const plain = isSealed === true ? vault.unseal(value) : value;
    checkSecret(plain, name);
    const before = shelves[scope].get(name);
    if (before?.secret === true && opens(before.value, plain)) return before.value;
    return isSealed === true ? value : vault.seal(plain, hasSecrets());
  };
  const opens = (sealed: string, plain: string): boolean => {
    try {
      return vault.unseal(sealed) === plain;
    } catch {
      // It is replaced, whatever it was.
      return false;
    }
  };

  return {
    find,
    async set(scope, name, given) {
      const { ttlSeconds } = given;
      if (ttlSeconds !== null && !(ttlSeconds > 0 && ttlSeconds <= longestTtl)) {
        throw new PetrelError("KEY_INVALID", `a key cannot be kept for ${ttlSeconds} seconds`, {
          where: name,
          hint: `write at most ${longestTtl}, or no ttl to keep it for good`,
        });
      }
      const secret = given.secret === true || given.isSealed === true;
      const value = secret ? await sealedText(scope, name, given) : given.value;
      const key: KeptKey = { value, secret, expires: ttlSeconds === null ? null : now() + ttlSeconds * 1000 };
      if (!fits(scope, name, key)) await sweep();
      if (!fits(scope, name, key)) {
        throw new PetrelError(
          "KEY_LIMIT",
          `the datastore has ${total("size")} keys of ${total("characters")} characters; there is no room for more`,
          { where: name, hint: "delete keys that are no longer needed, or give them a ttl" },
        );
      }
      await store.setKey(scope, name, keptText(key), { told: told(given) });
      return key;
    },
    async delete(scope, name, author) {
      const isThere = find(scope, name) !== null;
      if (shelves[scope].get(name) !== null) await store.setKey(scope, name, null, { told: told(author) });
      return isThere;
    },
    *walk(scope, prefix, after) {
      for (const entry of shelves[scope].from(prefix, after)) if (isCurrent(entry[1], now())) yield entry;
    },
    async seal(text) {
      checkSecret(text);
      return vault.seal(text, hasSecrets());
    },
    unseal: (sealed) => vault.unseal(sealed),
    hasSecrets,
    sweep,
    async close() {
      stopListening();
      await reading.stop();
    },
  };
}

function checkSecret(plain: string, name?: string): void {
  if (Buffer.byteLength(plain) <= maxSecretBytes) return;
  throw new PetrelError("KEY_INVALID", `a secret has at most ${maxSecretBytes} bytes`, { where: name });
}

const isScope = (text: string): text is KeyScope => text === "system" || text === "user";

async function readAll(store: Store): Promise<Shelves> {
  const shelves = { system: new KeyShelf(), user: new KeyShelf() };
  for (const scope of scopes) {
    for (let after: string | undefined; ; ) {
      const page = await store.keys(scope, "", pageOfKeys, after);
      for (const { name, value } of page) {
        const key = parseKept(value);
        if (key !== null) shelves[scope].put(name, key);
      }
      if (page.length < pageOfKeys) break;
      after = page.at(-1)?.name;
    }
  }
  return shelves;
}

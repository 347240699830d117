/** The keys of the HTTP API: in memory to be looked up, on disk for good; made, changed and removed here. */
import { isDeepStrictEqual } from "node:util";
import { type RandomBytes, timestamp } from "../../shared/clock.ts";
import { PetrelError } from "../../shared/errors.ts";
import type { Logger } from "../../shared/log.ts";
import type { ApiKeyRecord, ApiRole } from "../../shared/model/api-key.ts";
import { Rounds } from "../../shared/rounds.ts";
import type { Timers } from "../../shared/timers.ts";
import { systemUser } from "../rules/enforce.ts";
import type { Store } from "../store/store.ts";
import { type Authority, isScope, mayHandOut } from "./authority.ts";
import { digestOf, isDigestOf, keyId, makeKey } from "./key-form.ts";

/** Who asks. */
export interface Caller extends Authority {
  /** Id of the key; `local` for the one in api.json. */
  readonly id: string;
  /** The key in api.json: who can read it acts for whom they say, since the file is the hub's own account's. */
  readonly isLocal: boolean;
}

export type Identified = { readonly caller: Caller } | { readonly why: string };

export interface NewApiKey {
  readonly name: string;
  readonly role: ApiRole;
  readonly scopes: readonly string[];
  /** Seconds; `null`: it never expires. */
  readonly ttl: number | null;
}

export interface ApiKeyChange {
  readonly role?: ApiRole | undefined;
  readonly scopes?: readonly string[] | undefined;
  readonly enabled?: boolean | undefined;
  /** Seconds from now; `null`: it never expires. */
  readonly ttl?: number | null | undefined;
}

export interface ApiKeysOptions {
  readonly store: Pick<Store, "apiKeys" | "putApiKey" | "removeApiKey" | "subscribeChanges">;
  /** The key in api.json. */
  readonly localKey: string;
  /** Hub time in ms. */
  readonly now: () => number;
  readonly newId: () => string;
  readonly random: RandomBytes;
  readonly timers: Timers;
  readonly jitter: () => number;
  readonly log: Logger;
}

/** Name of those who come with the key in api.json and do not say who they are. */
export const localUser = "api";
export const localKeyId = "local";
const local: Caller = { id: localKeyId, name: localUser, role: "admin", scopes: [], isLocal: true };

/** Others act under these names. */
const reservedNames: ReadonlySet<string> = new Set([localUser, systemUser]);

/** A use is written down this often at most. */
const noteUseMs = 60_000;
const mostKeys = 10_000;
const attempts = 20;

export class ApiKeys {
  readonly #options: ApiKeysOptions;
  readonly #localDigest: string;
  readonly #stopListening: () => void;
  readonly #reading: Rounds;
  #keys: ReadonlyMap<string, ApiKeyRecord> = new Map();
  /** Told while everything is read again: the reading may have passed it already. */
  #told: Map<string, ApiKeyRecord | null> | null = null;
  /** Uses that are being written. */
  readonly #noting = new Map<string, Promise<void>>();

  private constructor(options: ApiKeysOptions) {
    const { store, timers, jitter, log } = options;
    this.#options = options;
    this.#localDigest = digestOf(options.localKey);
    this.#reading = new Rounds({
      timers,
      jitter,
      work: () => this.#read(),
      failed: (error, retryMs) =>
        log.error("the keys of the API could not be read again yet", { error, retry_in_ms: retryMs }),
    });
    this.#stopListening = store.subscribeChanges(
      (changes) => {
        for (const change of changes) {
          if (change.type === "reopened") void this.#reading.ask();
          else if (change.type === "api-key") this.#put(change.id, change.key);
        }
      },
      ["api-key"],
    );
  }

  static async open(options: ApiKeysOptions): Promise<ApiKeys> {
    const keys = new ApiKeys(options);
    await keys.#read();
    return keys;
  }

  /** In the order of their making. */
  all(): readonly ApiKeyRecord[] {
    return [...this.#keys.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  get(id: string): ApiKeyRecord {
    const key = this.#keys.get(id);
    if (key !== undefined) return key;
    throw new PetrelError("NOT_FOUND", `no API key has the id ${id.slice(0, 80)}`, {
      hint: "`petrel apikey list` shows all",
    });
  }

  /** Whose key this is; `why` it is nobody's otherwise, which says no more than its holder knows. */
  identify(presented: string): Identified {
    const id = keyId(presented);
    if (id === null) {
      return isDigestOf(this.#localDigest, presented)
        ? { caller: local }
        : { why: "this API key is not known" };
    }
    const key = this.#keys.get(id);
    // Compared even if there is none: the time it takes says nothing of which ids there are.
    const isRight = isDigestOf(key?.digest ?? this.#localDigest, presented);
    if (key === undefined || !isRight) return { why: "this API key is not known" };
    const why = this.#unusable(key);
    if (why !== null) return { why };
    return { caller: { id, name: key.name, role: key.role, scopes: key.scopes, isLocal: false } };
  }

  /** Whether a caller that was identified before still may do what it then might. */
  isCurrent(caller: Caller): boolean {
    if (caller.isLocal) return true;
    const key = this.#keys.get(caller.id);
    if (key === undefined || this.#unusable(key) !== null) return false;
    return key.role === caller.role && isDeepStrictEqual(key.scopes, caller.scopes);
  }

  /** Notes a use, some time after it. */
  used(caller: Caller, address: string): void {
    const key = this.#keys.get(caller.id);
    if (key === undefined || this.#noting.has(key.id)) return;
    const now = this.#options.now();
    const last = key.last_used_at === null ? Number.NEGATIVE_INFINITY : Date.parse(key.last_used_at);
    if (now - last < noteUseMs) return;
    const next = { ...key, last_used_at: timestamp(now), last_used_from: address, rev: key.rev + 1 };
    const noted = this.#options.store.putApiKey(next, key.rev).then(
      () => {},
      (error: unknown) =>
        this.#options.log.warn("the use of a key could not be noted", { key: key.id, error }),
    );
    this.#noting.set(
      key.id,
      noted.finally(() => this.#noting.delete(key.id)),
    );
  }

  /** The new record, and the key itself, which nobody can show again. APIKEY_INVALID, API_FORBIDDEN. */
  async create(
    asked: NewApiKey,
    by: Caller,
  ): Promise<{ readonly record: ApiKeyRecord; readonly key: string }> {
    const { store, now, newId, random } = this.#options;
    checkScopes(asked.scopes);
    requireMore(by, asked);
    if (this.#keys.size >= mostKeys) {
      throw new PetrelError("APIKEY_INVALID", `there are ${mostKeys} API keys already`, {
        hint: "delete those that nobody uses: `petrel apikey list` shows when each was used last",
      });
    }
    const sameName = this.all().find(({ name }) => name === asked.name);
    if (reservedNames.has(asked.name) || sameName !== undefined) {
      throw new PetrelError("ALREADY_EXISTS", `there is an API key with the name '${asked.name}'`, {
        where: "name",
        hint: "choose another name, or delete that key first: the log tells people apart by it",
      });
    }
    const id = newId();
    const key = makeKey(id, random);
    const at = now();
    const record: ApiKeyRecord = {
      id,
      name: asked.name,
      role: asked.role,
      scopes: asked.scopes,
      digest: digestOf(key),
      enabled: true,
      created_at: timestamp(at),
      created_by: by.name,
      expires_at: expiry(at, asked.ttl),
      last_used_at: null,
      last_used_from: null,
      rev: 1,
    };
    await store.putApiKey(record, null);
    return { record, key };
  }

  /** NOT_FOUND, APIKEY_INVALID, API_FORBIDDEN. */
  async change(id: string, change: ApiKeyChange, by: Caller): Promise<ApiKeyRecord> {
    const { store, now } = this.#options;
    if (change.scopes !== undefined) checkScopes(change.scopes);
    for (let attempt = 0; attempt < attempts; attempt++) {
      const before = this.get(id);
      const next: ApiKeyRecord = {
        ...before,
        role: change.role ?? before.role,
        scopes: change.scopes ?? before.scopes,
        enabled: change.enabled ?? before.enabled,
        expires_at: change.ttl === undefined ? before.expires_at : expiry(now(), change.ttl),
        rev: before.rev + 1,
      };
      requireMore(by, next);
      if (await store.putApiKey(next, before.rev)) return next;
    }
    throw new PetrelError("STORE_WRITE", `the API key ${id} is being changed by others all the time`);
  }

  /** NOT_FOUND, API_FORBIDDEN. */
  async remove(id: string, by: Caller): Promise<ApiKeyRecord> {
    const key = this.get(id);
    requireMore(by, key);
    if (!(await this.#options.store.removeApiKey(id))) this.get(id);
    return key;
  }

  async close(): Promise<void> {
    this.#stopListening();
    await this.#reading.stop();
    await Promise.all(this.#noting.values());
  }

  async #read(): Promise<void> {
    const told = new Map<string, ApiKeyRecord | null>();
    this.#told = told;
    try {
      const keys = await this.#options.store.apiKeys();
      this.#keys = new Map(keys.map((key) => [key.id, key]));
    } finally {
      this.#told = null;
    }
    for (const [id, key] of told) this.#put(id, key);
  }

  #put(id: string, key: ApiKeyRecord | null): void {
    this.#told?.set(id, key);
    const keys = new Map(this.#keys);
    if (key === null) keys.delete(id);
    else keys.set(id, key);
    this.#keys = keys;
  }

  #unusable({ enabled, expires_at }: ApiKeyRecord): string | null {
    if (!enabled) return "this API key is disabled";
    if (expires_at !== null && Date.parse(expires_at) <= this.#options.now()) {
      return `this API key has expired (${expires_at})`;
    }
    return null;
  }
}

const expiry = (now: number, ttl: number | null) => (ttl === null ? null : timestamp(now + ttl * 1000));

function checkScopes(scopes: readonly string[]): void {
  const wrong = scopes.find((scope) => !isScope(scope));
  if (wrong === undefined) return;
  throw new PetrelError("APIKEY_INVALID", `'${wrong.slice(0, 80)}' is no scope`, {
    where: "scopes",
    hint: "write NOUN, NOUN:VERB or NOUN:VERB:REF, such as action:run:mypack.deploy",
  });
}

function requireMore(by: Caller, key: Pick<ApiKeyRecord, "role" | "scopes">): void {
  if (mayHandOut(by, key)) return;
  throw new PetrelError("API_FORBIDDEN", `${by.name} has scopes, and a key with scopes handles no keys`, {
    where: "apikey",
    hint: "use a key of the role admin without scopes",
  });
}

/** The local part of the datastore: values of one sensor or action class, kept on its host (st2 docs, Datastore). */
import { PetrelError } from "../../shared/errors.ts";
import type { StoreOp } from "../../shared/storage/committer-store.ts";
import type { Database } from "../../shared/storage/database-store.ts";
import { agentKey, agentKeys, agentRange } from "../store/keys.ts";

/** Values one owner may have; names and expiry of all of them are in memory while it is used. */
export const maxLocalValues = 10_000;
/** Characters of the values in one answer. */
export const maxListLength = 4 * 1024 * 1024;
/** As StackStorm's page size (`api.max_page_size`). */
const defaultListLimit = 100;

interface StoredValue {
  readonly value: string;
  /** Epoch milliseconds. */
  readonly expires?: number;
}

/** `null` deletes. Seconds. */
export interface ValueChange {
  readonly name: string;
  readonly value: string | null;
  readonly ttl?: number | null | undefined;
}

/** Changes ready to be written together with something else; `commit` once they are on disk. */
export interface ValuePlan {
  readonly ops: readonly StoreOp[];
  readonly commit: () => void;
}

export interface LocalValuesOptions {
  readonly database: Pick<Database, "level" | "committer">;
  readonly now: () => number;
}

/** The values of one owner (`pack.ClassName`). */
export class LocalValues {
  readonly #options: LocalValuesOptions;
  readonly #owner: string;
  /** Names to epoch milliseconds of expiry, `null` for never. */
  readonly #names: Map<string, number | null>;

  private constructor(options: LocalValuesOptions, owner: string, names: Map<string, number | null>) {
    this.#options = options;
    this.#owner = owner;
    this.#names = names;
  }

  /** Learns the owner's names, and removes what has expired. */
  static async open(options: LocalValuesOptions, owner: string): Promise<LocalValues> {
    const names = new Map<string, number | null>();
    const range = agentRange(agentKey(agentKeys.localValue, owner));
    for await (const [key, text] of options.database.level.iterator(range)) {
      names.set(key.slice(range.gt.length), (JSON.parse(text) as StoredValue).expires ?? null);
    }
    const values = new LocalValues(options, owner, names);
    const expired = [...names.keys()].filter((name) => !values.#isHeld(name));
    if (expired.length > 0) await values.#write(expired.map((name) => ({ name, value: null })));
    return values;
  }

  async get(name: string): Promise<string | null> {
    if (!this.#isHeld(name)) return null;
    return this.#read(name);
  }

  /** Resolves once on disk. KEY_LIMIT when there are too many; `ttl` in seconds. */
  async set(name: string, value: string, ttl: number | null = null): Promise<void> {
    await this.#write([{ name, value, ttl }]);
  }

  /** True if there was such a value. */
  async delete(name: string): Promise<boolean> {
    const isHeld = this.#isHeld(name);
    if (this.#names.has(name)) await this.#write([{ name, value: null }]);
    return isHeld;
  }

  /** In order of name. Throws KEY_LIMIT when the page would not fit a line of the sensor protocol. */
  async list(
    prefix: string,
    limit: number = defaultListLimit,
    offset = 0,
  ): Promise<readonly { readonly name: string; readonly value: string }[]> {
    const found = [...this.#names.keys()].filter((name) => name.startsWith(prefix) && this.#isHeld(name));
    const page = found.sort().slice(offset, offset + limit);
    const values = await Promise.all(page.map((name) => this.#read(name)));
    const length = values.reduce((sum, value) => sum + (value?.length ?? 0), 0);
    if (length > maxListLength) {
      throw new PetrelError(
        "KEY_LIMIT",
        `${page.length} values of ${this.#owner} have ${length} characters`,
        {
          hint: "ask for fewer at once, by `limit` and `offset`",
        },
      );
    }
    return page.flatMap((name, at) => {
      const value = values[at] ?? null;
      return value === null ? [] : [{ name, value }];
    });
  }

  /** Changes to be written with something else. Throws KEY_LIMIT. */
  plan(changes: readonly ValueChange[]): ValuePlan {
    const after = new Map<string, number | null>();
    const ops = changes.map(({ name, value, ttl }): StoreOp => {
      const key = this.#key(name);
      if (value === null) {
        after.delete(name);
        return { type: "del", key };
      }
      const expires = typeof ttl === "number" ? this.#options.now() + Math.round(ttl * 1000) : null;
      after.set(name, expires);
      const stored: StoredValue = { value, ...(expires !== null && { expires }) };
      return { type: "put", key, value: JSON.stringify(stored) };
    });
    const added = [...after.keys()].filter((name) => !this.#names.has(name)).length;
    const isCrowded = added > 0 && this.#names.size + added > maxLocalValues;
    // Their time was over: they only make way when there is need.
    const expired = isCrowded
      ? [...this.#names.keys()].filter((name) => !this.#isHeld(name) && !after.has(name))
      : [];
    if (isCrowded && this.#names.size - expired.length + added > maxLocalValues) {
      throw new PetrelError("KEY_LIMIT", `${this.#owner} has ${maxLocalValues} local values already`, {
        hint: "delete values that are no longer needed, or give them a ttl",
      });
    }
    const commit = () => {
      for (const name of [...expired, ...changes.map((change) => change.name)]) this.#names.delete(name);
      for (const [name, expires] of after) this.#names.set(name, expires);
    };
    const removed = expired.map((name): StoreOp => ({ type: "del", key: this.#key(name) }));
    return { ops: [...removed, ...ops], commit };
  }

  async #write(changes: readonly ValueChange[]): Promise<void> {
    const { ops, commit } = this.plan(changes);
    const bytes = changes.reduce((sum, { name, value }) => sum + name.length + (value?.length ?? 0), 64);
    await this.#options.database.committer.commit({ ops, bytes, source: this.#owner });
    commit();
  }

  async #read(name: string): Promise<string | null> {
    const text = await this.#options.database.level.get(this.#key(name));
    return text === undefined ? null : (JSON.parse(text) as StoredValue).value;
  }

  #key(name: string): string {
    return agentKey(agentKeys.localValue, this.#owner, name);
  }

  #isHeld(name: string): boolean {
    const expires = this.#names.get(name);
    if (expires === undefined) return false;
    return expires === null || expires > this.#options.now();
  }
}

/** The local values of every owner of this agent. */
export class LocalValuesStore {
  readonly #options: LocalValuesOptions;
  readonly #owners = new Map<string, Promise<LocalValues>>();

  constructor(options: LocalValuesOptions) {
    this.#options = options;
  }

  /** The same object for the same owner, so that its figures are always those of the disk. */
  of(owner: string): Promise<LocalValues> {
    const known = this.#owners.get(owner);
    if (known !== undefined) return known;
    const opened = LocalValues.open(this.#options, owner);
    this.#owners.set(owner, opened);
    // A failed opening is tried again by the next caller.
    opened.catch(() => this.#owners.delete(owner));
    return opened;
  }
}

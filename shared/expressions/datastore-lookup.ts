/** `st2kv.system.a.b`: datastore keys by attribute chains, looked up when the value is needed. */

import { isObject } from "../json.ts";
import { fail } from "./python/values.ts";

/** Reads one key; `undefined` when there is none. */
export type KeySource = (name: string) => string | undefined;

/** What templates may read of the datastore. */
export interface TemplateKeys {
  readonly system: KeySource;
  /** Keys of the user on whose behalf the template is rendered. */
  readonly user?: KeySource;
  /** The plain text of a secret, for the filter `decrypt_kv`. Throws where it cannot be had. */
  readonly unseal?: (sealed: string) => string;
}

interface LookupSource {
  readonly read: KeySource;
  readonly unseal: TemplateKeys["unseal"];
}

/**
 * A place in the datastore that a template has named so far. Each further attribute lengthens the key, so keys may
 * contain dots, and one key may be the prefix of another. A scope's root has no key of its own.
 */
export class KeyLookup {
  readonly #source: LookupSource;
  readonly #path: string;
  readonly #parent: KeyLookup | null;
  readonly #last: string;

  constructor(source: LookupSource, parent: KeyLookup | null = null, last = "") {
    this.#source = source;
    this.#parent = parent;
    this.#last = last;
    this.#path = parent === null || parent.#path === "" ? last : `${parent.#path}.${last}`;
  }

  member(name: string): KeyLookup {
    return new KeyLookup(this.#source, this, name);
  }

  get key(): string {
    return this.#path;
  }

  /** Fails with the template where no secrets can be read. */
  unseal(sealed: string): string {
    const { unseal } = this.#source;
    return unseal === undefined ? fail("there are no secrets of the datastore here") : unseal(sealed);
  }

  /** The last attribute and the value before it, in case `….upper()` means a method of the text. */
  get method(): { readonly of: string; readonly name: string } | null {
    const of = this.#parent === null || this.#parent.#path === "" ? undefined : this.#parent.value;
    return of === undefined ? null : { of, name: this.#last };
  }

  /** The key's text; `undefined` when the datastore has no such key. */
  get value(): string | undefined {
    return this.#path === "" ? undefined : this.#source.read(this.#path);
  }
}

/**
 * A value that is not there and yet no error: a missing datastore key, or an inline `if` without `else`. Empty as
 * text, false, replaced by `default()`; attributes of a missing key name longer keys.
 */
export class Missing {
  readonly lookup: KeyLookup | null;
  constructor(lookup: KeyLookup | null) {
    this.lookup = lookup;
  }
}

/** The `st2kv` object of a scope: `system` and `user` keys. A user's keys are stored as `user:name`. */
export function datastoreContext({
  system,
  user = () => undefined,
  unseal,
}: TemplateKeys): Readonly<Record<"system" | "user", KeyLookup>> {
  return { system: new KeyLookup({ read: system, unseal }), user: new KeyLookup({ read: user, unseal }) };
}

/** The plain text of a secret, for a template in whose names the datastore is. */
export function unsealed(names: Readonly<Record<string, unknown>>, sealed: string): string {
  const { st2kv } = names;
  const { system } = isObject(st2kv) ? st2kv : {};
  if (system instanceof KeyLookup) return system.unseal(sealed);
  return fail("the datastore is not there");
}

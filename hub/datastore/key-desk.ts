/** Keys of the datastore for people: listed, read, set and deleted one by one. */
import { isPetrelError, PetrelError } from "../../shared/errors.ts";
import type { Page, PageOf } from "../store/port/page.ts";
import type { KeptKey } from "./kept-key.ts";
import { addressOf, type KeyAddress, type KeyScope, storedName } from "./key-address.ts";
import { maxValueLength } from "./key-answers.ts";
import type { KeyBook } from "./key-book.ts";
import { type KeyView, keyView } from "./key-view.ts";

export interface KeyQuery {
  readonly scopes: readonly KeyScope[];
  /** Whose keys of scope user; `null`: everybody's. */
  readonly user: string | null;
  readonly prefix: string;
  /** Shows secrets. */
  readonly decrypt: boolean;
  /** Keys to skip, on the first page. */
  readonly offset: number;
}

export interface KeyRequest {
  readonly value: string;
  /** Seconds; without it, for good. */
  readonly ttl?: number | undefined;
  /** Keeps it encrypted. */
  readonly secret?: boolean | undefined;
  /** `value` is the sealed text of a secret of this hub; implies `secret`. */
  readonly encrypted?: boolean | undefined;
}

export class KeyDesk {
  readonly #keys: KeyBook;

  constructor(keys: KeyBook) {
    this.#keys = keys;
  }

  /** KEY_FILE, KEY_UNREADABLE when secrets are asked for and one cannot be had. */
  list(query: KeyQuery, { limit, cursor }: Page): PageOf<KeyView> {
    const [last, behind] = placeOf(cursor);
    const rows: [id: string, view: KeyView][] = [];
    let skip = cursor === undefined ? query.offset : 0;
    for (const scope of query.scopes) {
      if (last !== null && query.scopes.indexOf(scope) < query.scopes.indexOf(last)) continue;
      for (const [address, key] of this.#walk(scope, query, scope === last ? behind : undefined)) {
        if (skip-- > 0) continue;
        const end = rows.at(-1);
        if (rows.length === limit && end !== undefined) {
          return { items: rows.map(([, view]) => view), cursor: end[0] };
        }
        rows.push([`${scope}/${storedName(address)}`, this.#view(address, key, query.decrypt)]);
      }
    }
    return { items: rows.map(([, view]) => view) };
  }

  /** NOT_FOUND, and as `list`. */
  get(address: KeyAddress, decrypt: boolean): KeyView {
    const key = this.#keys.find(address.scope, storedName(address));
    if (key === null) throw notFound(address);
    return this.#view(address, key, decrypt);
  }

  /** KEY_INVALID, KEY_LIMIT, KEY_FILE, KEY_UNREADABLE. */
  async set(address: KeyAddress, { value, ttl, secret, encrypted }: KeyRequest): Promise<KeyView> {
    if (encrypted !== true && value.length > maxValueLength) {
      throw new PetrelError("KEY_INVALID", `a datastore value has at most ${maxValueLength} characters`, {
        where: storedName(address),
      });
    }
    const kept = await this.#keys.set(address.scope, storedName(address), {
      value,
      ttlSeconds: ttl ?? null,
      secret: secret === true,
      isSealed: encrypted === true,
    });
    return keyView(address, kept);
  }

  /** NOT_FOUND. */
  async delete(address: KeyAddress): Promise<void> {
    if (!(await this.#keys.delete(address.scope, storedName(address)))) throw notFound(address);
  }

  *#walk(
    scope: KeyScope,
    { user, prefix }: KeyQuery,
    after: string | undefined,
  ): Generator<[address: KeyAddress, key: KeptKey]> {
    const isOfAll = scope === "user" && user === null;
    const start = isOfAll ? "" : storedName({ scope, user: scope === "user" ? user : null, name: prefix });
    for (const [stored, key] of this.#keys.walk(scope, start, after)) {
      const address = addressOf(scope, stored);
      if (!isOfAll || address.name.startsWith(prefix)) yield [address, key];
    }
  }

  #view(address: KeyAddress, key: KeptKey, decrypt: boolean): KeyView {
    if (!decrypt || !key.secret) return keyView(address, key);
    try {
      return keyView(address, key, this.#keys.unseal(key.value));
    } catch (error) {
      if (!isPetrelError(error)) throw error;
      const { code, message, hint } = error;
      throw new PetrelError(code, message, { where: storedName(address), hint, cause: error });
    }
  }
}

function placeOf(cursor: string | undefined): readonly [KeyScope | null, string | undefined] {
  const [, scope, name] = /^(system|user)\/(.*)$/s.exec(cursor ?? "") ?? [];
  return scope === undefined ? [null, undefined] : [scope === "user" ? "user" : "system", name];
}

function notFound({ scope, user, name }: KeyAddress): PetrelError {
  const whose = user === null ? "" : ` of user ${user}`;
  return new PetrelError("NOT_FOUND", `no datastore key '${name}'${whose}`, {
    hint:
      scope === "user" ? "`petrel key list --scope all` shows all" : "`petrel key list` shows what there is",
  });
}

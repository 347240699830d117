/** How scopes and the log of requests name a datastore key. Pure. */
import { isObject } from "../../shared/json.ts";
import { isUserScope, type KeyAddress } from "../datastore/key-address.ts";

/**
 * `foo` in scope system, `user:alice:foo` of a user. One in scope system whose name looks like the latter is
 * `system:user:alice:foo`, and so on: two keys never have one ref.
 */
export function keyRef({ user, name }: Pick<KeyAddress, "user" | "name">): string {
  if (user !== null) return `user:${user}:${name}`;
  return marked.test(name) ? `system:${name}` : name;
}

/** Of the key that a request names by its path and its query; `asker`: whose it is when the query does not say. */
export function askedKeyRef(name: string, query: unknown, asker: string): string {
  const { scope, user } = isObject(query) ? query : {};
  if (!isUserScope(scope)) return keyRef({ user: null, name });
  return keyRef({ user: typeof user === "string" ? user : asker, name });
}

const marked = /^(?:user|system):/;

/** Whether a scope that ends in `*` is about such keys at all: `u*` is about names of scope system, and no user's. */
export function isSameKind(scopeRef: string, ref: string): boolean {
  const [mark] = marked.exec(ref) ?? [];
  return mark === undefined || scopeRef.startsWith(mark);
}

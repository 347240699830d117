/** Decides whether a role and the scopes of a key allow what is asked for. */
import { PetrelError } from "../../shared/errors.ts";
import type { ApiRole } from "../../shared/model/api-key.ts";
import { isSameKind } from "./key-ref.ts";
import type { Permission } from "./permissions.ts";

/** What a role may besides its own. */
const includes: Readonly<Record<ApiRole, readonly ApiRole[]>> = {
  webhook: ["webhook"],
  observer: ["observer"],
  operator: ["operator", "observer", "webhook"],
  admin: ["admin", "operator", "observer", "webhook"],
};

export interface Authority {
  readonly name: string;
  readonly role: ApiRole;
  readonly scopes: readonly string[];
}

type Asked = Pick<Permission, "noun" | "verb" | "role">;

const scopeShape = /^([a-z-]+|\*)(?::([a-z0-9-]+|\*)(?::(\S{1,300}))?)?$/;

/** True for `noun`, `noun:verb`, `noun:verb:ref`; `*` stands for any noun or verb, and at its end for the rest of a ref. */
export const isScope = (text: string): boolean => scopeShape.test(text);

function covers(scope: string, { noun, verb }: Asked, ref: string | null | undefined): boolean {
  const [, scopeNoun, scopeVerb = "*", scopeRef = "*"] = scopeShape.exec(scope) ?? [];
  if (scopeNoun !== "*" && scopeNoun !== noun) return false;
  if (scopeVerb !== "*" && scopeVerb !== verb) return false;
  // Not known yet: it is looked at again once it is.
  if (ref === undefined || scopeRef === "*") return true;
  if (ref === null) return false;
  if (noun === "key" && !isSameKind(scopeRef, ref)) return false;
  return scopeRef.endsWith("*") ? ref.startsWith(scopeRef.slice(0, -1)) : ref === scopeRef;
}

/**
 * Throws API_FORBIDDEN that names what would be needed. `ref` is what it is asked of, `null` when that has no name,
 * `undefined` while it is not known.
 */
export function requireAuthority(who: Authority, asked: Asked, ref: string | null | undefined): void {
  const what = `${asked.noun} ${asked.verb}`;
  if (!includes[who.role].includes(asked.role)) {
    throw new PetrelError(
      "API_FORBIDDEN",
      `'${what}' needs the role ${asked.role}; ${who.name} is ${who.role}`,
      {
        where: what,
        hint: "an admin makes keys: `petrel apikey create NAME --role ROLE`",
      },
    );
  }
  if (who.scopes.length === 0 || who.scopes.some((scope) => covers(scope, asked, ref))) return;
  const named = typeof ref === "string" ? `:${ref}` : "";
  throw new PetrelError(
    "API_FORBIDDEN",
    `'${what}' is none of the scopes of ${who.name} (${who.scopes.join(", ")})`,
    { where: what, hint: `it needs the scope ${asked.noun}:${asked.verb}${named}` },
  );
}

/** True when everything that `inner` may `outer` may too: nobody hands out more than they have. */
export function mayHandOut(outer: Authority, inner: Pick<Authority, "role" | "scopes">): boolean {
  if (!includes[outer.role].includes(inner.role)) return false;
  return outer.scopes.length === 0;
}

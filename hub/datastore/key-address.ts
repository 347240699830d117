/** Where a key is: for everybody (`system`), or of one user. A user's keys are stored as `user:name`, as in StackStorm. */
import { PetrelError } from "../../shared/errors.ts";

export type KeyScope = "system" | "user";

export interface KeyAddress {
  readonly scope: KeyScope;
  /** `null` in scope `system`. */
  readonly user: string | null;
  readonly name: string;
}

export const maxNameLength = 512;
const maxUserLength = 256;

/** StackStorm's long names are taken as well. */
const scopes: Readonly<Record<string, KeyScope>> = {
  system: "system",
  user: "user",
  "st2kv.system": "system",
  "st2kv.user": "user",
};

/** Every spelling of a scope that is taken. */
export const scopeNames: readonly string[] = Object.keys(scopes);

/** Throws KEY_INVALID. */
export function scopeOf(text: string): KeyScope {
  const scope = Object.hasOwn(scopes, text) ? scopes[text] : undefined;
  if (scope !== undefined) return scope;
  throw new PetrelError("KEY_INVALID", `'${text.slice(0, 80)}' is no scope of the datastore`, {
    hint: "there are system and user",
  });
}

/** False for what is no scope, too. */
export function isUserScope(text: unknown): boolean {
  return typeof text === "string" && Object.hasOwn(scopes, text) && scopes[text] === "user";
}

/** Throws KEY_INVALID for a name or user that cannot be stored: one that is no well-formed text would be another later. */
export function checkedAddress(scope: KeyScope, user: string | null, name: string): KeyAddress {
  if (name === "" || name.length > maxNameLength || !name.isWellFormed()) {
    throw new PetrelError("KEY_INVALID", `a datastore key is a text of 1 to ${maxNameLength} characters`);
  }
  if (scope === "system") return { scope, user: null, name };
  if (user !== null && isUser(user)) return { scope, user, name };
  throw new PetrelError("KEY_INVALID", "a key of scope user needs the user whose it is", {
    where: name,
    hint: `a user's name has 1 to ${maxUserLength} characters and no colon`,
  });
}

/** A colon ends the user in the stored name. */
export function isUser(text: string): boolean {
  return text !== "" && text.length <= maxUserLength && text.isWellFormed() && !text.includes(":");
}

/** The name within its scope. */
export function storedName({ user, name }: KeyAddress): string {
  return user === null ? name : `${user}:${name}`;
}

export function addressOf(scope: KeyScope, stored: string): KeyAddress {
  const colon = stored.indexOf(":");
  if (scope === "system" || colon < 0) return { scope, user: null, name: stored };
  return { scope, user: stored.slice(0, colon), name: stored.slice(colon + 1) };
}

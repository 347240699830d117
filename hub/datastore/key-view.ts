/** A datastore key as people and rules see it, in StackStorm's fields. A secret is masked unless it was asked for. */
import { timestamp } from "../../shared/clock.ts";
import { mask } from "../secrets/mask.ts";
import type { KeptKey } from "./kept-key.ts";
import { type KeyAddress, storedName } from "./key-address.ts";

export interface KeyView {
  readonly uid: string;
  readonly name: string;
  readonly scope: "st2kv.system" | "st2kv.user";
  readonly user: string | null;
  readonly value: string;
  readonly secret: boolean;
  /** The value is not the plain one. */
  readonly encrypted: boolean;
  /** RFC 3339. */
  readonly expire_timestamp: string | null;
}

/** `plain`: the value of a secret, for who may see it. */
export function keyView(address: KeyAddress, kept: KeptKey, plain: string | null = null): KeyView {
  const { name, user } = address;
  const { secret, expires } = kept;
  const scope = `st2kv.${address.scope}` as const;
  return {
    uid: `key_value_pair:${scope}:${storedName(address)}`,
    name,
    scope,
    user,
    value: secret ? (plain ?? mask) : kept.value,
    secret,
    encrypted: secret && plain === null,
    expire_timestamp: expires === null ? null : timestamp(expires),
  };
}

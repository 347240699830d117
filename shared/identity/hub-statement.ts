/**
 * Which keys speak for the hub, as the fleet's root key says. An agent has the root key from its enrolment and takes any
 * statement of it, so that a hub can have new keys while the agent is off; the serial number only ever rises, so that
 * keys which were taken away cannot come back with an old statement.
 */
import type { KeyObject } from "node:crypto";
import { isObject } from "../json.ts";
import { isSigned, publicKeyPattern, signature } from "./ed25519.ts";

export interface HubStatement {
  readonly v: 1;
  /** 1 and up: of two statements the higher counts. */
  readonly serial: number;
  /** RFC 3339: for people; nothing is judged by it, since an agent's clock may be wrong. */
  readonly at: string;
  /** Public keys that may sign for the hub; the first is the one in use. */
  readonly keys: readonly string[];
  /** By the root key. */
  readonly signature: string;
}

/** Of old keys beside the one in use. */
export const mostHubKeys = 8;

/** JSON Schema, for where a statement travels. */
export const hubStatementSchema = {
  type: "object",
  required: ["v", "serial", "at", "keys", "signature"],
  properties: {
    v: { const: 1 },
    serial: { type: "integer", minimum: 1, maximum: Number.MAX_SAFE_INTEGER },
    at: { type: "string", maxLength: 40 },
    keys: {
      type: "array",
      minItems: 1,
      maxItems: mostHubKeys,
      items: { type: "string", pattern: publicKeyPattern },
    },
    signature: { type: "string", pattern: "^[A-Za-z0-9_-]{86}$" },
  },
} as const;

export function signStatement(statement: Omit<HubStatement, "signature">, root: KeyObject): HubStatement {
  return { ...statement, signature: signature(root, signedBytes(statement)) };
}

/** The statement, when the root key signed it; `null` for anything else. Never throws. */
export function checkStatement(value: unknown, root: KeyObject): HubStatement | null {
  if (!isStatement(value) || !isSigned(root, value.signature, signedBytes(value))) return null;
  const { v, serial, at, keys, signature: signed } = value;
  return { v, serial, at, keys: [...keys], signature: signed };
}

function signedBytes({ serial, at, keys }: Omit<HubStatement, "signature">): Uint8Array {
  return Buffer.from(`petrel hub keys 1\0${JSON.stringify([serial, at, keys])}`);
}

function isStatement(value: unknown): value is HubStatement {
  if (!isObject(value)) return false;
  const { v, serial, at, keys, signature: signed } = value;
  return (
    v === 1 &&
    Number.isSafeInteger(serial) &&
    Number(serial) >= 1 &&
    typeof at === "string" &&
    typeof signed === "string" &&
    Array.isArray(keys) &&
    keys.length >= 1 &&
    keys.length <= mostHubKeys &&
    keys.every((key) => typeof key === "string" && new RegExp(publicKeyPattern).test(key))
  );
}

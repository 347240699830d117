/** The keys that a file for `petrel key load` names: StackStorm's fields, or what `petrel key list --json` prints. Pure. */
import { PetrelError } from "../../../shared/errors.ts";
import { isObject, type Json } from "../../../shared/json.ts";
import { checksWith } from "../../../shared/validation.ts";
import { mask } from "../../secrets/mask.ts";

export interface LoadedKey {
  readonly name: string;
  readonly scope: string;
  /** `null`: whoever loads it. */
  readonly user: string | null;
  readonly body: {
    readonly value: string;
    readonly ttl?: number;
    readonly secret?: boolean;
    readonly encrypted?: boolean;
  };
}

interface Row {
  readonly name: string;
  readonly value: Json;
  readonly scope?: string;
  readonly user?: string | null;
  readonly secret?: boolean;
  readonly encrypted?: boolean;
  readonly ttl?: number | null;
  readonly expire_timestamp?: string | null;
}

const isRow = checksWith({ allErrors: true, allowUnionTypes: true })<Row>({
  type: "object",
  required: ["name", "value"],
  additionalProperties: false,
  properties: {
    name: { type: "string", minLength: 1, maxLength: 512 },
    value: {},
    scope: { enum: ["system", "user", "st2kv.system", "st2kv.user"] },
    user: { type: ["string", "null"] },
    secret: { type: "boolean" },
    encrypted: { type: "boolean" },
    ttl: { type: ["number", "null"], exclusiveMinimum: 0 },
    expire_timestamp: { type: ["string", "null"] },
    // Printed by `key list`; follow from the others.
    uid: { type: "string" },
    description: { type: ["string", "null"] },
  },
});

/**
 * Keys whose time is over are left out. `convert`: values that are no texts become their JSON. Throws KEY_INVALID that
 * names every key that cannot be loaded.
 */
export function loadedKeys(
  content: unknown,
  { where, convert, nowMs }: { readonly where: string; readonly convert: boolean; readonly nowMs: number },
): readonly LoadedKey[] {
  const rows: readonly unknown[] = Array.isArray(content) ? content : [content];
  const problems: string[] = [];
  const keys = rows.flatMap((row, at): LoadedKey[] => {
    const problem = problemOf(row, convert);
    if (problem !== null) {
      problems.push(
        `key ${at + 1}${isObject(row) && typeof row.name === "string" ? ` (${row.name})` : ""}: ${problem}`,
      );
      return [];
    }
    const key = keyOf(row as Row, nowMs);
    return key === null ? [] : [key];
  });
  if (problems.length === 0) return keys;
  throw new PetrelError("KEY_INVALID", problems.join("; "), {
    where,
    hint: "write a list of {name, value}, with scope, user, secret, encrypted or ttl by choice",
  });
}

function problemOf(row: unknown, convert: boolean): string | null {
  if (!isRow(row)) {
    const [error] = isRow.errors ?? [];
    const extra = (error?.params as { additionalProperty?: string } | undefined)?.additionalProperty;
    return `${error?.instancePath.slice(1) ?? ""} ${error?.message ?? "is no key"}${extra === undefined ? "" : `: ${extra}`}`.trim();
  }
  if (row.secret === true && row.value === mask) {
    return "its value is masked; `petrel key list --decrypt --json` prints what can be loaded";
  }
  if (typeof row.value !== "string" && !convert) return "its value is no text; --convert makes JSON of it";
  const expires = row.expire_timestamp ?? null;
  return expires !== null && Number.isNaN(Date.parse(expires)) ? "expire_timestamp is no time" : null;
}

function keyOf(row: Row, nowMs: number): LoadedKey | null {
  const { name, value, scope = "system", user = null, secret, encrypted, ttl, expire_timestamp } = row;
  const left = expire_timestamp ? (Date.parse(expire_timestamp) - nowMs) / 1000 : null;
  const seconds = ttl ?? left;
  if (seconds !== null && seconds <= 0) return null;
  return {
    name,
    scope: scope.replace("st2kv.", ""),
    user,
    body: {
      value: typeof value === "string" ? value : JSON.stringify(value),
      ...(seconds !== null && { ttl: seconds }),
      ...(secret !== undefined && { secret }),
      ...(encrypted !== undefined && { encrypted }),
    },
  };
}

/** What is written down of a request: which ones, and what of them. Never a body, a query, or a key. */
import type { ApiRequestRecord } from "../../shared/model/api-key.ts";
import type { Caller } from "./api-keys.ts";
import type { Permission } from "./permissions.ts";

export interface RequestFacts {
  readonly id: string;
  /** RFC 3339. */
  readonly at: string;
  /** `null`: nobody that is known. */
  readonly caller: Caller | null;
  /** Whom the holder of the local key says to act for. */
  readonly claimed: string | null;
  readonly address: string;
  /** `null`: no such route. */
  readonly permission: Permission | null;
  readonly ref: string | null;
  readonly method: string;
  readonly status: number;
  /** Code of the error it was answered with. */
  readonly code: string | null;
}

/** A ref is as long as a name may be; what is longer is nobody's. */
const longestRef = 600;

const isRefused = (status: number) => status === 401 || status === 403 || status === 429;

/** Whether a request with this answer is noted: it changed something, asked for a secret, or was refused. */
export function isNoted({ permission, status }: Pick<RequestFacts, "permission" | "status">): boolean {
  return isRefused(status) || (permission !== null && !permission.reads);
}

/** Requests that anybody can make in any number: they push out no others. */
export function isPlenty({ caller, permission }: Pick<RequestFacts, "caller" | "permission">): boolean {
  return caller === null || permission?.plenty === true;
}

export function requestRecord(facts: RequestFacts): ApiRequestRecord {
  const { id, at, caller, claimed, address, permission, ref, method, status, code } = facts;
  return {
    id,
    at,
    key: caller?.id ?? null,
    user: caller === null ? null : caller.isLocal ? (claimed ?? caller.name) : caller.name,
    address,
    noun: permission?.noun ?? null,
    verb: permission?.verb ?? null,
    ref: ref === null ? null : ref.slice(0, longestRef),
    method,
    status,
    code,
  };
}

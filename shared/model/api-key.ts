/** A key of the hub's HTTP API, and what is noted of the requests that were made with it. */

/** What a key may do, least first; `hub/access/permissions.ts` says what each of them is for. */
export const apiRoles = ["webhook", "observer", "operator", "admin"] as const;
export type ApiRole = (typeof apiRoles)[number];

export interface ApiKeyRecord {
  /** ULID; it stands in the key itself. */
  readonly id: string;
  /** Whom executions, acknowledgements and the log of requests name. */
  readonly name: string;
  readonly role: ApiRole;
  /** `noun`, `noun:verb` or `noun:verb:ref`; empty: everything that the role may. */
  readonly scopes: readonly string[];
  /** SHA-256 of the whole key, in hex: the key itself is nowhere. */
  readonly digest: string;
  readonly enabled: boolean;
  readonly created_at: string;
  /** The name of the key that has made it. */
  readonly created_by: string;
  /** RFC 3339; `null`: it never expires. */
  readonly expires_at: string | null;
  /** About when it was used last: noted once a minute at most. */
  readonly last_used_at: string | null;
  readonly last_used_from: string | null;
  readonly rev: number;
}

/** One request to the API that changed something, asked for a secret, or was refused. */
export interface ApiRequestRecord {
  /** ULID; sorts by time. */
  readonly id: string;
  readonly at: string;
  /** Id of the key, `local` for the one in api.json; `null`: no key that is known. */
  readonly key: string | null;
  readonly user: string | null;
  /** Where the connection came from. */
  readonly address: string;
  /** What was asked for, in the words of the command line; `null` when there is no such route. */
  readonly noun: string | null;
  readonly verb: string | null;
  /** What it was asked of; `null` when it names nothing, or nothing that has a name yet. */
  readonly ref: string | null;
  readonly method: string;
  readonly status: number;
  /** Code of the refusal; `null` when it was done. */
  readonly code: string | null;
}

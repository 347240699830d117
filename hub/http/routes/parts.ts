/** What every route file receives, and the refusal that all of them share. */
import type { Finding } from "../../../shared/doctor/finding.ts";
import { PetrelError } from "../../../shared/errors.ts";
import type { ApiKeys } from "../../access/api-keys.ts";
import { labelPairs } from "../../agents/label-pairs.ts";
import type { ReadBlob } from "../../executions/large-result.ts";
import type { LiveOutput } from "../../executions/live-output.ts";
import type { HubOperations } from "../../operations.ts";
import type { CatalogueSource } from "../../packs/catalogue.ts";
import type { Store } from "../../store/store.ts";

export interface RouteParts {
  readonly store: Store;
  readonly operations: HubOperations;
  readonly catalogues: CatalogueSource;
  /** For results that were too large for an entry. */
  readonly readBlob: ReadBlob;
  /** What running actions have written so far. */
  readonly output: Pick<LiveOutput, "since">;
  /** Keys of this API. */
  readonly keys: ApiKeys;
  /** Looks at hub, host and fleet. */
  readonly doctor: () => Promise<readonly Finding[]>;
}

/** The record, or NOT_FOUND that says which `noun` was asked for and where the others are listed. */
export function found<T>(
  record: T | null | undefined,
  noun: string,
  key: string,
  list = `petrel ${noun.replaceAll(" ", "-")} list`,
): T {
  if (record !== null && record !== undefined) return record;
  throw new PetrelError("NOT_FOUND", `no ${noun} '${key}'`, { hint: `\`${list}\` shows what there is` });
}

/** JSON schema of required path parameters. */
export function pathSchema(...names: readonly ("id" | "ref" | "instance")[]): object {
  const one = { type: "string", minLength: 1, maxLength: 300 };
  return {
    type: "object",
    required: names,
    properties: Object.fromEntries(names.map((name) => [name, one])),
  };
}

/** Labels as a query has them: `role=web,site=berlin`. Throws API_BAD_REQUEST. */
export function labelsOf(text: string): Readonly<Record<string, string>> {
  const read = labelPairs(text);
  if (read !== null) return read;
  throw new PetrelError("API_BAD_REQUEST", `'${text.slice(0, 80)}' is no selection by labels`, {
    hint: "write labels=role=web,site=berlin",
  });
}

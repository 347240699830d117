/** Dead letters of results that may hold secrets: encrypted until they are tried again. Pure. */
import { isObject, type Json, type JsonObject } from "../../shared/json.ts";
import type { Execution, LeftOut } from "../../shared/model/execution.ts";
import { leftOut } from "./sealed-execution.ts";
import type { Sealer } from "./sealer.ts";

const placeOf = (entry: JsonObject) => `letter/${String(entry.id)}`;

export interface KeptEntry {
  readonly entry: Json;
  /** Of its result, when that could not be encrypted: it is lost. */
  readonly left_out?: readonly LeftOut[];
}

/** An agent's entry as a letter keeps it. */
export function letterEntry(entry: unknown, sealer: Sealer): KeptEntry {
  if (!isObject(entry) || entry.kind !== "execution-update" || entry.secret !== true)
    return { entry: entry as Json };
  const { result, result_key, ...rest } = entry as JsonObject;
  if (result === undefined && result_key === undefined) return { entry: rest };
  const secrets = {
    ...(result !== undefined && { result }),
    ...(result_key !== undefined && { result_key }),
  };
  try {
    return { entry: { ...rest, sealed: sealer.seal(placeOf(rest), JSON.stringify(secrets)) } };
  } catch (error) {
    return { entry: rest, left_out: [leftOut({ field: "result", what: "whole" }, error)] };
  }
}

/** The entry as its agent sent it, but for what was left out. Throws KEY_FILE, KEY_UNREADABLE. */
export function openedLetterEntry(entry: Json, sealer: Sealer): Json {
  if (!isObject(entry) || entry.kind !== "execution-update" || typeof entry.sealed !== "string") return entry;
  const { sealed, ...rest } = entry as JsonObject & { readonly sealed: string };
  return { ...rest, ...(JSON.parse(sealer.open(placeOf(rest), sealed)) as JsonObject) };
}

/** An execution that was told of by a letter that has lost something. `before`: as it was; `null`: there was none. */
export function withLeftOut(
  before: Pick<Execution, "late_result"> | null,
  told: Execution,
  lost: readonly LeftOut[],
): Execution {
  const { sealed } = told;
  // One that says nothing of its secrets is masked whole, and must not begin to say something.
  if (lost.length === 0 || sealed === undefined) return told;
  const isLate = (before?.late_result ?? null) === null && told.late_result !== null;
  const here = lost.map((each): LeftOut => ({ ...each, field: isLate ? "late_result" : "result" }));
  return { ...told, sealed: { ...sealed, left_out: [...(sealed.left_out ?? []), ...here] } };
}

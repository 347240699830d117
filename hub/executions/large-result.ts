/** A result that was too large for an entry, read back from the blob it travelled in. */
import { isPetrelError } from "../../shared/errors.ts";
import { isObject, type Json } from "../../shared/json.ts";
import type { BlobRef, Execution } from "../../shared/model/execution.ts";
import { resultBlobs } from "./result-blobs.ts";

export type ReadBlob = (digest: string) => Promise<Uint8Array>;

/**
 * The execution with its whole results. While a blob is still on its way from the agent its result stays null, and
 * `result_blob` says that there is one.
 */
export async function withWholeResult(execution: Execution, readBlob: ReadBlob): Promise<Execution> {
  const found = new Map<string, Json>();
  for (const blob of resultBlobs(execution)) {
    const content = await contentOf(blob, readBlob);
    if (content !== undefined) found.set(blob.digest, content);
  }
  if (found.size === 0) return execution;
  const { result, result_blob, late_result } = execution;
  return {
    ...execution,
    result: result ?? found.get(result_blob?.digest ?? "") ?? null,
    late_result: isObject(late_result) ? wholeLate(late_result as LateResult, found) : late_result,
  };
}

type LateResult = { readonly [key: string]: Json; readonly result: Json };

function wholeLate(late: LateResult, found: ReadonlyMap<string, Json>): Json {
  const digest = isObject(late.result_blob) ? String(late.result_blob.digest) : "";
  return { ...late, result: late.result ?? found.get(digest) ?? null };
}

/** One that was cut at the cap is no JSON any more, nor need it be what a hostile agent sent: that is given as text. */
async function contentOf(blob: BlobRef, readBlob: ReadBlob): Promise<Json | undefined> {
  let text: string;
  try {
    text = new TextDecoder().decode(await readBlob(blob.digest));
  } catch (error) {
    if (isPetrelError(error) && error.code === "BLOB_MISSING") return undefined;
    throw error;
  }
  if (blob.truncated === true) return text;
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text; // what the agent sent instead of JSON
  }
}

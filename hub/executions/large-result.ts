/** A result that was too large for an entry, read back from the blob it travelled in. */
import { isPetrelError } from "../../shared/errors.ts";
import type { Json } from "../../shared/json.ts";
import type { Execution } from "../../shared/model/execution.ts";

export type ReadBlob = (digest: string) => Promise<Uint8Array>;

/**
 * The execution with its whole result. One that was cut at the cap is no JSON any more and is given as text. While
 * the blob is still on its way from the agent the result stays null, and `result_blob` says that there is one.
 */
export async function withWholeResult(execution: Execution, readBlob: ReadBlob): Promise<Execution> {
  const { result, result_blob } = execution;
  if (result !== null || result_blob === null) return execution;
  try {
    const text = new TextDecoder().decode(await readBlob(result_blob.digest));
    return { ...execution, result: result_blob.truncated === true ? text : (JSON.parse(text) as Json) };
  } catch (error) {
    if (isPetrelError(error) && error.code === "BLOB_MISSING") return execution;
    throw error;
  }
}

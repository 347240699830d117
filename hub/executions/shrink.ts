/** Keeps requests within the size of an entry: parameters that are too large travel as a blob. */
import { sealBlob } from "../../shared/blobs/sealed-blob.ts";
import type { RandomBytes } from "../../shared/clock.ts";
import { PetrelError } from "../../shared/errors.ts";
import type { BlobRef } from "../../shared/model/execution.ts";
import { maxInlineBytes } from "../../shared/parameters/size.ts";
import { blobParameters } from "../secrets/opened-entry.ts";
import type { Sealer } from "../secrets/sealer.ts";
import type { Dispatch } from "../store/port/ledgers.ts";
import { withParametersBlob } from "./request.ts";

export interface ShrinkerOptions {
  /** Resolves once the content is on disk: a request never names a blob that is not there. */
  readonly put: (bytes: Uint8Array) => Promise<BlobRef>;
  readonly sealer: Sealer;
  readonly random: RandomBytes;
}

/** An encrypted blob of the requests that were shrunk last. */
interface SharedBlob {
  readonly content: string;
  readonly blob: BlobRef;
  readonly key: string;
}

/** Whether it can stay as it is, as nearly all can. */
export function fitsEntry({ entry }: Dispatch): boolean {
  if (entry.kind !== "action-request") return true;
  const all =
    JSON.stringify(entry.parameters) + JSON.stringify(entry.runner_parameters) + (entry.sealed ?? "");
  // UTF-8 takes at most three bytes for each UTF-16 unit: most requests need no encoding to know.
  return all.length * 3 <= maxInlineBytes || Buffer.byteLength(all) <= maxInlineBytes;
}

/**
 * Of a request with secrets the whole blob is encrypted. Requests with the same parameters, one after the other, share one.
 * Rejects with PARAMETER_INVALID for parameters that no blob can hold: cut, they would be something else.
 */
export function createShrinker({ put, sealer, random }: ShrinkerOptions) {
  const whole = async (bytes: Uint8Array): Promise<BlobRef> => {
    const blob = await put(bytes);
    if (blob.truncated === true)
      throw new PetrelError("PARAMETER_INVALID", "the action's parameters are too large for a blob");
    return blob;
  };
  return async (dispatches: readonly Dispatch[]): Promise<readonly Dispatch[]> => {
    const shrunk: Dispatch[] = [];
    let last = null as SharedBlob | null;
    for (const dispatch of dispatches) {
      const { entry } = dispatch;
      if (entry.kind !== "action-request" || fitsEntry(dispatch)) shrunk.push(dispatch);
      else if (entry.sealed === undefined)
        shrunk.push(withParametersBlob(dispatch, await whole(Buffer.from(JSON.stringify(entry.parameters)))));
      else {
        const { parameters, keep } = blobParameters(entry, entry.sealed, sealer);
        const content = JSON.stringify(parameters);
        if (last?.content !== content) {
          const { bytes, key } = sealBlob(Buffer.from(content), random);
          last = { content, blob: await whole(bytes), key };
        }
        shrunk.push(withParametersBlob(dispatch, last.blob, keep(last.key)));
      }
    }
    return shrunk;
  };
}

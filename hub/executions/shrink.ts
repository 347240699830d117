/** Keeps requests within the size of an entry: parameters that are too large travel as a blob. */
import { sealBlob } from "../../shared/blobs/sealed-blob.ts";
import type { RandomBytes } from "../../shared/clock.ts";
import type { BlobRef } from "../../shared/model/execution.ts";
import { maxInlineBytes } from "../../shared/parameters/size.ts";
import { blobParameters } from "../secrets/opened-entry.ts";
import type { Sealer } from "../secrets/sealer.ts";
import type { Dispatch } from "../store/store.ts";
import { withParametersBlob } from "./request.ts";

export interface ShrinkerOptions {
  /** Resolves once the content is on disk: a request never names a blob that is not there. */
  readonly put: (bytes: Uint8Array) => Promise<BlobRef>;
  readonly sealer: Sealer;
  readonly random: RandomBytes;
}

/** Of a request with secrets the whole blob is encrypted. */
export function createShrinker({ put, sealer, random }: ShrinkerOptions) {
  return async (dispatches: readonly Dispatch[]): Promise<readonly Dispatch[]> => {
    const shrunk: Dispatch[] = [];
    for (const dispatch of dispatches) {
      const { entry } = dispatch;
      if (entry.kind !== "action-request") {
        shrunk.push(dispatch);
        continue;
      }
      const text = JSON.stringify(entry.parameters);
      const all = text + JSON.stringify(entry.runner_parameters) + (entry.sealed ?? "");
      // UTF-8 takes at most three bytes for each UTF-16 unit: most requests need no encoding to know.
      const isSmall = all.length * 3 <= maxInlineBytes || Buffer.byteLength(all) <= maxInlineBytes;
      if (isSmall) shrunk.push(dispatch);
      else if (entry.sealed === undefined)
        shrunk.push(withParametersBlob(dispatch, await put(Buffer.from(text))));
      else {
        const { parameters, keep } = blobParameters(entry, entry.sealed, sealer);
        const { bytes, key } = sealBlob(Buffer.from(JSON.stringify(parameters)), random);
        shrunk.push(withParametersBlob(dispatch, await put(bytes), keep(key)));
      }
    }
    return shrunk;
  };
}

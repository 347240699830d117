/** Keeps requests within the size of an entry: parameters that are too large travel as a blob. */
import type { BlobRef } from "../../shared/model/execution.ts";
import type { Dispatch } from "../store/store.ts";
import { withParametersBlob } from "./request.ts";

/** Leaves room in an entry of 128 KiB for the rest of the request. */
const maxInlineBytes = 96 * 1024;

/** `put` resolves once the content is on disk: a request never names a blob that is not there. */
export function createShrinker({ put }: { readonly put: (bytes: Uint8Array) => Promise<BlobRef> }) {
  return async (dispatches: readonly Dispatch[]): Promise<readonly Dispatch[]> => {
    const shrunk: Dispatch[] = [];
    for (const dispatch of dispatches) {
      const { entry } = dispatch;
      if (entry.kind !== "action-request") {
        shrunk.push(dispatch);
        continue;
      }
      const text = JSON.stringify(entry.parameters);
      // UTF-8 takes at most three bytes for each UTF-16 unit: most requests need no encoding to know.
      const isSmall = text.length * 3 <= maxInlineBytes || Buffer.byteLength(text) <= maxInlineBytes;
      shrunk.push(isSmall ? dispatch : withParametersBlob(dispatch, await put(Buffer.from(text))));
    }
    return shrunk;
  };
}

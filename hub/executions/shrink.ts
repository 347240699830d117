/** Keeps requests within the size of an entry: parameters that are too large travel as a blob. */
import type { BlobRef } from "../../shared/model/execution.ts";
import { maxInlineBytes } from "../../shared/parameters/size.ts";
import type { Dispatch } from "../store/store.ts";
import { withParametersBlob } from "./request.ts";

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
      const all = text + JSON.stringify(entry.runner_parameters);
      // UTF-8 takes at most three bytes for each UTF-16 unit: most requests need no encoding to know.
      const isSmall = all.length * 3 <= maxInlineBytes || Buffer.byteLength(all) <= maxInlineBytes;
      shrunk.push(isSmall ? dispatch : withParametersBlob(dispatch, await put(Buffer.from(text))));
    }
    return shrunk;
  };
}

/** How large the parameters of one execution may be. */
import { Buffer } from "node:buffer";
import { maxBlobBytes } from "../blobs/blob-ref.ts";
import { sealedBlobRoom } from "../blobs/sealed-blob.ts";
import { PetrelError } from "../errors.ts";
import type { JsonObject } from "../json.ts";

/** Bytes of JSON that a request carries itself; an entry of 128 KiB then has room for the rest of it. */
export const maxInlineBytes = 96 * 1024;

/**
 * PARAMETER_INVALID: those of the runner travel in the request itself, those of the action in a blob when they are
 * large, which may be encrypted. Neither can be cut without becoming something else.
 */
export function refuseOversized(parameters: JsonObject, runnerParameters: JsonObject): void {
  refuse("the runner's parameters", runnerParameters, maxInlineBytes);
  refuse("the action's parameters", parameters, maxBlobBytes - sealedBlobRoom);
}

function refuse(what: string, value: JsonObject, most: number): void {
  const text = JSON.stringify(value);
  // UTF-8 takes at most three bytes for each UTF-16 unit: most need no encoding to know.
  if (text.length * 3 <= most) return;
  const size = Buffer.byteLength(text);
  if (size <= most) return;
  throw new PetrelError(
    "PARAMETER_INVALID",
    `${what} take ${size} bytes of JSON; at most ${most} are possible`,
    {
      hint: "keep what is large where the action can fetch it, and pass its address",
    },
  );
}

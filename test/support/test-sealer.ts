/** Encrypts what is secret in records, with a key that a test chooses. */
import type { Sealer } from "../../hub/secrets/sealer.ts";
import { placeCipher, placeNonceBytes } from "../../shared/place-cipher.ts";
import { systemRandom } from "../../shared/system-process.ts";

export function testSealer(fill = 7): Sealer {
  const id = fill.toString(16).padStart(16, "0");
  const cipher = placeCipher({ key: new Uint8Array(32).fill(fill), id, file: "datastore.key" });
  return {
    seal: (place, text) => cipher.seal(place, text, systemRandom(placeNonceBytes)),
    open: (place, sealed) => cipher.open(place, sealed),
  };
}

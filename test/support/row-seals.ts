/** Rows with secrets under a key that no test has to keep. */
import { type RowSeals, rowSeals } from "../../agent/store/row-seals.ts";
import { placeCipher } from "../../shared/place-cipher.ts";
import { systemRandom } from "../../shared/system-process.ts";

export const testRows: RowSeals = rowSeals(
  placeCipher({ key: new Uint8Array(32).fill(9), id: "9".repeat(16), file: "secrets.key" }),
  systemRandom,
);

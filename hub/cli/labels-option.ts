/** `--labels role=web,site=berlin`, which may be given several times. */
import { PetrelError } from "../../shared/errors.ts";
import { labelPairs } from "../agents/label-pairs.ts";

/** CLI_USAGE when one is no label. */
export function labelsOption(texts: readonly string[]): Readonly<Record<string, string>> {
  const all: Record<string, string> = {};
  for (const text of texts) {
    const pairs = labelPairs(text);
    if (pairs === null) {
      throw new PetrelError("CLI_USAGE", `'${text}' is no label`, {
        hint: "write --labels role=web,site=berlin",
      });
    }
    Object.assign(all, pairs);
  }
  return all;
}

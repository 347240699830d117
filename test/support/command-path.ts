/** Where the commands are that tests start as processes. */
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "../..");

/** In the environment of a command: the folder of another version of this software, to be run instead of this one. */
export const checkoutOf = "PETREL_TEST_CHECKOUT";

/** Whether the commands are binaries, and not this checkout. */
export const withBinaries = Boolean(process.env.PETREL_BINARIES);

/**
 * `bin/NAME` of this checkout, or of the one in `checkout`; or, with PETREL_BINARIES in the environment of the tests,
 * the binary of that name in the folder that it names.
 */
export function commandPath(name: "petrel" | "petrel-agent", checkout?: string): string {
  const { PETREL_BINARIES: binaries } = process.env;
  if (checkout === undefined && binaries) return resolve(binaries, name);
  return join(checkout ?? root, "bin", name);
}

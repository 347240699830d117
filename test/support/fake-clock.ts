/** A wall clock for one daemon, moved while it runs: Debian's `faketime` library, which tests do without if they must. */
import { existsSync, globSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { tempFolder } from "./temp-folder.ts";

const [library] = globSync("/usr/lib/*/faketime/libfaketime.so.1");

export const hasFakeClock = library !== undefined && existsSync(library);
if (!hasFakeClock)
  console.warn("NOT TESTED: clocks that differ or step; install the package `faketime` to test them");

export interface FakeClock {
  /** For the daemon. */
  readonly env: Readonly<Record<string, string>>;
  /** Moves it: `+2d`, `-2d`, `+0`; the daemon sees it at its next look at the clock. */
  set(offset: string): void;
}

/** Only the wall clock is moved; the monotonic one goes on as it does. */
export async function fakeClock(offset: string): Promise<FakeClock> {
  const file = join(await tempFolder("clock"), "offset");
  const set = (text: string) => {
    writeFileSync(`${file}.new`, `${text}\n`);
    renameSync(`${file}.new`, file);
  };
  set(offset);
  return {
    set,
    env: {
      LD_PRELOAD: library ?? "",
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
      // Times of files stay true.
      NO_FAKE_STAT: "1",
    },
  };
}

/** A wall clock for one daemon, moved while it runs: Debian's `faketime` library, which tests do without if they must. */
import { globSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { packageMissing } from "./debian-process.ts";
import { tempFolder } from "./temp-folder.ts";

const found = () => globSync("/usr/lib/*/faketime/libfaketime.so.1").at(0);

const missing = await packageMissing("faketime", () => found() !== undefined);
const library = found();
export const hasFakeClock = missing === null;
if (!hasFakeClock) console.warn(`NOT TESTED: clocks that differ or step: ${missing}`);

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

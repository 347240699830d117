/** Debian packages that tests need: installed once when there is root; otherwise whoever needs them says so by name. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

/**
 * `null` when what the package brings is there, if need be after installing it; else the reason why not, to be shown
 * where tests are skipped: nobody should believe that something was tested when it was not.
 */
export async function packageMissing(name: string, isThere: () => boolean): Promise<string | null> {
  if (isThere()) return null;
  if (process.getuid?.() !== 0) return `${name} is not installed, and installing it needs root`;
  try {
    await run("flock", ["/run/lock/petrel-test-packages", "sh", "-c", install, "sh", name], {
      timeout: 240_000,
    });
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return `${name} could not be installed: ${text.split("\n").slice(-3).join(" ")}`;
  }
  return isThere() ? null : `${name} was installed, but is not where it should be`;
}

/**
 * Runs under a lock, since test files run side by side. A package may not start its own service: Debian asks
 * `policy-rc.d` first.
 */
const install = `
set -e
dpkg-query -W -f '\${Status}' "$1" 2>/dev/null | grep -q '^install ok installed' && exit 0
export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  printf '#!/bin/sh\\nexit 101\\n' > $policy && chmod 755 $policy
  trap 'rm -f $policy' EXIT
fi
apt-get install -y -q --no-install-recommends "$1" || { apt-get update -q && apt-get install -y -q --no-install-recommends "$1"; }
`;

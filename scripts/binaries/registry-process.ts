/** Packages of other systems than this one, had from the npm registry and held against the lock file. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Lock, lockedPackage } from "./lock.ts";

/**
 * The folder with the unpacked package, below `cache`. What was had before is used again; it is checked each time.
 * Throws when npm has no such package, or when it is not what the lock file says.
 */
export function fetchPackage(name: string, lock: Lock, cache: string): string {
  const { version, integrity } = lockedPackage(lock, `node_modules/${name}`);
  if (integrity?.startsWith("sha512-") !== true)
    throw new Error(`package-lock.json has no sha512 of ${name}`);
  const plain = `${name.replace("@", "").replace("/", "-")}-${version}`;
  mkdirSync(cache, { recursive: true });
  const tarball = join(cache, `${plain}.tgz`);
  if (!existsSync(tarball) || integrityOf(tarball) !== integrity) {
    console.log(`fetching ${name} ${version}`);
    const args = ["pack", `${name}@${version}`, "--json", "--ignore-scripts", "--pack-destination", cache];
    execFileSync("npm", args, { cwd: cache, stdio: ["ignore", "ignore", "inherit"] });
    const found = integrityOf(tarball);
    if (found !== integrity) {
      rmSync(tarball);
      throw new Error(`${name} ${version} has ${found}, and package-lock.json says ${integrity}`);
    }
  }
  // Unpacked anew: somebody may have touched what lies there.
  const folder = join(cache, plain);
  const fresh = `${folder}.new`;
  for (const old of [folder, fresh]) rmSync(old, { recursive: true, force: true });
  mkdirSync(fresh);
  execFileSync("tar", ["xzf", tarball, "-C", fresh, "--strip-components=1"]);
  renameSync(fresh, folder);
  return folder;
}

function integrityOf(path: string): string {
  return `sha512-${createHash("sha512").update(readFileSync(path)).digest("base64")}`;
}

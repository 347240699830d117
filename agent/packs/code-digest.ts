/** Whether a new version of a pack concerns its running sensors: a digest of the files they may load. Pure. */
import { createHash } from "node:crypto";
import type { PackFile } from "../../shared/packs/pack-file.ts";

/** Files that no running sensor reads: metadata (compared as definitions), rules, tests, texts for people. */
const elsewhere = [
  /^(?:rules|triggers|policies|aliases|tests|test|docs|etc|\.[^/]+)\//,
  /^(?:sensors|actions)\/[^/]+\.ya?ml$/,
  /^(?:actions\/(?:chains|workflows))\//,
  /^(?:pack|config|config\.schema)\.ya?ml$/,
  /^[^/]+\.(?:md|rst|png|svg|example)$/,
  /^(?:LICENSE|CHANGELOG|CHANGES)[^/]*$/,
];

/**
 * Changes when any file changes that a sensor of the pack may load: its own code, `lib/`, code beside actions, data.
 * When in doubt a file counts: a restart too many is cheap, running old code is not.
 */
export function codeDigest(files: readonly PackFile[]): string {
  const hash = createHash("sha256");
  const loaded = files.filter(({ path }) => !elsewhere.some((pattern) => pattern.test(path)));
  for (const { path, mode, content } of loaded.toSorted((a, b) => (a.path < b.path ? -1 : 1))) {
    const own = createHash("sha256").update(content).digest("hex");
    hash.update(`${JSON.stringify(path)} ${(mode & 0o100) === 0 ? "-" : "x"} ${own}\n`);
  }
  return hash.digest("hex");
}

/** How far apart two sides of a link are. Pure. */
import { compareVersions, isVersion } from "./install/release.ts";

/** What the other side is to this one; `null`: the same version, or none that can be compared. */
export type VersionSkew = "older" | "newer" | "much_older" | "much_newer" | null;

/**
 * One version apart is the second number by one, or the first; the third never counts as another version. Whether 2.0
 * follows 1.7 nobody knows here: the step between two first numbers is one.
 */
export function versionSkew(other: string | null, own: string): VersionSkew {
  if (other === null || !isVersion(other) || !isVersion(own)) return null;
  const order = compareVersions(other, own);
  if (order === 0) return null;
  const [older, newer] = order < 0 ? [other, own] : [own, other];
  const word = order < 0 ? "older" : "newer";
  const [majorA = 0, minorA = 0] = older.split(/[.+-]/).map(Number);
  const [majorB = 0, minorB = 0] = newer.split(/[.+-]/).map(Number);
  const isNear = majorA === majorB ? minorB - minorA <= 1 : majorB - majorA === 1 && minorB === 0;
  return isNear ? word : `much_${word}`;
}

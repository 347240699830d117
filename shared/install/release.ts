/** Versions, and how they follow each other (semver.org, sections 9 to 11). Pure. */

/** A version may be a folder's name and a word of the guard's shell: nothing else may be in it. */
const versionPattern =
  /^\d{1,9}\.\d{1,9}\.\d{1,9}(?:-[0-9A-Za-z][0-9A-Za-z.-]{0,60})?(?:\+[0-9A-Za-z.-]{1,60})?$/;

export const isVersion = (text: string): boolean => versionPattern.test(text);

interface Parts {
  readonly numbers: readonly number[];
  readonly early: readonly string[];
}

function partsOf(version: string): Parts {
  const [release = ""] = version.split("+");
  const dash = release.indexOf("-");
  const numbers = (dash < 0 ? release : release.slice(0, dash)).split(".").map(Number);
  return { numbers, early: dash < 0 ? [] : release.slice(dash + 1).split(".") };
}

const sign = (difference: number): -1 | 0 | 1 => (difference < 0 ? -1 : difference > 0 ? 1 : 0);

/** Numbers by value and before words; words by their bytes. */
function compareWords(a: string, b: string): -1 | 0 | 1 {
  const [isNumberA, isNumberB] = [/^\d+$/.test(a), /^\d+$/.test(b)];
  if (isNumberA && isNumberB) return sign(Number(a) - Number(b));
  if (isNumberA !== isNumberB) return isNumberA ? -1 : 1;
  return a === b ? 0 : a < b ? -1 : 1;
}

/** Below 0 when `a` is the older one. What follows a `+` does not count. */
export function compareVersions(a: string, b: string): -1 | 0 | 1 {
  const [left, right] = [partsOf(a), partsOf(b)];
  for (const [at, number] of left.numbers.entries()) {
    const by = sign(number - (right.numbers[at] ?? 0));
    if (by !== 0) return by;
  }
  // 1.0.0-rc.1 comes before 1.0.0.
  if (left.early.length === 0 || right.early.length === 0)
    return sign(right.early.length - left.early.length);
  for (const [at, word] of left.early.entries()) {
    const other = right.early[at];
    if (other === undefined) return 1;
    const by = compareWords(word, other);
    if (by !== 0) return by;
  }
  return sign(left.early.length - right.early.length);
}

/** Versions that may go: all but the one that runs, those an upgrade needs, and the newest other one. */
export function versionsToDrop(
  present: readonly string[],
  kept: { readonly current: string | null; readonly needed: readonly string[] },
): readonly string[] {
  const others = present
    .filter((version) => version !== kept.current && !kept.needed.includes(version))
    .sort((a, b) => compareVersions(b, a));
  // The way back is one of the two that stay.
  const room = Math.max(0, 2 - new Set([kept.current, ...kept.needed].filter((each) => each !== null)).size);
  return others.slice(room);
}

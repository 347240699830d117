/** The nearest valid name to a wrong one, for the "fix" line of errors. */

/** Edit distance with transpositions of neighbors (optimal string alignment). */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let above = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let best = Math.min((above[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (above[j - 1] ?? 0) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        best = Math.min(best, (before[j - 2] ?? 0) + 1);
      }
      row.push(best);
    }
    before = above;
    above = row;
  }
  return above[b.length] ?? 0;
}

/** The longest text compared: distance costs the product of both lengths, and names come from strangers. */
const LONGEST = 120;

/** The candidate that `wrong` was probably meant to be, or `null` when none is near. */
export function nearest(wrong: string, candidates: Iterable<string>): string | null {
  if (wrong.length > LONGEST) return null;
  const asked = wrong.toLowerCase();
  let found: string | null = null;
  // A third of the letters may be wrong, at least two of them.
  let limit = Math.max(2, Math.floor(asked.length / 3));
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - wrong.length) > limit) continue;
    const steps = distance(asked, candidate.toLowerCase());
    if (steps < limit || (steps === limit && found === null)) {
      limit = steps;
      found = candidate;
    }
  }
  return found;
}

/** "write 'x'" for the nearest candidate; otherwise what may be written, as far as it fits a line. */
export function suggestion(wrong: string, candidates: readonly string[]): string {
  const near = nearest(wrong, candidates);
  if (near !== null) return `write '${near}'`;
  const shown = candidates.slice(0, 20).join(", ");
  if (candidates.length === 0) return "remove it";
  return `one of: ${shown}${candidates.length > 20 ? ", …" : ""}`;
}

/** The bounds of JSON that others give us: nesting, and names that would reach a prototype. */

/** Deep enough for any record; far from where recursion over a value could overflow the stack. */
export const maxNesting = 100;

/** True when `value` is nested deeper than `levels`. Looks no further than that, so it never runs out of stack. */
export function isNestedDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  return levels === 0 || Object.values(value).some((inner) => isNestedDeeper(inner, levels - 1));
}

/** Why `value`, as JSON.parse made it, is not taken; `null` when it is fine. */
export function jsonProblem(value: unknown, depth = 0): string | null {
  if (typeof value !== "object" || value === null) return null;
  if (depth >= maxNesting) return `nested deeper than ${maxNesting} levels`;
  if (Array.isArray(value)) {
    for (const item of value) {
      const problem = jsonProblem(item, depth + 1);
      if (problem !== null) return problem;
    }
    return null;
  }
  for (const key in value) {
    // An own property of this name is harmless here, and a trap for any later code that copies by assignment.
    if (key === "__proto__") return "a field named __proto__";
    const problem = jsonProblem((value as Record<string, unknown>)[key], depth + 1);
    if (problem !== null) return problem;
  }
  return null;
}

/** Semantic versions (semver.org 2.0.0), as the `version_*` filters treat them. */
import { fail } from "../python/values.ts";

const VERSION =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-((?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?(?:\+[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?$/;

interface Version {
  readonly numbers: readonly [bigint, bigint, bigint];
  readonly prerelease: string | null;
}

function parse(text: string): Version {
  const match = VERSION.exec(text);
  if (match === null) return fail(`${text} is not valid SemVer string`);
  const [, major = "0", minor = "0", patch = "0", prerelease] = match;
  return { numbers: [BigInt(major), BigInt(minor), BigInt(patch)], prerelease: prerelease ?? null };
}

/** -1, 0 or 1; build metadata does not count. */
export function compare(a: string, b: string): number {
  const x = parse(a);
  const y = parse(b);
  for (const i of [0, 1, 2] as const) {
    if (x.numbers[i] !== y.numbers[i]) return x.numbers[i] < y.numbers[i] ? -1 : 1;
  }
  if (x.prerelease === y.prerelease) return 0;
  if (x.prerelease === null) return 1;
  if (y.prerelease === null) return -1;
  return comparePrerelease(x.prerelease.split("."), y.prerelease.split("."));
}

function comparePrerelease(a: readonly string[], b: readonly string[]): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const order = compareIdentifiers(a[i] ?? "", b[i] ?? "");
    if (order !== 0) return order;
  }
  return Math.sign(a.length - b.length);
}

function compareIdentifiers(a: string, b: string): number {
  const numeric = [a, b].map((part) => /^\d+$/.test(part));
  if (numeric[0] && numeric[1]) return BigInt(a) < BigInt(b) ? -1 : BigInt(a) > BigInt(b) ? 1 : 0;
  if (numeric[0] !== numeric[1]) return numeric[0] ? -1 : 1;
  return a < b ? -1 : a > b ? 1 : 0;
}

/** `>=1.2.0` and its kin. */
export function matches(version: string, expression: string): boolean {
  const match = /^(>=|<=|==|!=|>|<)(.*)$/s.exec(expression);
  if (match === null) {
    return fail(
      "match_expr parameter should be in format <op><ver>, where <op> is one of ['<', '>', '==', '<=', '>=', '!=']",
    );
  }
  const order = compare(version, match[2] ?? "");
  switch (match[1]) {
    case ">=":
      return order >= 0;
    case "<=":
      return order <= 0;
    case "==":
      return order === 0;
    case "!=":
      return order !== 0;
    case ">":
      return order > 0;
    default:
      return order < 0;
  }
}

export function bump(version: string, part: "major" | "minor" | "patch"): string {
  const [major, minor, patch] = parse(version).numbers;
  if (part === "major") return `${major + 1n}.0.0`;
  return part === "minor" ? `${major}.${minor + 1n}.0` : `${major}.${minor}.${patch + 1n}`;
}

export function stripPatch(version: string): string {
  const [major, minor] = parse(version).numbers;
  return `${major}.${minor}`;
}

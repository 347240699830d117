/** The tests that a pack brings along, and what their runners say. Pure. */

export type SuiteLanguage = "python" | "node" | "shell";

export interface TestSuite {
  readonly language: SuiteLanguage;
  /** Relative to the pack's folder, sorted. */
  readonly files: readonly string[];
}

export interface SuiteResult {
  readonly language: SuiteLanguage;
  readonly tests: number;
  readonly failed: number;
  readonly skipped: number;
  /** By the names that the runner gives them. */
  readonly failures: readonly { readonly test: string; readonly message: string }[];
}

/** StackStorm's names for Python; Node's own below `tests/`; and what a pack of plain programs has. */
const patterns: readonly (readonly [SuiteLanguage, RegExp])[] = [
  ["python", /^tests\/test_[^/]+\.py$/],
  ["node", /^tests\/(?:.+\/)?[^/]+\.test\.(?:[cm]?js|[cm]?ts)$/],
  ["shell", /^tests\/test(?:_[^/]+)?\.sh$/],
];

/** The suites of a pack with files at these paths; none: it has no tests. */
export function testSuites(paths: readonly string[]): readonly TestSuite[] {
  return patterns
    .map(([language, pattern]) => ({ language, files: paths.filter((path) => pattern.test(path)).sort() }))
    .filter(({ files }) => files.length > 0);
}

/** Node's TAP: the plan's counts at its end, and the outermost tests that failed. `null` when it ended before that. */
export function readTap(text: string): Omit<SuiteResult, "language"> | null {
  const count = (name: string): number | null => {
    const found = text.match(new RegExp(`^# ${name} (\\d+)$`, "m"));
    return found === null ? null : Number(found[1]);
  };
  const tests = count("tests");
  if (tests === null) return null;
  const failures = [...text.matchAll(/^not ok \d+ - (.*?)(?: # .*)?$/gm)]
    .filter(([line]) => !/ # (?:TODO|SKIP)/.test(line))
    .map(([, test = ""]) => ({ test: test.replaceAll("\\#", "#"), message: "" }));
  const failed = (count("fail") ?? 0) + (count("cancelled") ?? 0);
  return { tests, failed, skipped: (count("skipped") ?? 0) + (count("todo") ?? 0), failures };
}

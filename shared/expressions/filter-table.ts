/** The shape of filters and tests. */
import type { Named } from "./python/arguments.ts";
import type { Run } from "./run.ts";

export type Filter = (run: Run, input: unknown, args: readonly unknown[], named: Named) => unknown;
export type Test = (run: Run, input: unknown, args: readonly unknown[], named: Named) => boolean;
export type FilterTable = ReadonlyMap<string, Filter>;
export type TestTable = ReadonlyMap<string, Test>;

/** Filters and tests for which a missing datastore key is not just the empty text. */
export const TAKES_MISSING: ReadonlySet<string> = new Set(["default", "d", "defined", "undefined"]);

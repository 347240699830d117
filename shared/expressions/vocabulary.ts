/** All filters, tests and global names, in one table each. */
import type { Vocabulary } from "./compile-expression.ts";
import type { Filter, FilterTable, TestTable } from "./filter-table.ts";
import { numberFilters } from "./filters/number-filters.ts";
import { sequenceFilters } from "./filters/sequence-filters.ts";
import { stackstormFilters } from "./filters/stackstorm-filters.ts";
import { textFilters } from "./filters/text-filters.ts";
import { globals } from "./globals.ts";
import { makeTests } from "./tests.ts";

const tests: TestTable = makeTests(
  () => filters,
  () => tests,
);

const filters: FilterTable = new Map<string, Filter>([
  ...textFilters,
  ...numberFilters,
  ...sequenceFilters(
    () => filters,
    () => tests,
  ),
  ...stackstormFilters,
]);

export const vocabulary: Vocabulary = { filters, tests, globals };

/** The criteria of a rule with what each has found, as a table. */
import type { CliIo } from "../../../shared/cli/cli-io.ts";
import { toTable } from "../output.ts";

export interface JudgedCriterion {
  readonly key: string;
  readonly operator: string;
  readonly pattern: unknown;
  readonly value: unknown;
  /** `null`: it could not be judged. */
  readonly result: boolean | null;
  readonly error?: string | null;
}

/** Empty without criteria. `shown` writes a pattern or a value. */
export function criteriaTable(
  criteria: readonly JudgedCriterion[],
  shown: (value: unknown) => string,
  { columns, nowMs }: { readonly columns: CliIo["columns"]; readonly nowMs: number },
): string {
  if (criteria.length === 0) return "";
  return toTable(
    criteria,
    [
      { header: "CRITERION", value: ({ key }) => key },
      { header: "OPERATOR", value: ({ operator }) => operator },
      { header: "PATTERN", value: ({ pattern }) => shown(pattern), cut: true },
      { header: "VALUE", value: ({ value }) => shown(value), cut: true },
      {
        header: "RESULT",
        value: ({ result, error }) => (result === null ? (error ?? "error") : result ? "yes" : "no"),
      },
    ],
    { columns, nowMs },
  );
}

/** Runs a table of checks: none of them can stop the others, by failing or by taking its time. */
import type { Timers } from "../timers.ts";
import { closedFound, type Finding, type Found, warning } from "./finding.ts";

/** One row: what it is called, where it stands, what to say when it finds nothing, and how it looks. */
export type Check<Facts> = readonly [
  check: string,
  group: string,
  well: string,
  look: (facts: Facts) => readonly Found[] | Promise<readonly Found[]>,
];

export interface RunChecksOptions {
  readonly timers: Timers;
  /** Milliseconds that one check may take. */
  readonly withinMs: number;
}

/** In the order of the rows. Never rejects: a check that breaks, or does not come to an end, is itself a finding. */
export async function runChecks<Facts>(
  checks: readonly Check<Facts>[],
  facts: Facts,
  options: RunChecksOptions,
): Promise<readonly Finding[]> {
  const found = await Promise.all(
    checks.map(async ([check, group, well, look]) => {
      const seen = await within(options, async () => look(facts));
      const rows = seen.length > 0 ? seen : [{ level: "ok", what: well, where: group, fix: null } as const];
      return rows.map((row): Finding => ({ check, group, ...row }));
    }),
  );
  return found.flat();
}

async function within(
  { timers, withinMs }: RunChecksOptions,
  look: () => Promise<readonly Found[]>,
): Promise<readonly Found[]> {
  let cancel = () => {};
  const late = new Promise<readonly Found[]>((resolve) => {
    const said = warning(
      `this did not come to an end within ${withinMs / 1000} s`,
      "this check",
      "run it again; a disk or a network file system that hangs does this",
    );
    cancel = timers.after(withinMs, () => resolve([said]));
  });
  try {
    return await Promise.race([look(), late]);
  } catch (error) {
    const closed = closedFound(error);
    if (closed !== null) return [closed];
    const why = error instanceof Error ? error.message : String(error);
    return [
      warning(
        `this could not be looked at: ${why}`,
        "this check",
        "run it again, as root; a check that breaks each time is a mistake of ours: please report it",
      ),
    ];
  } finally {
    cancel();
  }
}

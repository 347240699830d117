/** The audit of a store, verified to its end. */
import type { AuditPage, NotedHead } from "../../hub/audit/audit.ts";
import type { AuditProblem } from "../../hub/audit/chain.ts";
import type { Store } from "../../hub/store/store.ts";

export interface Verified {
  readonly rows: number;
  readonly records: number;
  readonly unchained: number;
  readonly problems: readonly AuditProblem[];
}

export async function verifyAll(store: Pick<Store, "verifyAudit">, noted?: NotedHead): Promise<Verified> {
  let sum: Verified = { rows: 0, records: 0, unchained: 0, problems: [] };
  let cursor: string | undefined;
  do {
    const page: AuditPage = await store.verifyAudit(cursor, noted);
    sum = {
      rows: sum.rows + page.rows,
      records: sum.records + page.records,
      unchained: sum.unchained + page.unchained,
      problems: [...sum.problems, ...page.problems],
    };
    cursor = page.cursor;
  } while (cursor !== undefined);
  return sum;
}

/** `fault kind id` of each problem. */
export const faultsOf = ({ problems }: Verified) =>
  problems.map(({ fault, kind, id }) => `${fault} ${kind} ${id}`);

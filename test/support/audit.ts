/** The audit of a store, verified to its end. */
import type { AuditPage, NotedHead } from "../../hub/audit/audit.ts";
import { type AuditProblem, beforeFirst, type ChainRow, sha256 } from "../../hub/audit/chain.ts";
import { parseRow } from "../../hub/audit/row-text.ts";
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

/** A row as hubs wrote it up to format 6 of the store. */
export const formOne = ({ seq, at, prev, items }: ChainRow) => JSON.stringify({ v: 1, seq, at, prev, items });

/** A chain as it would be, had such a hub written it; `given` are all of its rows. */
export function chainOfFormOne(given: readonly (readonly [key: string, text: string])[]): [string, string][] {
  let prev = beforeFirst;
  return given.map(([key, text]) => {
    const row = parseRow(text);
    if (row === null) throw new Error(`${key} is no row`);
    const old = formOne({ ...row, prev });
    prev = sha256(old);
    return [key, old];
  });
}

/** The records' table as rows in the order of their keys. */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { within } from "../keys.ts";
import type { RowCursor, RowRange, Rows } from "../records.ts";
import { type Patience, whenFree } from "./sqlite-file-store.ts";

type Row = [key: string, text: string];

/** Rows read in one step of a long list: bounds how long it holds up everything else. */
const chunkRows = 256;

export class SqliteRows implements Rows {
  readonly #db: DatabaseSync;
  readonly #patience: Patience;
  /** Prepared once for each shape of a question. */
  readonly #statements = new Map<string, StatementSync>();

  constructor(db: DatabaseSync, patience: Patience) {
    this.#db = db;
    this.#patience = patience;
  }

  /** Committed, or of the transaction that is under way. */
  get(key: string): string | undefined {
    const row = this.#statement("SELECT value FROM records WHERE key = ?").get(key);
    return row === undefined ? undefined : String(row.value);
  }

  /** Of those whose keys begin with `prefix`, in the transaction that is under way. */
  last(prefix: string): Row | undefined {
    return this.#select({ ...within(prefix), reverse: true }, 1)[0];
  }

  getMany(keys: readonly string[]): Promise<(string | undefined)[]> {
    return whenFree(this.#patience, () => keys.map((key) => this.get(key)));
  }

  put(key: string, text: string): void {
    this.#statement("INSERT OR REPLACE INTO records VALUES (?, ?)").run(key, text);
  }

  remove(key: string): void {
    this.#statement("DELETE FROM records WHERE key = ?").run(key);
  }

  iterator(range: RowRange): RowCursor<Row> {
    return this.#cursor(range, (row) => row);
  }

  keys(range: RowRange): RowCursor<string> {
    return this.#cursor({ ...range, values: false }, ([key]) => key);
  }

  values(range: RowRange): RowCursor<string> {
    return this.#cursor(range, ([, text]) => text);
  }

  /** Each step goes on behind the key where the one before it ended, whatever has come or gone meanwhile. */
  #cursor<T>(range: RowRange, pick: (row: Row) => T): RowCursor<T> {
    let rest = range;
    let left = range.limit ?? Number.POSITIVE_INFINITY;
    const nextv = async (size: number): Promise<T[]> => {
      const wanted = Math.min(size, left);
      if (!(wanted > 0)) return [];
      const rows = await whenFree(this.#patience, () => this.#select(rest, wanted));
      const last = rows.at(-1);
      if (last === undefined || rows.length < wanted) left = 0;
      else {
        left -= rows.length;
        rest = range.reverse ? without(rest, "lt", last[0]) : without(rest, "gt", last[0]);
      }
      return rows.map(pick);
    };
    return {
      nextv,
      all: () => nextv(left),
      close: async () => {
        left = 0;
      },
      async *[Symbol.asyncIterator]() {
        for (let some = await nextv(chunkRows); some.length > 0; some = await nextv(chunkRows)) yield* some;
      },
    };
  }

  #select(range: RowRange, limit: number): Row[] {
    const { reverse = false, values = true } = range;
    const conditions: string[] = [];
    const bounds: string[] = [];
    for (const [name, operator] of operators) {
      const bound = range[name];
      if (bound === undefined) continue;
      conditions.push(`key ${operator} ?`);
      bounds.push(bound);
    }
    const statement = this.#statement(
      `SELECT key, ${values ? "value" : "'' AS value"} FROM records` +
        `${conditions.length > 0 ? ` WHERE ${conditions.join(" AND ")}` : ""}` +
        ` ORDER BY key ${reverse ? "DESC" : "ASC"} LIMIT ?`,
    );
    // -1: no limit (sqlite.org/lang_select.html).
    const rows = statement.all(...bounds, Number.isFinite(limit) ? Math.floor(limit) : -1);
    return rows.map(({ key, value }) => [String(key), String(value)]);
  }

  #statement(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const statement = this.#db.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }
}

const operators = [
  ["gt", ">"],
  ["gte", ">="],
  ["lt", "<"],
  ["lte", "<="],
] as const;

/** The part of `range` that is still to come, behind `key`. */
function without(range: RowRange, side: "gt" | "lt", key: string): RowRange {
  const { gt, gte, lt, lte, ...others } = range;
  if (side === "gt") {
    return { ...others, gt: key, ...(lt !== undefined && { lt }), ...(lte !== undefined && { lte }) };
  }
  return { ...others, lt: key, ...(gt !== undefined && { gt }), ...(gte !== undefined && { gte }) };
}

/** What each batch changed, in the file itself: how one process hears of what another has written. */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Change } from "../port/changes.ts";

/** Batches kept: whoever is further behind reads everything again instead. */
const kept = 512;

export class ChangeLog {
  readonly #version: StatementSync;
  readonly #last: StatementSync;
  readonly #behind: StatementSync;
  readonly #insert: StatementSync;
  readonly #trim: StatementSync;
  #seenVersion: number;
  /** The last batch that this process knows of: its own, or one it has read here. */
  #turn: number;

  constructor(db: DatabaseSync) {
    this.#version = db.prepare("PRAGMA data_version");
    this.#last = db.prepare("SELECT max(turn) AS turn FROM changes");
    this.#behind = db.prepare("SELECT turn, batch FROM changes WHERE turn > ? ORDER BY turn");
    this.#insert = db.prepare("INSERT INTO changes VALUES (?, ?)");
    this.#trim = db.prepare("DELETE FROM changes WHERE turn <= ?");
    // Before the turn: a batch in between is noticed.
    this.#seenVersion = this.#dataVersion();
    this.#turn = Number(this.#last.get()?.turn ?? 0);
  }

  /** Something was written by others since the last news; cheap (sqlite.org/pragma.html#pragma_data_version). */
  hasNews(): boolean {
    return this.#dataVersion() !== this.#seenVersion;
  }

  /** What others have written since, in order; then `reopened` when some of it is no longer told. */
  read(): News {
    const version = this.#dataVersion();
    const rows = this.#behind.all(this.#turn);
    const first = Number(rows[0]?.turn ?? this.#turn + 1);
    const changes = rows.flatMap(({ batch }) => JSON.parse(String(batch)) as Change[]);
    if (first > this.#turn + 1) changes.push({ type: "reopened" });
    return { changes, version, turn: Number(rows.at(-1)?.turn ?? this.#turn) };
  }

  /** To be called once these news, and what was written behind them in the same transaction, are sure. */
  heard(news: News): void {
    this.#turn = news.turn;
    this.#seenVersion = news.version;
  }

  /** Within a transaction whose news have been read. Answers these, with the turn of this batch. */
  write(news: News, changes: readonly Change[]): News {
    const turn = news.turn + 1;
    this.#insert.run(turn, JSON.stringify(changes));
    this.#trim.run(turn - kept);
    return { ...news, turn };
  }

  #dataVersion(): number {
    return Number(this.#version.get()?.data_version);
  }
}

export interface News {
  readonly changes: readonly Change[];
  /** The last batch told by them. */
  readonly turn: number;
  /** SQLite's own count of what others wrote. */
  readonly version: number;
}

/** The store's contract on an SQLite file; a failed write is a transaction whose commit is refused. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { onTestFinished } from "vitest";
import { openSqliteStore } from "../../hub/store/sqlite/sqlite-store.ts";
import { silentLogger } from "../../shared/log.ts";
import { noon } from "../support/records.ts";
import { tempFolder } from "../support/temp-folder.ts";
import type { FailingWrite, OpenOptions, StoreWorld } from "./store/world.ts";
import { storeCases } from "./store-cases.ts";

storeCases("SQLite", async (options: OpenOptions = {}): Promise<StoreWorld> => {
  const file = join(await tempFolder("sqlite-store"), "hub.sqlite");
  const clock = { at: noon };
  let failing: FailingWrite | null = null;
  const connect = (path: string) => {
    const db = new DatabaseSync(path, { timeout: 5 });
    const exec = db.exec.bind(db);
    const guarded = (sql: string) => {
      if (sql !== "COMMIT" || failing === null) return exec(sql);
      const { after = 0, isWritten = false } = failing;
      failing = after > 0 ? { after: after - 1, isWritten } : null;
      if (after > 0 || isWritten) exec(sql);
      if (after === 0) throw new Error("database or disk is full");
    };
    Object.assign(db, { exec: guarded });
    return db;
  };
  const open = () =>
    openSqliteStore({
      file,
      clock: { now: () => clock.at, monotonic: () => performance.now() },
      random: randomBytes,
      logger: silentLogger,
      connect,
      ...options,
    });
  let current = await open();
  onTestFinished(() => current.close());
  return {
    store: current,
    clock,
    failWrite: (how = {}) => {
      failing = how;
    },
    reopen: async () => {
      await current.close();
      current = await open();
      return current;
    },
    close: () => current.close(),
    tamper: async (change) => {
      await current.close();
      const db = new DatabaseSync(file);
      await change({
        rows: async (prefix) =>
          db
            .prepare("SELECT key, value FROM records WHERE key >= ? AND key < ? ORDER BY key")
            .all(prefix, `${prefix}~`)
            .map(({ key, value }) => [String(key), String(value)]),
        put: async (key, text) => {
          if (text === null) db.prepare("DELETE FROM records WHERE key = ?").run(key);
          else db.prepare("INSERT OR REPLACE INTO records VALUES (?, ?)").run(key, text);
        },
      });
      db.close();
      current = await open();
      return current;
    },
  };
});

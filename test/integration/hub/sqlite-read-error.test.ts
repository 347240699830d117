/** A read that fails within a batch on SQLite: the engine may have taken the transaction back by then. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, onTestFinished, test } from "vitest";
import { openSqliteStore } from "../../../hub/store/sqlite/sqlite-store.ts";
import { silentLogger } from "../../../shared/log.ts";
import { systemClock } from "../../../shared/system-process.ts";
import { anAgent } from "../../support/records.ts";
import { tempFolder } from "../../support/temp-folder.ts";

test("refuses all of its batch, and nothing of it is on disk", async () => {
  const file = join(await tempFolder("sqlite-read"), "hub.sqlite");
  let bad: string | null = null;
  const store = await openSqliteStore({
    file,
    clock: systemClock,
    random: randomBytes,
    logger: silentLogger,
    connect(path) {
      const db = new DatabaseSync(path, { timeout: 5 });
      const prepare = db.prepare.bind(db);
      const guarded = (sql: string) => {
        const statement = prepare(sql);
        if (!sql.startsWith("SELECT value FROM records")) return statement;
        const get = statement.get.bind(statement);
        const failing = (key: string) => {
          if (key !== bad) return get(key);
          // As after SQLITE_IOERR and SQLITE_NOMEM (SQLite documentation, "Response To Errors Within A Transaction").
          db.exec("ROLLBACK");
          throw new Error("disk I/O error");
        };
        return Object.assign(statement, { get: failing });
      };
      return Object.assign(db, { prepare: guarded });
    },
  });
  onTestFinished(() => store.close());
  const claim = { agent: "first", hub: "hub-1", fence: 1, epoch: "e", until: 0 };
  bad = "c/first";
  const both = await Promise.allSettled([
    store.takeIn({ claim, epoch: "e", expectMark: 0, newMark: 1, effects: [] }),
    store.putAgent(anAgent({ id: "second" }), null),
  ]);
  bad = null;
  expect(both).toMatchObject(both.map(() => ({ status: "rejected", reason: { code: "STORE_WRITE" } })));
  expect(await store.agent("second")).toBeNull();
  expect(await store.putAgent(anAgent({ id: "second" }), null)).toBe(true);
});

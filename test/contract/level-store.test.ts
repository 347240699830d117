/** The store's contract on LevelDB, with real files; a failed write is a batch that LevelDB never gets. */
import { randomBytes } from "node:crypto";
import { ClassicLevel } from "classic-level";
import { expect, onTestFinished, test } from "vitest";
import { openLevelStore } from "../../hub/store/level-store.ts";
import { silentLogger } from "../../shared/log.ts";
import { openDatabase } from "../../shared/storage/database-store.ts";
import { guardWrites } from "../support/guarded-writes.ts";
import { noon } from "../support/records.ts";
import { tempFolder } from "../support/temp-folder.ts";
import type { FailingWrite, OpenOptions, StoreWorld } from "./store/world.ts";
import { storeCases } from "./store-cases.ts";

storeCases("LevelDB", async (options: OpenOptions = {}): Promise<StoreWorld> => {
  const folder = await tempFolder("level-store");
  const clock = { at: noon };
  let failing: FailingWrite | null = null;
  const open = () =>
    openLevelStore({
      folder,
      clock: { now: () => clock.at, monotonic: () => performance.now() },
      random: randomBytes,
      logger: silentLogger,
      ...options,
      open: async (databaseOptions) => {
        const database = await openDatabase(databaseOptions);
        guardWrites(database.level, async (write) => {
          if (failing === null) return write();
          const { after = 0, isWritten = false } = failing;
          failing = after > 0 ? { after: after - 1, isWritten } : null;
          if (after > 0 || isWritten) await write();
          if (after === 0) throw new Error("no space left on device");
        });
        return database;
      },
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
      const level = new ClassicLevel<string, string>(folder);
      await change({
        rows: (prefix) => level.iterator({ gte: prefix, lt: `${prefix}~` }).all(),
        put: (key, text) => (text === null ? level.del(key) : level.put(key, text)),
      });
      await level.close();
      current = await open();
      return current;
    },
  };
});

test("jobs that a killed hub was at work on are due at once when the next one opens the database", async () => {
  const folder = await tempFolder("level-store");
  const clock = { now: () => noon, monotonic: () => performance.now() };
  const open = () => openLevelStore({ folder, clock, random: randomBytes, logger: silentLogger });
  const first = await open();
  const job = { id: "a/b", kind: "fetch", data: { n: 1 }, dueAt: noon - 5 };
  await first.schedule(job);
  expect(await first.claimDue(noon, 10, 60_000)).toEqual([job]);
  expect(await first.claimDue(noon, 10, 60_000)).toEqual([]);
  await first.close();
  const second = await open();
  onTestFinished(() => second.close());
  expect(await second.claimDue(noon, 10, 60_000)).toEqual([job]);
  await second.finishJob("a/b");
  expect(await second.claimDue(noon + 120_000, 10, 60_000)).toEqual([]);
});

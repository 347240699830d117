/** The store's contract on LevelDB, with real files; a failed write is a batch that LevelDB never gets. */
import { randomBytes } from "node:crypto";
import { onTestFinished } from "vitest";
import { openLevelStore } from "../../hub/store/level-store.ts";
import { silentLogger } from "../../shared/log.ts";
import { openDatabase } from "../../shared/storage/database-store.ts";
import { noon } from "../support/records.ts";
import { tempFolder } from "../support/temp-folder.ts";
import type { OpenOptions, StoreWorld } from "./store/world.ts";
import { storeCases } from "./store-cases.ts";

storeCases("LevelDB", async (options: OpenOptions = {}): Promise<StoreWorld> => {
  const folder = await tempFolder("level-store");
  const clock = { at: noon };
  let fails = false;
  const open = () =>
    openLevelStore({
      folder,
      clock: { now: () => clock.at, monotonic: () => performance.now() },
      random: randomBytes,
      logger: silentLogger,
      ...options,
      open: async (databaseOptions) => {
        const database = await openDatabase(databaseOptions);
        const batch = database.level.batch.bind(database.level);
        database.level.batch = ((...args: Parameters<typeof batch>) => {
          if (!fails) return batch(...args);
          fails = false;
          return Promise.reject(new Error("no space left on device"));
        }) as typeof database.level.batch;
        return database;
      },
    });
  let current = await open();
  onTestFinished(() => current.close());
  return {
    store: current,
    clock,
    failNextWrite: () => {
      fails = true;
    },
    reopen: async () => {
      await current.close();
      current = await open();
      return current;
    },
    close: () => current.close(),
  };
});

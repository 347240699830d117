/** The hub's store on real files, whose batches and reads a test can make fail. */
import { onTestFinished } from "vitest";
import { type LevelStore, type LevelStoreOptions, openLevelStore } from "../../hub/store/level-store.ts";
import { silentLogger } from "../../shared/log.ts";
import { openDatabase } from "../../shared/storage/database-store.ts";
import { systemClock, systemRandom } from "../../shared/system-process.ts";
import { guardWrites } from "./guarded-writes.ts";
import { tempFolder } from "./temp-folder.ts";

export interface FailingStore {
  readonly store: LevelStore;
  /** From now on batches are refused, or written although they are called refused; `null` ends that. */
  failWrites(how: "refused" | "written all the same" | null): void;
}

export async function failingStore(
  folder?: string,
  more: Pick<LevelStoreOptions, "downCap"> = {},
): Promise<FailingStore> {
  let how: "refused" | "written all the same" | null = null;
  const store = await openLevelStore({
    folder: folder ?? (await tempFolder("store")),
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    ...more,
    open: async (options) => {
      const database = await openDatabase(options);
      guardWrites(database.level, async (write) => {
        if (how !== "refused") await write();
        if (how !== null) throw new Error("no space left on device");
      });
      return database;
    },
  });
  onTestFinished(() => store.close());
  return {
    store,
    failWrites: (next) => {
      how = next;
    },
  };
}

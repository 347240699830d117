/** Forgets what is no longer selected and lies in no folder that is looked at: its records go, and nothing is told. */
import type { BytePath } from "../../shared/watch/paths.ts";
import type { BaselineStore } from "./baseline-store.ts";
import type { Selection } from "./selection.ts";

/** Memory for one batch, however many paths there are. Done again after a kill, it ends in the same. */
export async function forgetUnselected(
  baseline: Pick<BaselineStore, "within" | "write">,
  roots: readonly BytePath[],
  selection: Pick<Selection, "entryOf">,
): Promise<void> {
  for (const root of roots) {
    const rows = baseline.within(root);
    try {
      for (let batch = await rows.next(); batch.length > 0; batch = await rows.next()) {
        const gone = batch.filter(({ path }) => selection.entryOf(path) === null);
        if (gone.length > 0) {
          await baseline.write(
            gone.map(({ path }) => ({ path, record: null })),
            { sync: false },
          );
        }
      }
    } finally {
      await rows.close();
    }
  }
}

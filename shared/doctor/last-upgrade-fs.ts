/** Reads how the last upgrade of an installed program ended. */
import { layoutOf, type Product } from "../install/layout.ts";
import { lastOutcome, onDisk } from "../install/releases-fs.ts";
import { standOf } from "../install/trial.ts";
import type { LastUpgrade } from "./last-upgrade.ts";

/** Never rejects: files that may not be read are a finding beside the others. */
export async function lastUpgrade(product: Product, root = "/"): Promise<LastUpgrade> {
  const layout = layoutOf(product, root);
  const where = layout.outcome;
  try {
    const disk = await onDisk(layout, product);
    const outcome = await lastOutcome(layout);
    const pending = disk.pending === null ? null : { ...disk.pending, where: layout.pending };
    return { where, outcome, stand: standOf(disk).kind, pending, current: disk.current, unreadable: null };
  } catch (error) {
    const unreadable = error instanceof Error ? error.message : String(error);
    return { where, outcome: null, stand: "settled", pending: null, current: null, unreadable };
  }
}

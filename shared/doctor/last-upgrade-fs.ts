/** Reads how the last upgrade of an installed program ended. */
import { layoutOf, type Product } from "../install/layout.ts";
import { lastOutcome, onDisk } from "../install/releases-fs.ts";
import { standOf } from "../install/trial.ts";
import type { LastUpgrade } from "./last-upgrade.ts";

export async function lastUpgrade(product: Product, root = "/"): Promise<LastUpgrade> {
  const layout = layoutOf(product, root);
  const disk = await onDisk(layout, product);
  return {
    where: layout.outcome,
    outcome: await lastOutcome(layout),
    stand: standOf(disk).kind,
    current: disk.current,
  };
}

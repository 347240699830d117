/** Waits until a program that is about to run says how it is. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Health } from "./trial.ts";
import { lookEveryMs, type UpgradeHost } from "./upgrade-host.ts";

/** ms that a program which has just started takes until it answers. */
const answersWithinMs = 15_000;

/** How it is; `null` when it does not run, or has not answered in time. */
export async function answerOf({ product, service, health, limits }: UpgradeHost): Promise<Health | null> {
  const until = performance.now() + Math.min(answersWithinMs, limits.withinMs);
  for (;;) {
    const found = await health();
    if (found !== null || service === null || !(await service.isActive(product.unit))) return found;
    if (performance.now() > until) return null;
    await sleep(lookEveryMs);
  }
}

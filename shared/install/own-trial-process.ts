/** A program that was just upgraded looks after itself, when whoever upgraded it is gone. */
import { isSea } from "node:sea";
import { isPetrelError } from "../errors.ts";
import { killAt } from "../kill-point-process.ts";
import type { Logger } from "../log.ts";
import { layoutOf, type Product, rootOfProgram } from "./layout.ts";
import { usualLimits } from "./service-process.ts";
import type { Health } from "./trial.ts";
import { superviseOwnTrial } from "./upgrade-process.ts";

export interface OwnTrialOptions {
  readonly product: Product;
  readonly version: string;
  /** How this very program is. */
  readonly health: () => Promise<Health | null>;
  /** Ends this program, which its unit starts again: then as the version that is in force. */
  readonly end: () => void;
  readonly now: () => number;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Logger;
}

/** To be called once the program is up; resolves when there is nothing to judge any more. Never rejects. */
export async function judgeOwnTrial({
  product,
  version,
  health,
  end,
  now,
  env,
  log,
}: OwnTrialOptions): Promise<void> {
  // Sources are no one file; what stands in for one in tests says where it lies.
  const program = isSea() ? process.execPath : env.PETREL_PROGRAM;
  const root = program === undefined ? null : rootOfProgram(product, program);
  if (root === null) return;
  const service = {
    reload: async () => {},
    enable: async () => {},
    disable: async () => {},
    isActive: async () => true,
    isStopped: async () => false,
    restart: async () => {},
    renew: async () => {},
  };
  try {
    const outcome = await superviseOwnTrial(
      {
        product,
        layout: layoutOf(product, root),
        service,
        health,
        limits: usualLimits,
        now,
        told: (news) => log.info("upgrade", { news }),
        pass: killAt(env.PETREL_KILL_AT) ?? (() => {}),
      },
      version,
    );
    if (outcome !== null) log.info("the upgrade has ended", { ...outcome });
    // Not before it is said: killed in between, it starts as the old version all the same.
    if (outcome?.result === "rolled-back") end();
  } catch (error) {
    // Somebody upgrades at this moment, who judges then.
    if (isPetrelError(error) && error.code === "UPGRADE_RUNNING") return;
    log.error("the upgrade on trial could not be judged", { error });
  }
}

/** A program that was just upgraded looks after itself, when whoever upgraded it is gone. */
import { isSea } from "node:sea";
import { setTimeout as sleep } from "node:timers/promises";
import { isPetrelError } from "../errors.ts";
import { killAt } from "../kill-point-process.ts";
import type { Logger } from "../log.ts";
import { type Layout, layoutOf, type Product, rootOfProgram } from "./layout.ts";
import { onDisk } from "./releases-fs.ts";
import { hasSystemd, systemctl, usualLimits } from "./service-process.ts";
import { type Health, standOf } from "./trial.ts";
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
  const units = hasSystemd() ? systemctl() : { reload: async () => {} };
  const service = {
    reload: () => units.reload(),
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
    if (outcome?.result === "rolled-back" && outcome.to === version) end();
  } catch (error) {
    // Somebody upgrades at this moment, who judges then.
    if (isPetrelError(error) && error.code === "UPGRADE_RUNNING") return;
    log.error("the upgrade on trial could not be judged", { error });
  }
}

export interface LeaveOptions extends Pick<OwnTrialOptions, "product" | "version"> {
  readonly layout: Layout;
  readonly end: (why: string) => void;
  /** Told instead when it was to leave before it started: its next start would not end the way back either. */
  readonly unended: (why: string) => void;
  /** Told of the first look that showed nothing. */
  readonly unseen: (error: unknown) => void;
  /** ms that whoever goes back has for the restart, which follows the switch at once. */
  readonly graceMs: number;
  /** Resolves when it is time for the next look. Never rejects. */
  readonly pause: () => Promise<void>;
  readonly signal: AbortSignal;
}

/**
 * For a program that may not write to its own installation, and so cannot judge itself: while it is on trial it looks
 * whether it was taken back and is still there, since whoever did so was killed, and then ends; its unit starts it again, as
 * the version that is in force. To be called once it is up, and what it returns once it stops.
 */
export function followOwnTrial({
  product,
  version,
  log,
}: Pick<OwnTrialOptions, "product" | "version" | "log">): () => void {
  const stop = new AbortController();
  const root = isSea() ? rootOfProgram(product, process.execPath) : null;
  if (root !== null) {
    const end = (why: string) => {
      log.warn("this version was taken back, and ends", { why });
      process.kill(process.pid, "SIGTERM");
    };
    const layout = layoutOf(product, root);
    const unended = (why: string) =>
      log.error("this version was taken back, and its start has not ended that: it goes on", {
        why,
        hint: `as root: ${product.program} upgrade FILE, with the version that is wanted, ends it, or says what is in the way; journalctl -u ${product.unit}`,
        where: layout.pending,
      });
    const unseen = (error: unknown) =>
      log.error("whether this version was taken back cannot be seen at present", { error });
    const { signal } = stop;
    const pause = () => sleep(2_000, undefined, { signal, ref: false }).catch(() => {});
    const told = { end, unended, unseen };
    void leaveWhenTakenBack({ product, version, layout, ...told, graceMs: 30_000, pause, signal });
  }
  return () => stop.abort();
}

const unmarked = "it was taken back, and the disk took no word of why";

/** Resolves when its trial is over, when it was told `end` or `unended`, or when `signal` says so. Never rejects. */
export async function leaveWhenTakenBack(options: LeaveOptions): Promise<void> {
  const { product, layout, version, graceMs, pause, signal } = options;
  let since: number | null = null;
  let wasOnTrial = false;
  let hasToldUnseen = false;
  for (; !signal.aborted; await pause()) {
    const state = await onDisk(layout, product).catch((error: unknown) => {
      if (!hasToldUnseen) options.unseen(error);
      hasToldUnseen = true;
      return null;
    });
    if (state === null) continue;
    if (state.pending?.to !== version) return;
    const stand = standOf(state);
    // Without a mark it was taken back on a disk that takes none.
    const why = stand.kind === "back" ? stand.why : unmarked;
    if (stand.kind !== "back") wasOnTrial = true;
    if (stand.kind !== "back" && stand.kind !== "before") {
      since = null;
    } else if (since === null) {
      since = performance.now();
    } else if (performance.now() - since >= graceMs) {
      // The guard has looked at each start, and goes back itself where it can: to end again and again would be all.
      return wasOnTrial ? options.end(why) : options.unended(why);
    }
  }
}

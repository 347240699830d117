/**
 * The core of an upgrade, for whoever has a file: the command line, or an agent that was sent one by its hub.
 *
 *   1. `prepare(host, { file, sha256, ... })` (prepare-process.ts) verifies the file, puts it among the versions, and
 *      writes the record of the trial. Nothing that runs has changed; to call it again, or to do nothing more, is harmless.
 *   2. `carryOut(host)` switches, restarts the unit, watches the new version, and goes back when it is not well. It has
 *      to run where the restart does not end it: `carryOutElsewhere` (elsewhere-process.ts) starts
 *      `PROGRAM upgrade --carry-out` in a unit of its own, and `lastOutcome` (releases-fs.ts) says later how it ended.
 *   3. If whoever carries out is killed, or the power goes, the record is still there. At the next start of the program
 *      the guard counts starts, and has the old version judge the new one (guard.ts, `judge`); without systemd an
 *      agent judges itself (`superviseOwnTrial`).
 *
 * The order on disk: version, record, link, outcome, no record. On the way back: record with the reason, link, restart, outcome, no
 * record. `standOf` says what each state between means.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { timestamp } from "../clock.ts";
import { answerOf } from "./answer-process.ts";
import { comeInto, failureOf, mendTo, putBackUnits, renewGuard, renewUnits } from "./come-into-process.ts";
import { guardReason } from "./guard.ts";
import { isWayBackOpen, type Pending, type UpgradeOutcome } from "./pending.ts";
import {
  currentVersion,
  dropOldVersions,
  endPending,
  endPendingBySpare,
  markBack,
  onDisk,
  reserveWayBack,
  switchBack,
} from "./releases-fs.ts";
import { goodReason, standOf, Trial } from "./trial.ts";
import { inTurn, isTaken } from "./turn-process.ts";
import { lookEveryMs, notInstalled, type UpgradeHost } from "./upgrade-host.ts";

/**
 * Carries out what is prepared, or goes on with what was cut off. Resolves to how it ended; `null` when nothing is
 * prepared. Rejects with UPGRADE_RUNNING when another process does it already, and with SERVICE_FAILED when not even the
 * old version could be started: `current` leads to it then.
 */
export function carryOut(host: UpgradeHost): Promise<UpgradeOutcome | null> {
  const { unit, renews } = host.product;
  return finish(host, async () => (renews ? host.service?.renew(unit) : host.service?.restart(unit)));
}

/** As `carryOut`, of a version on trial that runs already: nothing is switched or started unless it has to go back. */
export async function judge(host: UpgradeHost): Promise<UpgradeOutcome | null> {
  const { kind } = standOf(await onDisk(host.layout, host.product));
  return kind === "trial" || kind === "back" ? finish(host, async () => {}) : null;
}

/**
 * What a program does at its start: if it is itself on trial and nobody carries the upgrade out any more, it judges
 * itself. Resolves to how it ended, `null` without a trial of its own; after `rolled-back` it has to end if it is not the
 * version that it went back to, and its unit starts that one.
 */
export async function superviseOwnTrial(host: UpgradeHost, own: string): Promise<UpgradeOutcome | null> {
  const { layout, product } = host;
  for (;;) {
    const state = await onDisk(layout, product);
    const { pending } = state;
    const stand = standOf(state).kind;
    const isBack = stand === "back" && pending?.from === own;
    if (pending === null || (pending.to !== own && !isBack)) return null;
    if (!isTaken(layout.lock)) {
      // It runs already: started once more, it would only be on trial anew.
      if (!isBack && (stand === "trial" || stand === "back")) return finish(host, async () => {});
      if (!isBack && stand !== "before") return null;
      const ended = await inTurn(layout.lock, async () => {
        // What was read without the turn may have ended before it came: nothing is said of another record than that.
        if (!isDeepStrictEqual((await onDisk(layout, product)).pending, pending)) return null;
        // Whoever went back was killed after the restart: what is left is to say so.
        if (isBack) return say(host, pending, { result: "rolled-back", why: pending.back ?? "" });
        // An earlier version went back, which wrote no mark, and was killed before the restart.
        const why = "the upgrade was cut off on its way back";
        return conclude(host, pending, { result: "rolled-back", why });
      });
      if (ended !== null) return ended;
    }
    await sleep(lookEveryMs);
  }
}

async function finish(host: UpgradeHost, start: () => Promise<void>): Promise<UpgradeOutcome | null> {
  if ((await currentVersion(host.layout)) === null) throw notInstalled(host);
  return inTurn(host.layout.lock, () => finishInTurn(host, start));
}

async function finishInTurn(host: UpgradeHost, start: () => Promise<void>): Promise<UpgradeOutcome | null> {
  const { layout, product, service, told, pass } = host;
  const state = await onDisk(layout, product);
  const stand = standOf(state);
  if (stand.kind === "lost") throw notInstalled(host);
  if (stand.kind === "mend") await mendTo(host, stand.version);
  const { pending } = state;
  if (pending === null || stand.kind === "settled") return null;
  if (pending.back !== null && state.present.includes(pending.from))
    return goBack(host, pending, pending.back);
  if (!state.present.includes(pending.to)) {
    const why = `version ${pending.to} is not there any more`;
    return conclude(host, pending, { result: "rolled-back", why });
  }
  const isStopped = stand.kind !== "trial" && service !== null && (await service.isStopped(product.unit));
  if (stand.kind !== "trial") {
    told(`switching from ${pending.from} to ${pending.to}`);
    const failed = await failureOf(async () => {
      const { from, to } = pending;
      await reserveWayBack(layout, {
        from,
        to,
        result: "rolled-back",
        why: untold,
        at: timestamp(host.now()),
      });
      await renewGuard(host);
      await comeInto(host, to);
    });
    // A full disk, or one that is read-only. What runs is of the old version, and goes on; unless somebody has started the new
    // one meanwhile: from here on nobody can.
    if (failed !== null) {
      const end: End = { result: "rolled-back", why: failed };
      await leadBack(host, pending, failed);
      const isStarted = (await answerOf(host))?.version === pending.to;
      return isStarted ? conclude(host, pending, end) : say(host, pending, end);
    }
    pass("switched");
  } else {
    // Whoever switched may have been killed before its units came.
    const failed = await failureOf(() => renewUnits(host, pending.to));
    // One that has changed the database stays, and is judged with the unit that it has.
    if (failed !== null && isWayBackOpen(pending)) return goBack(host, pending, failed);
    if (failed !== null) told(`the unit of ${pending.to} could not be put there: ${failed}`);
  }
  if (isStopped)
    return conclude(host, pending, { result: "upgraded", why: "it was not running, and was not started" });
  const end = await tried(host, pending, start);
  // The guard switches before it says so: to say the same once more is harmless, and its start is under way.
  if (end === null) {
    // A guard of an older installation knows of no units.
    await putBackUnits(host, pending.from);
    return say(host, pending, { result: "rolled-back", why: guardReason(pending.to) });
  }
  pass("judged");
  if (end.result === "rolled-back") return goBack(host, pending, end.why);
  return conclude(host, pending, end);
}

/** Has the old version run again. */
export async function goBack(host: UpgradeHost, pending: Pending, why: string): Promise<UpgradeOutcome> {
  await leadBack(host, pending, why);
  return conclude(host, pending, { result: "rolled-back", why });
}

/**
 * To go back is decided once: whoever is killed meanwhile leaves a mark, and the next start ends it. A full disk takes no mark, and
 * may be why one goes back; it takes the switch, for which a link is reserved, and after that the record means nothing, as
 * before there was one.
 */
async function leadBack(host: UpgradeHost, pending: Pending, why: string): Promise<void> {
  const { layout, told, pass } = host;
  told(`going back to ${pending.from}: ${why}`);
  const failed = await failureOf(() => markBack(layout, pending, why));
  if (failed !== null) told(`that it goes back could not be written down: ${failed}`);
  pass("marked");
  if ((await currentVersion(layout)) !== pending.from) await switchBack(layout, pending.from);
  await putBackUnits(host, pending.from);
  pass("back");
}

export type End = Pick<UpgradeOutcome, "result" | "why">;

/** While the record is there, somebody looks after the upgrade: it goes last, once the right version runs. */
async function conclude(host: UpgradeHost, pending: Pending, end: End): Promise<UpgradeOutcome> {
  if (end.result === "rolled-back") {
    let failed: unknown = null;
    await startOld(host, pending).catch((error: unknown) => {
      failed = error;
    });
    const outcome = await say(host, pending, end);
    if (failed !== null) throw failed;
    return outcome;
  }
  return say(host, pending, end);
}

/** One that answers lives on as the old version, and what it has started with it; one that does not is started anew. */
async function startOld(
  { product, service, health, limits }: UpgradeHost,
  { from, to }: Pending,
): Promise<void> {
  const answers = async () => (await health())?.version;
  if (!product.renews || (await answers()) !== to) return service?.restart(product.unit);
  const proof = { holds: async () => (await answers()) === from, withinMs: limits.withinMs };
  return service?.renew(product.unit, proof);
}

const untold = "the disk took no word of why; the log of whoever carried it out has it";

/** Writes down how it ended, and ends the record. To be called by who has the turn. */
export async function say(host: UpgradeHost, { from, to }: Pending, end: End): Promise<UpgradeOutcome> {
  const outcome = { from, to, ...end, at: timestamp(host.now()) };
  try {
    await endPending(host.layout, outcome);
  } catch (error) {
    // Switched back it has ended, whatever the record says. A version on trial that goes on needs somebody who ends that.
    if (end.result !== "rolled-back") throw error;
    host.told(`how it ended could not be written down: ${error instanceof Error ? error.message : error}`);
    const failed = await failureOf(() => endPendingBySpare(host.layout, outcome));
    if (failed !== null) host.told(`nor that it has ended: ${failed}`);
    return outcome;
  }
  host.pass("ended");
  // After a way back, too: else each version that was not well would stay. What has to end yet may be run of `to`.
  await dropOldVersions(host.layout, host.product, [from, to]);
  return outcome;
}

/** `null`: the guard has gone back meanwhile. */
async function tried(host: UpgradeHost, pending: Pending, start: () => Promise<void>): Promise<End | null> {
  const { product, service, told, pass } = host;
  // Nobody runs it here: that it says its version, as it did, is all that can be known.
  if (service === null) return { result: "upgraded", why: "it was not started" };
  const unwell = isWayBackOpen(pending) ? "rolled-back" : "kept";
  told(`starting version ${pending.to} as ${product.unit}`);
  try {
    await start();
  } catch (error) {
    return { result: unwell, why: error instanceof Error ? error.message : String(error) };
  }
  pass("restarted");
  const trial = new Trial(pending, host.limits, performance.now());
  for (;;) {
    const health = await host.health();
    if ((await currentVersion(host.layout)) !== pending.to) return null;
    const verdict = trial.look(health, performance.now());
    if (verdict.kind === "good") return { result: "upgraded", why: goodReason(pending, health) };
    if (verdict.kind === "bad") return { result: unwell, why: verdict.why };
    await sleep(lookEveryMs);
  }
}

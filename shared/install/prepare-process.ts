/** The first half of an upgrade: verifies the file, puts it among the versions, and writes the record of the trial. */
import { join } from "node:path";
import { timestamp } from "../clock.ts";
import { PetrelError } from "../errors.ts";
import { storedFormat } from "../storage/stored-format-store.ts";
import { answerOf } from "./answer-process.ts";
import { checkFit, goesBack } from "./candidate.ts";
import { checkCopy, describe } from "./candidate-process.ts";
import { mendTo, stageUnits } from "./come-into-process.ts";
import { programOf } from "./layout.ts";
import type { Pending } from "./pending.ts";
import { currentVersion, keep, onDisk, refuseUnsafe, withCopy, writePending } from "./releases-fs.ts";
import { type Health, standOf } from "./trial.ts";
import { inTurn } from "./turn-process.ts";
import { notInstalled, type UpgradeHost } from "./upgrade-host.ts";
import { goBack, say } from "./upgrade-process.ts";
import { commandFor, stepsBack } from "./way-back.ts";

export interface UpgradeFile {
  readonly file: string;
  /** In hexadecimal; `null`: nobody said. */
  readonly sha256: string | null;
  readonly allowDowngrade: boolean;
  readonly allowFormatChange: boolean;
  /** Where the database of the program is; absent: no way leads back over a format from here. */
  readonly store?: () => Promise<string>;
}

export interface Prepared {
  readonly from: string;
  readonly to: string;
  readonly sha256: string;
}

/** ms in which somebody who has prepared an upgrade has its turn to carry it out. */
const carriedOutWithinMs = 60_000;

/**
 * `null` when exactly this is in force already. Rejects with NOT_INSTALLED, INSTALL_UNSAFE, UPGRADE_DIGEST,
 * UPGRADE_ARCHITECTURE, UPGRADE_UNFIT, UPGRADE_OLDER, UPGRADE_FORMAT, UPGRADE_VERSION_TAKEN, UPGRADE_RUNNING,
 * UPGRADE_UNSEEN, FILE_UNREADABLE; then nothing has changed, but that an upgrade which was cut off may have ended: not for a
 * file whose digest is another.
 */
export async function prepare(host: UpgradeHost, given: UpgradeFile): Promise<Prepared | null> {
  const { layout } = host;
  if ((await currentVersion(layout)) === null) throw notInstalled(host);
  await refuseUnsafe(layout);
  return inTurn(layout.lock, () => prepareInTurn(host, given));
}

async function prepareInTurn(host: UpgradeHost, given: UpgradeFile): Promise<Prepared | null> {
  const { layout, product, pass } = host;
  const { from, pending } = await beforeUpgrade(host, given);
  return withCopy(layout, product, given.file, async (copy) => {
    const { sha256 } = copy;
    await checkCopy(copy, given.sha256, given.file);
    const installed = await describe(programOf(layout, product, from));
    const found = await describe(copy.path, given.file);
    const advice = {
      steps: stepsBack(host, given.file),
      upgrade: (...options: readonly string[]) => commandFor(host, "upgrade", "FILE", ...options),
    };
    const stored = await storedBefore(host, given, goesBack(found, installed));
    checkFit(found, { program: product.program, installed, ...given, ...stored, ...advice }, given.file);
    const to = found.version;
    refuseOther(pending, { to, sha256 }, host);
    const health = to === from ? null : await healthBefore(host);
    await keep(layout, product, copy, to);
    pass("staged");
    if (to === from) return null;
    await stageUnits(layout, { from, to, program: programOf(layout, product, to) });
    await writePending(layout, {
      from,
      to,
      sha256,
      at: timestamp(host.now()),
      linked: health?.linked ?? false,
      sensors: health?.sensors ?? [],
      formatFrom: installed.store_format,
      formatTo: found.store_format,
      back: null,
    });
    pass("pending");
    return { from, to, sha256 };
  });
}

/**
 * What the database really is, when a program is to go back over its format. UPGRADE_UNFIT while the service runs: it would
 * write what the older one cannot read.
 */
async function storedBefore(
  host: UpgradeHost,
  { file, store, allowDowngrade, allowFormatChange }: UpgradeFile,
  isBack: boolean,
): Promise<{ readonly stored?: number | null }> {
  const { layout, product, service, health } = host;
  if (!isBack || store === undefined || !allowDowngrade || !allowFormatChange) return {};
  const isStopped = service === null || (await service.isStopped(product.unit));
  if (!isStopped || (await health()) !== null)
    throw new PetrelError("UPGRADE_UNFIT", `${product.unit} runs, and its database has a later format`, {
      where: file,
      hint: stepsBack(host, file),
    });
  return { stored: await storedFormat(await store(), join(layout.base, "format")) };
}

/** The version in force, and an upgrade that was prepared before and is not carried out. */
async function beforeUpgrade(
  host: UpgradeHost,
  given: UpgradeFile,
): Promise<{ from: string; pending: Pending | null }> {
  const { layout, product } = host;
  const { pending, ...disk } = await onDisk(layout, product);
  const stand = standOf({ pending, ...disk });
  // What is mended here changes the host: not for a file that is refused at the first look.
  if (stand.kind === "mend" || stand.kind === "back")
    await withCopy(layout, product, given.file, (copy) => checkCopy(copy, given.sha256, given.file));
  if (stand.kind === "mend") {
    await mendTo(host, stand.version);
    return { from: stand.version, pending: null };
  }
  if (stand.kind === "lost" || disk.current === null) throw notInstalled(host);
  if (stand.kind === "back" && pending !== null) {
    const { from, to } = pending;
    // Without a service nobody is started: it is enough where the old version is in force, and the new one runs no more.
    const isBack = disk.current === from && (await host.health())?.version !== to;
    if (host.service !== null) await goBack(host, pending, stand.why);
    else if (isBack) await say(host, pending, { result: "rolled-back", why: stand.why });
    if (host.service !== null || isBack) return { from, pending: null };
  }
  if (stand.kind === "trial" || stand.kind === "back")
    throw new PetrelError("UPGRADE_RUNNING", `version ${disk.current} is still on trial`, {
      where: layout.pending,
      hint: "wait until it has shown that it is well, or has gone back",
    });
  return { from: disk.current, pending: stand.kind === "before" ? pending : null };
}

/** UPGRADE_RUNNING when somebody has just prepared another version, and is about to carry that out. */
function refuseOther(
  pending: Pending | null,
  { to, sha256 }: Pick<Prepared, "to" | "sha256">,
  { layout, now }: UpgradeHost,
): void {
  if (pending === null || (pending.to === to && pending.sha256 === sha256)) return;
  const age = now() - Date.parse(pending.at);
  if (!(age >= 0 && age < carriedOutWithinMs)) return;
  throw new PetrelError("UPGRADE_RUNNING", `an upgrade to ${pending.to} was prepared just now`, {
    where: layout.pending,
    hint: `wait for its end; if nobody carries it out, try again in ${carriedOutWithinMs / 1000} s`,
  });
}

/** `null` when it does not run. UPGRADE_UNSEEN when it does, and does not say how it is. */
async function healthBefore(host: UpgradeHost): Promise<Health | null> {
  const { product, service, layout } = host;
  const found = await answerOf(host);
  if (found !== null || service === null || !(await service.isActive(product.unit))) return found;
  throw new PetrelError("UPGRADE_UNSEEN", `${product.unit} runs, and does not say how it is`, {
    where: layout.config,
    hint: `see whether its data folder is the one that is named there; or stop it, upgrade, and start it: then nothing is judged`,
  });
}

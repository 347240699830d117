/** Has an upgrade carried out where a restart of the program does not end it: in a transient unit (systemd-run(1)). */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { PetrelError } from "../errors.ts";
import { upgradeUnit } from "./guard.ts";
import { programOf } from "./layout.ts";
import type { UpgradeOutcome } from "./pending.ts";
import type { Prepared } from "./prepare-process.ts";
import { lastOutcome, onDisk } from "./releases-fs.ts";
import { standOf } from "./trial.ts";
import type { UpgradeHost } from "./upgrade-host.ts";

/**
 * The program that is in force carries out what is prepared. Resolves when it has ended to how it ended; whoever asks may
 * be ended meanwhile by the very upgrade, and then finds it in `lastOutcome`. SERVICE_FAILED when the unit could not be
 * started, or was ended by somebody: then the guard looks after the upgrade at the next start.
 */
export async function carryOutElsewhere(
  { product, layout, limits }: Pick<UpgradeHost, "product" | "layout" | "limits">,
  { from, to }: Prepared,
): Promise<UpgradeOutcome> {
  const unit = upgradeUnit(product.name);
  const trial = ["--within", String(limits.withinMs / 1000), "--steady", String(limits.steadyMs / 1000)];
  const program = [programOf(layout, product, from), "upgrade", "--carry-out", ...trial];
  const before = await lastOutcome(layout);
  const failed = await promisify(execFile)("systemd-run", [
    ...["--unit", unit, "--collect", "--wait", "--quiet", ...program],
  ]).then(
    () => null,
    (cause: unknown) => cause,
  );
  // It ends with 1 when it has gone back, which the outcome says better.
  const outcome = await lastOutcome(layout);
  if (outcome !== null && outcome.to === to && outcome.at !== before?.at) return outcome;
  // Not switched, or back already, on a full disk say: no next start does anything about it.
  const isBefore = standOf(await onDisk(layout, product)).kind === "before";
  const next = isBefore
    ? `version ${from} is in force: nothing was switched, or it was taken back and the disk took no word of it; why is said there`
    : `the next start of ${product.unit} goes on with it`;
  throw new PetrelError("SERVICE_FAILED", `the upgrade was not carried out to its end${saidBy(failed)}`, {
    where: unit,
    hint: `see \`journalctl -u ${unit}\`; ${next}`,
    cause: failed,
  });
}

/** What systemd-run said when it could not start the unit: of that the journal has nothing. */
function saidBy(failed: unknown): string {
  const { stderr = "" } = (failed ?? {}) as { readonly stderr?: string };
  const said = stderr.trim().split("\n").at(-1) ?? "";
  if (said === "") return "";
  return /connect to bus/.test(said) ? `: ${said}; systemd-run needs D-Bus: install dbus` : `: ${said}`;
}

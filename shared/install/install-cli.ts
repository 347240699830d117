/** What the commands `install`, `uninstall` and `upgrade` of both programs have in common: the host, and the words. */
import { resolve } from "node:path";
import type { CliIo } from "../cli/cli-io.ts";
import { PetrelError } from "../errors.ts";
import { killAt } from "../kill-point-process.ts";
import { wantedDigest } from "./candidate-process.ts";
import { carryOutElsewhere } from "./elsewhere-process.ts";
import { failureOf, type Installed, type Uninstalled } from "./install-process.ts";
import { type Layout, layoutOf, type Product } from "./layout.ts";
import type { PlaceFlags, UpgradeFlags } from "./options-cli.ts";
import type { UpgradeOutcome } from "./pending.ts";
import type { Change } from "./plan-fs.ts";
import { prepare } from "./prepare-process.ts";
import { hasSystemd, systemctl, usualLimits } from "./service-process.ts";
import type { Health } from "./trial.ts";
import type { UpgradeHost } from "./upgrade-host.ts";
import { carryOut, judge } from "./upgrade-process.ts";

/** CLI_USAGE for limits that are none. */
export function hostOf(
  io: CliIo,
  product: Product,
  flags: PlaceFlags,
  health: (layout: Layout) => Promise<Health | null>,
): UpgradeHost {
  const root = flags.root === undefined ? "/" : resolve(io.cwd, flags.root);
  const layout = layoutOf(product, root);
  const hasService = flags.systemctl !== undefined || (flags.root === undefined && hasSystemd());
  return {
    product,
    layout,
    service: hasService ? systemctl(flags.systemctl) : null,
    health: () => health(layout),
    limits: {
      withinMs: seconds("--within", flags.within) ?? usualLimits.withinMs,
      steadyMs: seconds("--steady", flags.steady) ?? usualLimits.steadyMs,
    },
    now: () => io.now(),
    told: (news) => {
      if (flags.json !== true) io.err(`${news}\n`);
    },
    pass: killAt(io.env.PETREL_KILL_AT) ?? (() => {}),
  };
}

function seconds(option: string, text: string | undefined): number | null {
  if (text === undefined) return null;
  const value = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && value <= 3600) return value * 1000;
  throw new PetrelError("CLI_USAGE", `${option} takes seconds, up to 3600`, { where: option });
}

/**
 * Upgrades, and prints how it ended. Beside a real systemd the second half runs in a unit of its own: it goes on when
 * the terminal that began it is closed. `store`: the folder of the program's database.
 */
export async function upgrade(
  io: CliIo,
  host: UpgradeHost,
  file: string | undefined,
  flags: UpgradeFlags,
  store: (layout: Layout) => Promise<string>,
): Promise<void> {
  process.on("SIGHUP", () => {});
  if (flags.judge === true) return sayUpgrade(io, host, flags, await judge(host));
  if (flags.carryOut === true) return sayUpgrade(io, host, flags, await carryOut(host));
  if (file === undefined) throw new PetrelError("CLI_USAGE", "which file is the new program?");
  const path = resolve(io.cwd, file);
  const prepared = await prepare(host, {
    file: path,
    sha256: await wantedDigest(path, flags, io.cwd),
    allowDowngrade: flags.allowDowngrade === true,
    allowFormatChange: flags.allowFormatChange === true,
    store: () => store(host.layout),
  });
  if (prepared === null) {
    const record = { result: "unchanged", from: null, to: null, why: "this version is in force already" };
    return io.out(flags.json ? `${JSON.stringify(record)}\n` : `${record.why}\n`);
  }
  if (flags.root !== undefined || flags.systemctl !== undefined || host.service === null)
    return sayUpgrade(io, host, flags, await carryOut(host));
  return sayUpgrade(io, host, flags, await carryOutElsewhere(host, prepared));
}

/** UPGRADE_ROLLED_BACK, UPGRADE_UNWELL when it was not well. */
async function sayUpgrade(
  io: CliIo,
  host: UpgradeHost,
  flags: PlaceFlags,
  outcome: UpgradeOutcome | null,
): Promise<void> {
  if (outcome === null) {
    const record = { result: "unchanged", from: null, to: null, why: "no upgrade is prepared" };
    return io.out(flags.json ? `${JSON.stringify(record)}\n` : `${record.why}\n`);
  }
  const failure = failureOf(outcome, host);
  if (failure !== null) throw failure;
  const { from, to, why } = outcome;
  await io.out(flags.json ? `${JSON.stringify(outcome)}\n` : `upgraded from ${from} to ${to}: ${why}\n`);
}

const verbs = { make: "made", change: "changed", keep: "kept", none: "as it was" } as const;
const futures = { make: "would make", change: "would change", keep: "would keep", none: "as it is" } as const;

/** One line for each change; for a file that was kept, the settings that it lacks. */
export function changesText(changes: readonly Change[], dryRun: boolean): string {
  return changes
    .map(({ path, step, missing }) => {
      const line = `${(dryRun ? futures : verbs)[step]} ${path}\n`;
      if (missing.length === 0) return line;
      return `${line}  it was edited; what this command would have written besides:\n${missing.map((text) => `    ${text}\n`).join("")}`;
    })
    .join("");
}

/** For `--json`. */
export function installedRecord({ version, before, changes, upgrade }: Installed) {
  return {
    version,
    before,
    changes: changes.map(({ path, step, missing }) => ({ path, step, missing })),
    upgraded_from: upgrade?.from ?? null,
  };
}

export async function sayUninstalled(
  io: CliIo,
  flags: PlaceFlags,
  { removed, kept }: Uninstalled,
): Promise<void> {
  if (flags.json) return io.out(`${JSON.stringify({ removed, kept })}\n`);
  const lines = [
    ...removed.map((path) => `removed ${path}`),
    ...kept.map((path) => `kept ${path}; --purge takes it too`),
  ];
  await io.out(lines.length === 0 ? "nothing is installed\n" : lines.map((line) => `${line}\n`).join(""));
}

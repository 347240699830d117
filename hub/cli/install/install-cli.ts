/** `petrel install`, `uninstall` and `upgrade`: the hub of this host, and the command line with it. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import type { Command } from "commander";
import { withExample } from "../../../shared/cli/program-cli.ts";
import { PetrelError } from "../../../shared/errors.ts";
import { makeUser } from "../../../shared/install/account-process.ts";
import { ownBinary } from "../../../shared/install/candidate-process.ts";
import { guardText } from "../../../shared/install/guard.ts";
import {
  changesText,
  hostOf,
  installedRecord,
  sayUninstalled,
  upgrade,
} from "../../../shared/install/install-cli.ts";
import { install, requireRoot, uninstall } from "../../../shared/install/install-process.ts";
import { type Layout, layoutOf } from "../../../shared/install/layout.ts";
import {
  type PlaceFlags,
  type UpgradeFlags,
  withPlace,
  withTrial,
  withUpgradeOptions,
} from "../../../shared/install/options-cli.ts";
import type { UpgradeHost } from "../../../shared/install/upgrade-host.ts";
import { apiFilePath, readApiFile } from "../../http/api-file-fs.ts";
import { exampleHubConfig } from "../../install/example-config.ts";
import { hubHealth } from "../../install/health-http.ts";
import { hubProduct, hubUser } from "../../install/product.ts";
import { hubUnit } from "../../install/unit.ts";
import type { CliContext, NounCommands } from "../context-cli.ts";

interface InstallFlags extends PlaceFlags {
  readonly binary?: string;
  /** False with `--no-start`. */
  readonly start?: boolean;
  readonly dryRun?: boolean;
}

const health = (layout: Layout) => hubHealth(layout.state);

/** Its unit names the data folder. */
const storeFolder = async (layout: Layout) => join(layout.state, "store");

/** ms that a first start has: it makes the fleet's keys. */
const answerWithinMs = 60_000;
const lookEveryMs = 300;

/** What the host's own unit names, whatever root it is written below. */
const hostLayout = layoutOf(hubProduct);
const unit = hubUnit({
  program: `${hostLayout.current}/${hubProduct.program}`,
  guard: hostLayout.guard,
  state: hubProduct.state,
  user: hubUser,
});

/** The binary may be the hub's alone to read: its configuration can have the password of a broker in it. */
async function handOver({ layout }: UpgradeHost): Promise<void> {
  const run = promisify(execFile);
  await run("chown", [`${hubUser}:${hubUser}`, layout.state]);
  await run("chown", [`root:${hubUser}`, layout.config]);
  await run("chmod", ["0640", layout.config]);
}

async function runInstall({ io }: CliContext, flags: InstallFlags): Promise<void> {
  requireRoot(flags.root, hubProduct.program);
  const host = hostOf(io, hubProduct, flags, health);
  const dryRun = flags.dryRun === true;
  const done = await install(host, {
    binary: await ownBinary(flags.binary, io.cwd, hubProduct.program),
    dryRun,
    texts: {
      guard: guardText(hubProduct),
      config: exampleHubConfig,
      usualConfig: exampleHubConfig,
      units: { [hubProduct.unit]: unit },
    },
  });
  if (!dryRun && flags.root === undefined) {
    if (await makeUser(hubUser, hubProduct.state)) io.err(`made user ${hubUser}\n`);
    await handOver(host);
  }
  const started = !dryRun && flags.start !== false && host.service !== null;
  if (started) await host.service?.enable(hubProduct.unit);
  const answers = started && (await isUp(host));
  if (started && !answers)
    throw new PetrelError("SERVICE_FAILED", "the hub was installed and started, and does not answer", {
      where: hubProduct.unit,
      hint: `journalctl -u ${hubProduct.unit}`,
    });
  const url = answers ? ((await readApiFile(host.layout.state))?.url ?? null) : null;
  const keyFile = apiFilePath(host.layout.state);
  const next = answers ? "petrel agent token" : `systemctl enable --now ${hubProduct.unit}`;
  const record = { ...installedRecord(done), started, url, key_file: keyFile, next: dryRun ? null : next };
  if (flags.json) return io.out(`${JSON.stringify(record)}\n`);
  const isSame = done.changes.length === 0 && done.upgrade === null && done.before !== null;
  const how = isSame ? "is installed as it should be" : dryRun ? "would be installed" : "is installed";
  await io.out(
    [
      `${changesText(done.changes, dryRun)}petrel ${done.version} ${how}`,
      ...(url === null ? [] : [`the hub's API: ${url}; its key is in ${keyFile}, which root may read`]),
      ...(dryRun ? [] : [`now: ${next}`]),
      "",
    ].join("\n"),
  );
}

async function isUp(host: UpgradeHost): Promise<boolean> {
  const until = performance.now() + answerWithinMs;
  for (;;) {
    if ((await host.health()) !== null) return true;
    if (performance.now() > until) return false;
    await sleep(lookEveryMs);
  }
}

export const installCommand: NounCommands = (noun, context) => {
  withTrial(noun)
    .option("--binary <file>", "the program to install; without it the one that runs")
    .option("--no-start", "install, and start nothing")
    .option("--dry-run", "say what would be done, and do nothing");
  withExample(noun, "petrel install", "petrel install --root ./image --no-start").action(
    (_options: object, self: Command) =>
      runInstall(context, self.optsWithGlobals<InstallFlags & { wait: number }>()),
  );
};

export const uninstallCommand: NounCommands = (noun, context) => {
  withPlace(noun).option("--purge", "its data, the fleet's keys and its configuration too");
  withExample(noun, "petrel uninstall").action(async (_options: object, self: Command) => {
    const flags = self.optsWithGlobals<PlaceFlags & { purge?: boolean }>();
    requireRoot(flags.root, hubProduct.program);
    const host = hostOf(context.io, hubProduct, flags, health);
    const units = [hubProduct.unit];
    await sayUninstalled(context.io, flags, await uninstall(host, { units, purge: flags.purge === true }));
  });
};

export const upgradeCommand: NounCommands = (noun, context) => {
  withExample(withUpgradeOptions(noun), "petrel upgrade ./petrel --sums SHA256SUMS").action(
    async (file: string | undefined, _options: object, self: Command) => {
      const flags = self.optsWithGlobals<UpgradeFlags>();
      if (flags.units === true) return context.io.out(JSON.stringify({ [hubProduct.unit]: unit }));
      requireRoot(flags.root, hubProduct.program);
      await upgrade(context.io, hostOf(context.io, hubProduct, flags, health), file, flags, storeFolder);
    },
  );
};

/** `petrel-agent install`, `uninstall` and `upgrade`. */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { CliIo } from "../../shared/cli/cli-io.ts";
import { PetrelError } from "../../shared/errors.ts";
import { makeUser } from "../../shared/install/account-process.ts";
import { ownBinary } from "../../shared/install/candidate-process.ts";
import { guardText } from "../../shared/install/guard.ts";
import {
  changesText,
  hostOf,
  installedRecord,
  sayUninstalled,
  upgrade,
} from "../../shared/install/install-cli.ts";
import { type Installed, install, requireRoot, uninstall } from "../../shared/install/install-process.ts";
import { type Layout, layoutOf } from "../../shared/install/layout.ts";
import type { PlaceFlags, UpgradeFlags } from "../../shared/install/options-cli.ts";
import type { UpgradeHost } from "../../shared/install/upgrade-host.ts";
import { parseSelector } from "../../shared/labels.ts";
import { enrollHost, tokenOf, tokenText } from "../identity/enroll-cli.ts";
import { readFleetFile } from "../identity/identity-fs.ts";
import type { InstallFlags } from "./commands-cli.ts";
import { agentConfigText } from "./config-text.ts";
import { exampleAgentConfig } from "./example-config.ts";
import { agentHealth, configOf, installedData } from "./health-http.ts";
import { keptText, movedText, notUsed } from "./kept.ts";
import { actionsUser, agentProduct } from "./product.ts";
import { actionsUnit, actionsUnitText, agentUnit } from "./unit.ts";

/** ms that a started agent has until it is linked, before the command says that it is not yet. */
const linkWithinMs = 60_000;
const lookEveryMs = 300;

/** What the host's own unit names, whatever root it is written below. */
const hostLayout = layoutOf(agentProduct);
const units = {
  [agentProduct.unit]: agentUnit({
    program: `${hostLayout.current}/${agentProduct.program}`,
    guard: hostLayout.guard,
  }),
  [actionsUnit]: actionsUnitText(),
};

const health = async (layout: Layout) => agentHealth(await installedData(layout));

export async function runInstall(io: CliIo, flags: InstallFlags): Promise<void> {
  requireRoot(flags.root, agentProduct.program);
  const host = hostOf(io, agentProduct, flags, health);
  const dryRun = flags.dryRun === true;
  // Before anything is written: what is wrong with a token is wrong with the command.
  const token = await tokenText(io, flags);
  if (token !== null) await tokenOf(io, { token });
  const identity = await readFleetFile(await installedData(host.layout)).catch(() => null);
  const isEnrolled = identity !== null;
  if (token !== null && flags.hub === undefined && !isEnrolled)
    throw new PetrelError("CLI_USAGE", "where is the hub?", { hint: "give it with --hub mqtts://HOST:PORT" });
  const asked = {
    hub: flags.hub ?? null,
    id: flags.id ?? null,
    token: token !== null,
    enrollAt: flags.enrollAt ?? null,
  };
  const kept = identity === null ? null : { ...identity, config: await configOf(host.layout) };
  const unused = kept === null ? [] : notUsed(asked, kept);
  const wishes = {
    hub: asked.hub,
    // A configuration with another name than the host's identity has would keep the agent from running.
    id: unused.includes("--id") ? null : asked.id,
    labels: labelsOf(flags.label ?? []),
  };
  const done = await install(host, {
    binary: await ownBinary(flags.binary, io.cwd, agentProduct.program),
    dryRun,
    texts: {
      guard: guardText(agentProduct),
      config: agentConfigText(wishes),
      usualConfig: exampleAgentConfig,
      units,
    },
  });
  if (kept !== null && flags.json !== true)
    io.err(`${keptText(asked, kept)}${dryRun ? "" : movedText(asked, kept)}`);
  const end = { enrolled: isEnrolled, not_used: unused };
  if (dryRun) return say(io, flags, done, { ...end, started: false, linked: false, next: null });
  if (flags.root === undefined && (await makeUser(actionsUser, "/nonexistent")))
    io.err(`made user ${actionsUser}\n`);
  const enrolled = isEnrolled || (token !== null && (await enrol(io, host, flags, { ...wishes, token })));
  const started = enrolled && flags.start !== false && (await start(host));
  const linked = started && (await isLinked(host));
  if (started && !linked && (await host.health()) === null)
    throw new PetrelError("SERVICE_FAILED", "the agent was installed and started, and does not answer", {
      where: agentProduct.unit,
      hint: `journalctl -u ${agentProduct.unit}`,
    });
  const next = nextStep(enrolled, started, linked);
  await say(io, flags, done, { ...end, enrolled, started, linked, next });
}

function labelsOf(texts: readonly string[]): Readonly<Record<string, string>> {
  const pairs = texts.map((text) => {
    const found = parseSelector(text);
    if (found !== null && Object.keys(found).length > 0) return found;
    throw new PetrelError("CLI_USAGE", `'${text}' is no label`, {
      where: "--label",
      hint: "write --label role=web",
    });
  });
  return Object.assign({}, ...pairs) as Record<string, string>;
}

async function enrol(
  io: CliIo,
  host: UpgradeHost,
  flags: InstallFlags,
  wishes: { readonly id: string | null; readonly token: string },
) {
  const { hub = "", enrollAt } = flags;
  const { agent, fingerprint } = await enrollHost(io, {
    data: await installedData(host.layout),
    config: host.layout.config,
    hub,
    ...(wishes.id !== null && { id: wishes.id }),
    token: wishes.token,
    ...(enrollAt !== undefined && { enrollAt }),
  });
  io.err(`${agent} is enrolled at ${hub}; its key is ${fingerprint}\n`);
  return true;
}

/** Also resolves to true when it ran before. */
async function start({ service, product }: UpgradeHost): Promise<boolean> {
  if (service === null) return false;
  await service.enable(product.unit);
  return true;
}

async function isLinked(host: UpgradeHost): Promise<boolean> {
  const until = performance.now() + linkWithinMs;
  for (;;) {
    const health = await host.health();
    if (health?.linked === true) return true;
    if (performance.now() > until) return false;
    await sleep(lookEveryMs);
  }
}

function nextStep(enrolled: boolean, started: boolean, linked: boolean): string | null {
  if (linked) return null;
  if (!enrolled) return "petrel-agent enroll --hub mqtts://HOST --token TOKEN, then the same install again";
  if (!started) return `systemctl enable --now ${agentProduct.unit}`;
  return `petrel-agent status; journalctl -u ${agentProduct.unit}`;
}

interface End {
  readonly enrolled: boolean;
  readonly started: boolean;
  readonly linked: boolean;
  /** Options without effect, since the host had an identity before. */
  readonly not_used: readonly string[];
  /** A command that people run now. */
  readonly next: string | null;
}

async function say(io: CliIo, flags: InstallFlags, done: Installed, end: End): Promise<void> {
  if (flags.json) return io.out(`${JSON.stringify({ ...installedRecord(done), ...end })}\n`);
  const { version, before, changes, upgrade: upgraded } = done;
  const dryRun = flags.dryRun === true;
  const head = changesText(changes, dryRun);
  const isSame = changes.length === 0 && upgraded === null && before !== null;
  const what = isSame
    ? `petrel-agent ${version} is installed as it should be`
    : `petrel-agent ${version} ${dryRun ? "would be" : "is"} installed${before === null || before === version ? "" : ` in place of ${before}`}`;
  const how = end.linked
    ? "; it is linked to the hub"
    : end.started
      ? "; it runs, and has no link to the hub yet"
      : "";
  await io.out(`${head}${what}${how}\n${end.next === null ? "" : `now: ${end.next}\n`}`);
}

export async function runUninstall(
  io: CliIo,
  flags: PlaceFlags & { readonly purge?: boolean },
): Promise<void> {
  requireRoot(flags.root, agentProduct.program);
  const host = hostOf(io, agentProduct, flags, health);
  const done = await uninstall(host, { units: Object.keys(units), purge: flags.purge === true });
  await sayUninstalled(io, flags, done);
}

const storeFolder = async (layout: Layout) => join(await installedData(layout), "store");

export async function runUpgrade(io: CliIo, file: string | undefined, flags: UpgradeFlags): Promise<void> {
  if (flags.units === true) return io.out(JSON.stringify(units));
  requireRoot(flags.root, agentProduct.program);
  await upgrade(io, hostOf(io, agentProduct, flags, health), file, flags, storeFolder);
}

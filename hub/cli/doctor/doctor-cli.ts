/** `petrel doctor`: looks at hub, host and fleet, says what is wrong and how to mend it; at the host alone while no hub answers. */
import { resolve } from "node:path";
import type { Command } from "commander";
import { CommandEnded, collect, withExample } from "../../../shared/cli/program-cli.ts";
import { type Setting, shownSettings } from "../../../shared/config/config.ts";
import { hubSettings } from "../../../shared/config/hub-config.ts";
import { bundleText, writeBundle } from "../../../shared/doctor/bundle-fs.ts";
import { type Finding, hasFault, requireChecks } from "../../../shared/doctor/finding.ts";
import { findingsText } from "../../../shared/doctor/findings-text.ts";
import { systemFacts } from "../../../shared/doctor/host-fs.ts";
import { journalOf } from "../../../shared/doctor/journal-process.ts";
import { createMasking, secretsOf, urlSecrets } from "../../../shared/doctor/masking.ts";
import { isPetrelError } from "../../../shared/errors.ts";
import { systemTimers } from "../../../shared/system-process.ts";
import { version } from "../../../shared/version.ts";
import { textIfThere } from "../../../shared/whole-file-fs.ts";
import { bundleLists, hubBundle, mostListed } from "../../doctor/bundle.ts";
import { offlineFindings } from "../../doctor/offline-process.ts";
import { localSecrets } from "../../doctor/secrets-fs.ts";
import { hubProduct } from "../../install/product.ts";
import type { ApiClient } from "../api-client-http.ts";
import type { CliContext, NounCommands } from "../context-cli.ts";
import { type FoundHubConfig, hubConfig } from "../hub/hub-config-cli.ts";
import { hubFolder } from "../hub-address-fs.ts";
import { toJson } from "../output.ts";
import { toldFindings } from "./told-findings.ts";

interface DoctorOptions {
  readonly bundle?: string;
  readonly check?: readonly string[];
}

/** A hub that is asked how it is should be there; one that has just been started gets a moment. */
const patienceMs = 1_000;

export const doctorCommand: NounCommands = (noun, context) => {
  noun
    .option(
      "--config <hub.yaml>",
      "settings of a hub on this machine, to be looked at when it does not answer",
    )
    .option("--check <name>", "only this check (repeatable)", collect)
    .option("--bundle <file.tar.gz>", "gather all of it in a new file for who helps, with secrets masked");
  withExample(noun, "petrel doctor", "petrel doctor --json", "petrel doctor --bundle doctor.tar.gz").action(
    async (options: DoctorOptions, self: Command) => {
      const api = context.api(self, patienceMs);
      const settings = await hubConfig(self, context.io).catch((error: unknown) => asError(error));
      const seen = await look(context, self, api, settings);
      const { isUp } = seen;
      const findings = chosen(seen.findings, options.check ?? []);
      const ok = !hasFault(findings);
      const bundle =
        options.bundle === undefined
          ? null
          : await pack(context, self, { api: isUp ? api : null, findings, settings, file: options.bundle });
      const { io, globals } = context;
      if (globals(self).json) await io.out(toJson({ ok, findings, ...(bundle !== null && { bundle }) }));
      else {
        await io.out(findingsText(findings));
        if (bundle !== null) await io.out(`\n${bundleText(bundle)}`);
      }
      if (!ok) throw new CommandEnded(1);
    },
  );
};

/** The hub names its checks itself: it may be newer than this command. CLI_USAGE. */
function chosen(findings: readonly Finding[], checks: readonly string[]): readonly Finding[] {
  requireChecks(checks, [...new Set(findings.map(({ check }) => check))]);
  return checks.length === 0 ? findings : findings.filter(({ check }) => checks.includes(check));
}

async function look(
  context: CliContext,
  self: Command,
  api: ApiClient,
  settings: FoundHubConfig | Error,
): Promise<{ readonly findings: readonly Finding[]; readonly isUp: boolean }> {
  try {
    const { items } = await api.ask<{ items: readonly unknown[] }>("GET", "/v1/doctor");
    return { findings: toldFindings(items), isUp: true };
  } catch (error) {
    // A hub elsewhere is nothing that could be looked at from here.
    if (!isPetrelError(error) || error.code !== "HUB_UNREACHABLE" || isElsewhere(context, self)) throw error;
    const of = {
      data: folderOf(context, self, settings),
      configFile: settings instanceof Error ? configFileOf(context, self) : settings.file,
      config: settings instanceof Error ? settings : settings.values,
      silence: error,
      now: context.io.now(),
    };
    return { findings: await offlineFindings(of, { timers: systemTimers }), isUp: false };
  }
}

function isElsewhere({ io, globals }: CliContext, self: Command): boolean {
  const { api, data } = globals(self);
  return api !== undefined || (data === undefined && (io.env.PETREL_API ?? "") !== "");
}

function folderOf({ io, globals }: CliContext, self: Command, settings: FoundHubConfig | Error): string {
  const named = settings instanceof Error ? null : settings.values.data;
  return hubFolder(globals(self).data ?? named ?? io.env.PETREL_DATA, io.cwd);
}

function configFileOf({ io }: CliContext, self: Command): string | null {
  const { config } = self.optsWithGlobals<{ readonly config?: string }>();
  return config === undefined ? null : resolve(io.cwd, config);
}

interface PackOptions {
  /** `null`: the hub does not answer. */
  readonly api: ApiClient | null;
  readonly findings: readonly Finding[];
  readonly settings: FoundHubConfig | Error;
  readonly file: string;
}

async function pack(context: CliContext, self: Command, { api, findings, settings, file }: PackOptions) {
  const { io, globals } = context;
  const lists = new Map<string, readonly unknown[]>();
  if (api !== null) {
    for (const { name, path } of bundleLists) {
      const { items } = await api.ask<{ items: readonly unknown[] }>("GET", path, {
        query: { limit: mostListed },
      });
      lists.set(name, items);
    }
  }
  const isHere = !isElsewhere(context, self);
  const [system, status, figures, journal, yaml, local] = await Promise.all([
    systemFacts(),
    api === null ? null : api.ask<object>("GET", "/v1/hub"),
    api === null ? null : api.ask<object>("GET", "/v1/top", { query: { agents: 100, chains: 0 } }),
    isHere ? journalOf(hubProduct.unit) : null,
    settings instanceof Error || settings.file === null ? null : textIfThere(settings.file).catch(() => null),
    isHere ? localSecrets(folderOf(context, self, settings)) : [],
  ]);
  const key = globals(self).apiKey;
  const known = [
    ...secretsOf(io.env),
    ...urlSecrets(yaml ?? ""),
    ...local,
    ...(key === undefined ? [] : [key]),
  ];
  const parts = hubBundle({
    findings,
    version,
    system,
    settings: settings instanceof Error ? { error: settings.message } : settingRows(hubSettings, settings),
    status,
    figures,
    lists,
    journal,
  });
  return writeBundle(resolve(io.cwd, file), parts, { masking: createMasking(known), now: io.now() });
}

const settingRows = (table: readonly Setting[], { values, origins, file }: FoundHubConfig) => ({
  file,
  settings: shownSettings(table, { values, origins }),
});

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));

/**
 * `petrel pack create | check | test | register | list | get | remove`; what agents run of it: `pack-placement-cli.ts`; packs
 * from elsewhere: `pack-install-cli.ts`.
 */
import { basename, resolve } from "node:path";
import type { Command } from "commander";
import { CommandEnded, collect, withExample } from "../../../shared/cli/program-cli.ts";
import type { PackView } from "../../http/views.ts";
import type { CliContext, NounCommands } from "../context-cli.ts";
import { ago } from "../relative-time.ts";
import { asIs, getVerb, listVerb } from "../verbs-cli.ts";
import { readConfigFile } from "./config-file-fs.ts";
import { nested, readSettings } from "./config-words.ts";
import { installVerbs } from "./pack-install-cli.ts";
import { assignedText, placementVerbs } from "./pack-placement-cli.ts";
import { testVerb } from "./pack-test-cli.ts";
import { contentsText, sendPack } from "./send-pack-cli.ts";

const path = "/v1/packs";
const at = (ref: string) => `${path}/${encodeURIComponent(ref)}`;

/** What works with a pack's folder alone. */
function offlineVerbs(noun: Command, context: CliContext): void {
  const { io } = context;
  const output = {
    stdout: (line: string) => void io.out(`${line}\n`),
    stderr: (line: string) => io.err(`${line}\n`),
  };
  withExample(
    noun
      .command("create <name>")
      .description("make a new pack that runs as it is")
      .option("--language <language>", "of its sensor and action: ts, python or exec", "ts")
      .option("--dir <folder>", "where its folder is made", "."),
    "petrel pack create mypack --language python --dir packs",
  ).action(async (name: string, options: { language: string; dir: string }, self: Command) => {
    const { packCreate } = await import("./pack-create-cli.ts");
    const json = context.globals(self).json === true;
    const dir = resolve(io.cwd, options.dir);
    throw new CommandEnded(await packCreate({ name, language: options.language, dir, json }, output));
  });
  withExample(
    noun.command("check <folder>").description("tell everything that is wrong with a pack"),
    "petrel pack check packs/mypack",
  ).action(async (folder: string, _options: object, self: Command) => {
    const { packCheck } = await import("./pack-check-cli.ts");
    const json = context.globals(self).json === true;
    throw new CommandEnded(await packCheck({ dir: folder, json }, output));
  });
}

function registerVerb(noun: Command, context: CliContext): void {
  withExample(
    noun
      .command("register <folder>")
      .description("send a pack to the hub, which gives it to its agents")
      .option("--config <file>", "its configuration, a YAML file; without it, what the hub has is kept")
      .option("--set <path=value>", "one attribute of its configuration (repeatable)", collect),
    "petrel pack register packs/mypack --set 'sensor.directories=[\"/srv/in\"]'",
  ).action(async (folder: string, options: { config?: string; set?: readonly string[] }, self: Command) => {
    const { readPackFolder } = await import("../../../shared/packs/read-pack-fs.ts");
    const files = await readPackFolder(resolve(context.io.cwd, folder));
    const changes = options.set === undefined ? undefined : readSettings(options.set);
    const base = options.config === undefined ? undefined : readConfigFile(context.io.cwd, options.config);
    const config =
      base === undefined && changes === undefined ? undefined : { ...base, ...nested(changes ?? {}) };
    const pack = await sendPack(self, context, {
      files,
      folder: basename(resolve(context.io.cwd, folder)),
      config,
    });
    await context.say(self, `${pack.ref} ${pack.version} is registered: ${contentsText(pack)}`, pack);
  });
}

export const packCommands: NounCommands = (noun, context) => {
  listVerb<PackView, PackView>(noun, context, {
    path,
    description: "list the registered packs",
    example: "petrel pack list",
    row: asIs,
    columns: [
      { header: "REF", value: (pack) => pack.ref },
      { header: "VERSION", value: (pack) => pack.version },
      { header: "REGISTERED", value: (pack, now) => ago(pack.registered_at, now) },
      { header: "ASSIGNED TO", value: (pack) => assignedText(pack.assigned_to), cut: true },
      { header: "SENSORS", value: (pack) => pack.sensors.length },
      { header: "RULES", value: (pack) => pack.rules.length },
      { header: "ACTIONS", value: (pack) => pack.actions.length },
      { header: "DESCRIPTION", value: (pack) => pack.description, cut: true },
    ],
  });
  getVerb<PackView>(noun, context, {
    path,
    argument: "ref",
    description: "show a pack and the refs of what it contains",
    example: "petrel pack get mypack",
  });
  offlineVerbs(noun, context);
  testVerb(noun, context);
  registerVerb(noun, context);
  installVerbs(noun, context);
  placementVerbs(noun, context);
  withExample(
    noun.command("remove <ref>").description("take a pack away from the hub and its agents"),
    "petrel pack remove mypack",
  ).action(async (ref: string, _options: object, self: Command) => {
    await context.api(self).ask("DELETE", at(ref));
    await context.say(self, `${ref} is gone`, { ref, removed: true });
  });
};

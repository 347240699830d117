/** `petrel pack install | show`: packs from folders, archives and git repositories. */
import type { Command } from "commander";
import { CommandEnded, withExample } from "../../../shared/cli/program-cli.ts";
import { errorReport, exitCodeOf, formatError, PetrelError } from "../../../shared/errors.ts";
import { plainLines } from "../../../shared/plain-text.ts";
import type { PackView, RegisteredPack } from "../../http/views.ts";
import type { CliContext } from "../context-cli.ts";
import { toJson } from "../output.ts";
import { readConfigFile } from "./config-file-fs.ts";
import { assignedText, selectorOf, waitForAgents } from "./pack-placement-cli.ts";
import type { ReadPack } from "./pack-source-fs.ts";
import { contentsText, sendPack } from "./send-pack-cli.ts";

interface InstallOptions {
  readonly config?: string;
  readonly assign?: boolean;
  readonly labels?: string;
}

interface Installed extends RegisteredPack {
  readonly source: string;
  readonly commit: string | null;
}

export function installVerbs(noun: Command, context: CliContext): void {
  withExample(
    noun
      .command("install <source...>")
      .description(
        "register packs from folders, archives (.tar, .tar.gz, .tgz) or git repositories (URL[=ref])",
      )
      .option(
        "--config <file>",
        "the pack's configuration, a YAML file; without it, what the hub has is kept",
      )
      .option("--assign", "let agents run it: all of them, or those with --labels")
      .option(
        "--labels <labels>",
        "with --assign: agents with these labels, beside those that run it already",
      ),
    "petrel pack install https://github.com/StackStorm-Exchange/stackstorm-csv.git",
    "petrel pack install git@git.example.org:ops/disks.git=v1.2.0 --assign --labels role=web --wait",
    "petrel pack install mypack.tar.gz packs/other",
  ).action(async (words: readonly string[], options: InstallOptions, self: Command) => {
    await install(words, options, self, context);
  });
  withExample(
    noun
      .command("show <source>")
      .description("show what a folder, archive or git repository holds, without a hub"),
    "petrel pack show https://github.com/StackStorm-Exchange/stackstorm-csv.git",
  ).action(async (word: string, _options: object, self: Command) => {
    await show(word, self, context);
  });
}

/**
 * All sources are read before anything is sent: a mistyped one changes nothing. Then each pack stands for itself: one
 * that the hub refuses keeps none of the others.
 */
async function install(
  words: readonly string[],
  options: InstallOptions,
  self: Command,
  context: CliContext,
): Promise<void> {
  const { io } = context;
  const labels = options.labels === undefined ? {} : selectorOf(options.labels);
  if (options.labels !== undefined && options.assign !== true) {
    throw new PetrelError("CLI_USAGE", "--labels says to which agents the pack is assigned", {
      hint: "give --assign, too",
    });
  }
  if (options.config !== undefined && words.length > 1) {
    throw new PetrelError("CLI_USAGE", "--config is the configuration of one pack", {
      hint: "install the packs one by one",
    });
  }
  const config = options.config === undefined ? undefined : readConfigFile(io.cwd, options.config);
  // From here on Ctrl-C ends the command in order: a clone is removed.
  context.api(self);
  const { readPackSource } = await import("./pack-source-fs.ts");
  const read: ReadPack[] = [];
  for (const word of words) read.push(await readPackSource(word, io));
  const packs = read.length === 1 ? read : await inOrder(read);

  const installed: Installed[] = [];
  let exit = 0;
  for (const pack of packs) {
    try {
      const record = await sendPack(self, context, { ...pack, config });
      const to =
        options.assign === true ? await assign(self, context, record.ref, labels) : record.assigned_to;
      const { source, commit } = pack;
      installed.push({ ...record, assigned_to: to, source, commit });
      await tell(self, context, { ...record, assigned_to: to }, pack);
    } catch (error) {
      if (packs.length === 1) throw error;
      exit ||= exitCodeOf(error);
      const isJson = context.globals(self).json === true;
      const report = { source: pack.source, error: errorReport(error) };
      io.err(plainLines(`${isJson ? JSON.stringify(report) : `${pack.source}: ${formatError(error)}`}\n`));
    }
  }
  if (context.globals(self).json) await io.out(toJson(installed));
  if (options.assign === true) {
    for (const { ref } of installed) {
      try {
        await waitForAgents(self, context, ref, options.labels);
      } catch (error) {
        if (!(error instanceof CommandEnded)) throw error;
        exit ||= error.code;
      }
    }
  }
  if (exit !== 0) throw new CommandEnded(exit);
}

/** What another one needs goes first. One with errors is told when it is sent. */
async function inOrder(packs: readonly ReadPack[]): Promise<readonly ReadPack[]> {
  const { parsePack } = await import("../../../shared/packs/parse-pack.ts");
  const { dependenciesFirst } = await import("../../../shared/packs/dependency.ts");
  return dependenciesFirst(packs, ({ files, folder }) => parsePack(files, { folder }).pack?.manifest ?? null);
}

async function assign(self: Command, context: CliContext, ref: string, labels: object) {
  const to = Object.keys(labels).length === 0 ? "all" : { add: labels };
  const url = `/v1/packs/${encodeURIComponent(ref)}/assignment`;
  return (await context.api(self).ask<PackView>("PUT", url, { body: { to } })).assigned_to;
}

async function tell(
  self: Command,
  context: CliContext,
  pack: RegisteredPack,
  { source, commit }: ReadPack,
): Promise<void> {
  if (context.globals(self).json) return;
  const from = commit === null ? source : `${source} at ${commit.slice(0, 12)}`;
  const to =
    pack.assigned_to.length === 0
      ? `no agent runs it yet: petrel pack assign ${pack.ref} --all`
      : `assigned to ${assignedText(pack.assigned_to)}`;
  const text = `${pack.ref} ${pack.version} is installed from ${from}: ${contentsText(pack)}; ${to}`;
  await context.io.out(`${plainLines(text)}\n`);
}

async function show(word: string, self: Command, context: CliContext): Promise<void> {
  const { readPackSource } = await import("./pack-source-fs.ts");
  const { parsePack } = await import("../../../shared/packs/parse-pack.ts");
  const { packContents } = await import("../../../shared/packs/contents.ts");
  const { invalidPack } = await import("../../packs/registration.ts");
  const { source, commit, folder, files } = await readPackSource(word, context.io);
  const { pack, problems } = parsePack(files, { folder });
  if (pack === null) throw invalidPack(problems);
  const { digest, bytes } = packContents(files);
  const refs = (items: readonly { readonly ref: string }[]) => items.map(({ ref }) => ref);
  await context.printRecord(self, {
    ...pack.manifest,
    source,
    commit,
    digest,
    size: bytes.byteLength,
    sensors: refs(pack.sensors),
    trigger_types: refs(pack.trigger_types),
    actions: refs(pack.actions),
    rules: refs(pack.rules),
    policies: refs(pack.policies ?? []),
    aliases: refs(pack.aliases ?? []),
    config: Object.keys(pack.config_schema),
    requirements: files.some(({ path }) => path === "requirements.txt"),
    warnings: problems.map(({ hint, ...problem }) => ({ ...problem, fix: hint })),
  });
}

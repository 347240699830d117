/** `petrel pack assign | config | status`: which agents run a pack, with what, and how far they are. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import { CommandEnded, collect, withExample } from "../../../shared/cli/program-cli.ts";
import { PetrelError } from "../../../shared/errors.ts";
import { parseSelector, selectorText } from "../../../shared/labels.ts";
import type { LabelSelector } from "../../../shared/model/pack.ts";
import { plainLines } from "../../../shared/plain-text.ts";
import type { PackConfigView, PackView } from "../../http/views.ts";
import type { PackOnAgent } from "../../packs/progress.ts";
import type { CliContext } from "../context-cli.ts";
import { toJson, toTable } from "../output.ts";
import { readConfigFile } from "./config-file-fs.ts";
import { readSettings } from "./config-words.ts";

const at = (ref: string) => `/v1/packs/${encodeURIComponent(ref)}`;
/** Milliseconds between two looks at the agents. */
const lookEveryMs = 300;

export function placementVerbs(noun: Command, context: CliContext): void {
  assignVerb(noun, context);
  configVerb(noun, context);
  statusVerb(noun, context);
}

/** One selector after the other, as a table shows it. */
export function assignedText(selectors: readonly LabelSelector[]): string {
  return selectors.map(selectorText).join(" or ");
}

interface AssignOptions {
  readonly labels?: string;
  readonly all?: boolean;
  readonly none?: boolean;
  readonly remove?: boolean;
  readonly config?: string;
  readonly set?: readonly string[];
}

function assignVerb(noun: Command, context: CliContext): void {
  withExample(
    noun
      .command("assign <ref>")
      .description("decide which agents run a pack, and with what configuration")
      .option("--labels <labels>", "agents with these labels, beside those that run it already")
      .option("--all", "every agent")
      .option("--none", "no agent")
      .option("--remove", "with --labels: not those agents any more")
      .option("--config <file>", "their configuration, a YAML file")
      .option("--set <path=value>", "one attribute of their configuration (repeatable)", collect),
    "petrel pack assign watch --labels role=web --set 'paths=[{path: /etc}]' --wait",
    "petrel pack assign watch --none",
  ).action(async (ref: string, options: AssignOptions, self: Command) => {
    const { labels, config, set } = options;
    const body = {
      to: assignTo(options),
      ...(config !== undefined && { config: readConfigFile(context.io.cwd, config) }),
      ...(set !== undefined && { set: readSettings(set) }),
    };
    const pack = await context.api(self).ask<PackView>("PUT", `${at(ref)}/assignment`, { body });
    const to = pack.assigned_to.length === 0 ? "no agent" : assignedText(pack.assigned_to);
    await context.say(self, `${ref} is assigned to ${to}`, pack);
    await waitForAgents(self, context, ref, options.remove === true ? undefined : labels);
  });
}

function assignTo({ labels, all, none, remove }: AssignOptions): object | string {
  const ways = [labels !== undefined, all === true, none === true].filter((given) => given).length;
  if (ways !== 1 || (remove === true && labels === undefined)) {
    throw new PetrelError("CLI_USAGE", "say which agents: one of --labels, --all, --none", {
      hint: "petrel pack assign watch --labels role=web",
    });
  }
  if (all === true) return "all";
  if (none === true) return "none";
  const selector = selectorOf(labels ?? "");
  return remove === true ? { remove: selector } : { add: selector };
}

/** Labels of a command line, at least one. Throws CLI_USAGE. */
export function selectorOf(text: string): LabelSelector {
  const selector = parseSelector(text);
  if (selector !== null && Object.keys(selector).length > 0) return selector;
  throw new PetrelError("CLI_USAGE", `'${text}' are no labels`, {
    hint: "write --labels role=web,site=berlin",
  });
}

interface ConfigOptions {
  readonly set?: readonly string[];
  readonly file?: string;
  readonly labels?: string;
  readonly remove?: boolean;
  readonly agent?: string;
  readonly layers?: boolean;
}

function configVerb(noun: Command, context: CliContext): void {
  withExample(
    noun
      .command("config <ref>")
      .description("show a pack's configuration as its sensors and actions get it, or change it")
      .option("--set <path=value>", "set one attribute, null removes it (repeatable)", collect)
      .option("--file <file>", "replace the whole configuration by a YAML file")
      .option("--labels <labels>", "change it for agents with these labels only")
      .option("--remove", "with --labels: those agents get what all get")
      .option("--agent <id>", "show it as this agent gets it")
      .option("--layers", "show what was set for all agents and for those with certain labels"),
    "petrel pack config mypack",
    "petrel pack config watch --set 'paths=[{path: /etc}]' --labels role=web --wait",
    "petrel pack config watch --agent web-1",
  ).action(async (ref: string, options: ConfigOptions, self: Command) => {
    const changes = [options.file !== undefined, options.set !== undefined, options.remove === true];
    const count = changes.filter((given) => given).length;
    const isShown = options.agent !== undefined || options.layers === true;
    if (count > 1) throw new PetrelError("CLI_USAGE", "--file, --set and --remove exclude each other");
    if (count > 0 && isShown)
      throw new PetrelError("CLI_USAGE", "--agent and --layers show; they go with no change");
    if (options.labels !== undefined && count === 0) {
      throw new PetrelError("CLI_USAGE", "--labels says for which agents something is changed", {
        hint: "give --set, --file or --remove; --agent shows what one agent gets",
      });
    }
    if (options.remove === true && options.labels === undefined) {
      throw new PetrelError("CLI_USAGE", "--remove goes with --labels", {
        hint: "to remove one attribute for all agents, set it to null",
      });
    }
    const view = await configView(ref, options, self, context);
    if (options.layers === true) {
      const { config, layers } = view;
      await context.printRecord(self, { all_agents: config, layers });
      return;
    }
    await context.printRecord(self, options.labels === undefined ? view.effective : layerOf(view, options));
    if (count > 0) await waitForAgents(self, context, ref, options.labels);
  });
}

function configView(
  ref: string,
  { set, file, labels, remove, agent }: ConfigOptions,
  self: Command,
  context: CliContext,
): Promise<PackConfigView> {
  const api = context.api(self);
  const query = labels === undefined ? {} : { labels: selectorText(selectorOf(labels)) };
  const url = `${at(ref)}/config`;
  if (file !== undefined) return api.ask("PUT", url, { query, body: readConfigFile(context.io.cwd, file) });
  if (set !== undefined) return api.ask("PATCH", url, { query, body: readSettings(set) });
  if (remove === true) return api.ask("DELETE", url, { query });
  return api.ask("GET", url, { query: { ...(agent !== undefined && { agent }) } });
}

/** What is set for these agents alone; nothing once it was removed. */
function layerOf({ layers }: PackConfigView, { labels = "" }: ConfigOptions): unknown {
  const wanted = selectorText(selectorOf(labels));
  return layers.find((layer) => selectorText(layer.labels) === wanted)?.config ?? {};
}

function statusVerb(noun: Command, context: CliContext): void {
  const { io } = context;
  withExample(
    noun
      .command("status <ref>")
      .description("show how far each agent is with the pack and its configuration")
      .option("--labels <labels>", "only agents with these labels"),
    "petrel pack status watch",
  ).action(async (ref: string, { labels }: { labels?: string }, self: Command) => {
    const rows = await agentsOf(self, context, ref, labels);
    const columns = [
      { header: "AGENT", value: (row: PackOnAgent) => row.agent },
      { header: "STATE", value: (row: PackOnAgent) => row.state },
      { header: "DETAIL", value: (row: PackOnAgent) => row.detail, cut: true },
    ];
    const json = context.globals(self).json;
    await io.out(json ? toJson(rows) : toTable(rows, columns, { columns: io.columns, nowMs: io.now() }));
  });
}

async function agentsOf(
  self: Command,
  context: CliContext,
  ref: string,
  labels: string | undefined,
): Promise<readonly PackOnAgent[]> {
  const query = labels === undefined ? {} : { labels: selectorText(selectorOf(labels)) };
  const url = `${at(ref)}/agents`;
  return (await context.api(self).ask<{ items: readonly PackOnAgent[] }>("GET", url, { query })).items;
}

/**
 * With `--wait`: until each agent that is connected has applied what it was given or failed to; one line for each, on
 * standard error when standard output is JSON. Ends the command with 1 unless all that are connected have applied it.
 */
export async function waitForAgents(
  self: Command,
  context: CliContext,
  ref: string,
  labels: string | undefined,
): Promise<void> {
  const seconds = context.waits(self);
  if (seconds === null) return;
  const deadline = performance.now() + seconds * 1000;
  let rows = await agentsOf(self, context, ref, labels);
  while (rows.some(({ state }) => state === "pending") && performance.now() < deadline) {
    await sleep(lookEveryMs);
    rows = await agentsOf(self, context, ref, labels);
  }
  const lines = rows.map(({ agent, state, detail }) => {
    const said = state === "pending" ? `not yet after ${seconds} s` : state;
    return `${agent}  ${said}${detail === null ? "" : `: ${detail}`}`;
  });
  const text = plainLines(`${lines.length === 0 ? "no agent that is known runs it" : lines.join("\n")}\n`);
  if (context.globals(self).json) context.io.err(text);
  else await context.io.out(text);
  if (rows.some(({ state }) => state === "pending" || state === "failed")) throw new CommandEnded(1);
}

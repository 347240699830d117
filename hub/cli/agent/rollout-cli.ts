/** `petrel agent upgrade`, and `petrel agent rollout list | get | follow | pause | resume | cancel` */
import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import { CommandEnded, wholeNumber, withExample } from "../../../shared/cli/program-cli.ts";
import { PetrelError } from "../../../shared/errors.ts";
import type { RolloutAgent } from "../../../shared/model/agent-rollout.ts";
import { plainLines } from "../../../shared/plain-text.ts";
import { spanMs } from "../../../shared/time-span.ts";
import type { RolloutAgentView, RolloutView } from "../../upgrades/rollout-desk.ts";
import type { ApiClient } from "../api-client-http.ts";
import type { CliContext } from "../context-cli.ts";
import { labelsOption } from "../labels-option.ts";
import { toJson, toTable } from "../output.ts";
import { ago } from "../relative-time.ts";
import { asIs, listVerb } from "../verbs-cli.ts";
import { type AddFlags, addRelease, withReleaseOptions } from "./release-cli.ts";
import { barText, countsText, newsLines, rolloutText, sentOf, stateText } from "./rollout-progress.ts";

const path = "/v1/agent-rollouts";
const at = (id: string) => `${path}/${encodeURIComponent(id)}`;
const lookEveryMs = 1_000;

interface UpgradeOptions extends AddFlags {
  readonly to?: string;
  readonly binary?: readonly string[];
  readonly labels?: string;
  readonly all?: boolean;
  readonly batch: number;
  readonly maxFailures: number;
  readonly within: string;
  readonly settle: string;
  readonly offlineFor: string;
  readonly skipOffline?: boolean;
  readonly allowDowngrade?: boolean;
  readonly detach?: boolean;
}

export function rolloutCommands(noun: Command, context: CliContext): void {
  upgradeVerb(noun, context);
  const rollout = noun.command("rollout").description("upgrades of many agents, batch by batch");
  withExample(rollout, "petrel agent rollout list");
  listVerb<RolloutView, RolloutView>(rollout, context, {
    path,
    description: "list the rollouts, oldest first",
    example: "petrel agent rollout list",
    row: asIs,
    columns: [
      { header: "ROLLOUT", value: (one) => one.id },
      { header: "VERSION", value: (one) => one.version },
      { header: "STATE", value: (one) => one.state },
      { header: "BEGAN", value: (one, now) => ago(one.started_at, now) },
      { header: "BY", value: (one) => one.user },
      { header: "AGENTS", value: (one) => countsText(one.counts), cut: true },
      { header: "REASON", value: (one) => one.reason, cut: true },
    ],
  });
  withExample(
    rollout.command("get <id>").description("show a rollout, and where each of its agents stands"),
    "petrel agent rollout get 01KBA0…",
  ).action((id: string, _options: object, self: Command) => show(context, self, id));
  withExample(
    rollout.command("follow <id>").description("watch a rollout to its end; Ctrl-C leaves it as it is"),
    "petrel agent rollout follow 01KBA0…",
  ).action((id: string, _options: object, self: Command) => follow(context, self, id));
  const verbs = [
    ["pause", "begin no further batch; agents in the midst go on"],
    ["resume", "go on; after too many failures those that were are forgiven"],
    ["cancel", "begin no further agent, ever; who installs goes on to its end"],
  ] as const;
  for (const [verb, description] of verbs) {
    withExample(
      rollout.command(`${verb} <id>`).description(description),
      `petrel agent rollout ${verb} 01KBA0…`,
    ).action(async (id: string, _options: object, self: Command) => {
      const changed = await context.api(self).ask<RolloutView>("POST", `${at(id)}/${verb}`);
      await context.say(self, rolloutText(changed), changed);
    });
  }
}

function upgradeVerb(noun: Command, context: CliContext): void {
  const command = noun
    .command("upgrade [agents...]")
    .description("upgrade agents from the hub, batch by batch; each goes back by itself when it is not well")
    .option("--to <version>", "a version of `petrel agent release list`; --version does as well")
    .option("--binary <file...>", "add these files first (one for each architecture), and upgrade to them")
    .option("--labels <labels>", "agents with these labels: role=web,site=berlin")
    .option("--all", "every agent")
    .option(
      "--batch <n>",
      "agents at once; the next batch begins when this one has ended",
      wholeNumber(1, 10_000),
      1,
    )
    .option(
      "--max-failures <n>",
      "begin no further batch once so many have failed or gone back",
      wholeNumber(1, 10_000),
      1,
    )
    .option("--within <duration>", "how long one agent may take", "15m")
    .option("--settle <duration>", "how long its link has to be up before it counts as healthy", "30s")
    .option("--offline-for <duration>", "how long agents that are away are waited for", "7d")
    .option("--skip-offline", "leave out agents that are away at their turn")
    .option("--allow-downgrade", "let agents take an older version, too")
    .option("--detach", "begin, and do not wait for the end");
  withExample(
    withReleaseOptions(command),
    "petrel agent upgrade --labels role=web --version 0.2.0 --batch 10 --max-failures 2",
    "petrel agent upgrade web-1 --binary dist/petrel-agent-linux-x64",
  ).action((agents: readonly string[], options: UpgradeOptions, self: Command) =>
    upgrade(context, self, agents, options),
  );
}

async function upgrade(
  context: CliContext,
  self: Command,
  agents: readonly string[],
  options: UpgradeOptions,
): Promise<void> {
  const { to, binary, labels, all } = options;
  if ([agents.length > 0, labels !== undefined, all === true].filter(Boolean).length !== 1)
    throw new PetrelError("CLI_USAGE", "say which agents: by name, by --labels, or --all", {
      hint: "petrel agent upgrade --labels role=web --version 0.2.0",
    });
  if ((to === undefined) === (binary === undefined))
    throw new PetrelError("CLI_USAGE", "say what to upgrade to: --version V, or --binary FILE", {
      hint: "`petrel agent release list` shows the versions that the hub has",
    });
  const seconds = (name: string, text: string) => {
    const ms = spanMs(text);
    if (ms !== null) return Math.round(ms / 1_000);
    throw new PetrelError("CLI_USAGE", `${name} '${text}' is no length of time`, {
      hint: "write 30s, 15m, 24h or 7d",
    });
  };
  const times = {
    within: seconds("--within", options.within),
    settle: seconds("--settle", options.settle),
    offline_for: seconds("--offline-for", options.offlineFor),
  };
  const chosen = {
    ...(agents.length > 0 && { agents }),
    ...(labels !== undefined && { labels: labelsOption([labels]) }),
  };
  let version = to;
  for (const file of binary ?? []) {
    const added = await addRelease(self, context, file, options);
    if (version !== undefined && version !== added.version)
      throw new PetrelError(
        "CLI_USAGE",
        `the files are of several versions: ${version} and ${added.version}`,
        {
          where: file,
        },
      );
    version = added.version;
  }
  const api = context.api(self);
  const begun = await api.ask<RolloutView>("POST", path, {
    body: {
      version,
      ...chosen,
      ...times,
      batch: options.batch,
      max_failures: options.maxFailures,
      allow_downgrade: options.allowDowngrade === true,
      skip_offline: options.skipOffline === true,
    },
  });
  if (options.detach === true)
    return context.say(
      self,
      `${rolloutText(begun)}\nfollow it: petrel agent rollout follow ${begun.id}`,
      begun,
    );
  await follow(context, self, begun.id);
}

async function agentsOf(api: ApiClient, id: string): Promise<readonly RolloutAgentView[]> {
  const agents: RolloutAgentView[] = [];
  for await (const lines of api.lines(`${at(id)}/agents`, {}))
    agents.push(...lines.map((line) => JSON.parse(line) as RolloutAgentView));
  return agents;
}

/** Ends with 1 when not every agent that was to be upgraded is healthy. */
async function follow(context: CliContext, self: Command, id: string): Promise<void> {
  const { io } = context;
  const api = context.api(self);
  const json = context.globals(self).json === true;
  io.exitOnInterrupt(`the rollout goes on: petrel agent rollout follow ${id}, or pause, or cancel`);
  const seen = new Map<string, RolloutAgent["state"]>();
  const isTerminal = io.columns !== undefined && !json;
  for (;;) {
    const rollout = await api.ask<RolloutView>("GET", at(id));
    const agents = await agentsOf(api, id);
    const news = newsLines(seen, agents);
    for (const { agent, state } of agents) seen.set(agent, state);
    if (!json) {
      const clear = isTerminal ? "\r\x1b[K" : "";
      const lines = news.map((line) => `${clear}${plainLines(line)}\n`).join("");
      const bar = isTerminal
        ? `${clear}${plainLines(barText(rollout, sentOf(agents), io.columns || 80))}`
        : "";
      if (lines !== "" || bar !== "") await io.out(`${lines}${bar}`);
    }
    // A stopped or paused one waits for a person, once nothing is under way any more.
    const inFlight = rollout.counts.sending + rollout.counts.installing;
    const waitsForPeople = (rollout.state === "stopped" || rollout.state === "paused") && inFlight === 0;
    if (rollout.ended_at !== null || waitsForPeople) {
      if (isTerminal) await io.out("\r\x1b[K");
      await context.say(self, endText(rollout), { ...rollout, agents });
      if (
        rollout.state !== "done" ||
        rollout.counts.failed + rollout.counts.rolled_back + rollout.counts.refused > 0
      )
        throw new CommandEnded(1);
      return;
    }
    await sleep(lookEveryMs);
  }
}

function endText(rollout: RolloutView): string {
  const text = rolloutText(rollout);
  return rollout.ended_at === null ? `${text}\ngo on: petrel agent rollout resume ${rollout.id}` : text;
}

async function show(context: CliContext, self: Command, id: string): Promise<void> {
  const { io } = context;
  const api = context.api(self);
  const rollout = await api.ask<RolloutView>("GET", at(id));
  const agents = await agentsOf(api, id);
  if (context.globals(self).json) return io.out(toJson({ ...rollout, agents }));
  const table = toTable(
    agents,
    [
      { header: "AGENT", value: (one) => one.agent },
      { header: "STATE", value: (one) => stateText(one.state) },
      { header: "BATCH", value: (one) => one.batch },
      { header: "FROM", value: (one) => one.from },
      { header: "CODE", value: (one) => one.code },
      { header: "REASON", value: (one) => one.reason, cut: true },
    ],
    { columns: io.columns, nowMs: io.now() },
  );
  await io.out(`${plainLines(rolloutText(rollout))}\n\n${table}`);
}

/** The commands of `petrel-agent`. */
import { resolve } from "node:path";
import type { Command } from "commander";
import type { CliIo } from "../shared/cli/cli-io.ts";
import { flagsOf } from "../shared/cli/config-flags.ts";
import { CommandEnded, collect, createProgram, withExample } from "../shared/cli/program-cli.ts";
import { type AgentConfig, agentSettings } from "../shared/config/agent-config.ts";
import type { ConfigLayers } from "../shared/config/config.ts";
import { formatError } from "../shared/errors.ts";
import { unpackBelow } from "../shared/runtime/unpacked-fs.ts";
import { version } from "../shared/version.ts";
import { coverageText } from "../shared/watch/coverage-text.ts";
import { userRules } from "./actions/action-user.ts";
import { ownUser } from "./actions/action-users-process.ts";
import { defaultQueueLimits } from "./actions/queue.ts";
import { agentFolder, runtimeFolder, socketOf, systemConfig } from "./agent-folder-fs.ts";
import type { DoctorFlags } from "./doctor/doctor-cli.ts";
import type { EnrollFlags } from "./identity/enroll-cli.ts";
import { installCommands } from "./install/commands-cli.ts";
import { agentProduct } from "./install/product.ts";
import { askCoverage, askStatus } from "./status/ask-http.ts";
import { statusText } from "./status/status-text.ts";
import { agentStoreFormat } from "./store/format.ts";

interface RunOptions {
  readonly label?: readonly string[];
  readonly config?: string;
  readonly exitWithParent?: boolean;
  readonly dev?: boolean;
  readonly tokenFile?: string;
  readonly [flag: string]: unknown;
}

async function run(io: CliIo, options: RunOptions): Promise<void> {
  try {
    await start(io, options);
  } catch (error) {
    if (!(error instanceof CommandEnded)) await endHanded(io);
    throw error;
  }
}

/** Never rejects: why the agent cannot start is what has to be told. */
async function endHanded(io: CliIo): Promise<void> {
  try {
    await (await import("./actions/handed-over-process.ts")).endHandedHere(runtimeFolder(io.env));
  } catch (error) {
    io.err(`what was handed over to this agent could not be ended: ${formatError(error)}\n`);
  }
}

/** What reads YAML and checks it is loaded by the commands that need it: it is half of what there is to load. */
async function settingsOf(io: CliIo, config: string | undefined, flags: ConfigLayers["flags"]) {
  const named = config === undefined ? undefined : resolve(io.cwd, config);
  const { readConfigFile } = await import("../shared/config/read-config-fs.ts");
  const { resolveConfig } = await import("../shared/config/config.ts");
  const file = await readConfigFile(named, systemConfig);
  return resolveConfig<AgentConfig>(agentSettings, { file, env: io.env, flags }).values;
}

async function start(io: CliIo, options: RunOptions): Promise<void> {
  const flags = flagsOf(
    { ...options, label: options.label?.join(",") },
    {
      data: "data",
      hub: "hub",
      id: "id",
      labels: "label",
      "log.level": "logLevel",
      "log.format": "logFormat",
    },
  );
  const values = await settingsOf(io, options.config, flags);
  const agent = {
    data: agentFolder(values.data, io.cwd),
    dev: options.dev === true,
    hub: values.hub,
    id: values.id,
    labels: values.labels,
    outboxMib: values.outbox.max_mib,
    virtualenv: { mode: values.packs.virtualenv, index: values.packs.pip_index },
    readySeconds: values.sensors.ready_seconds,
    actionUsers: userRules(values.actions, options.dev === true, ownUser()),
    policy: values.policy,
    queue: {
      ...defaultQueueLimits,
      concurrency: values.actions.concurrency,
      maxOpen: values.actions.max_open,
      actions: values.actions.limits,
    },
    drainSeconds: values.actions.drain_seconds,
    log: values.log,
    exitWithParent: options.exitWithParent === true,
  };
  // Users that actions run as read what is unpacked.
  unpackBelow(agent.data, 0o755);
  if (!agent.dev)
    await (await import("./identity/enroll-cli.ts")).enrollFirst(io, { ...options, data: agent.data });
  const { runAgent } = await import("./daemon-process.ts");
  throw new CommandEnded(await runAgent(agent));
}

interface StatusOptions {
  readonly data?: string;
  readonly config?: string;
  readonly json?: boolean;
}

async function socketFor(io: CliIo, options: StatusOptions): Promise<string> {
  const values = await settingsOf(io, options.config, flagsOf({ data: options.data }, { data: "data" }));
  return socketOf(agentFolder(values.data, io.cwd));
}

async function status(io: CliIo, options: StatusOptions): Promise<void> {
  const answer = await askStatus(await socketFor(io, options));
  await io.out(options.json ? `${JSON.stringify(answer, null, 2)}\n` : statusText(answer));
}

async function coverage(io: CliIo, options: StatusOptions): Promise<void> {
  const answer = await askCoverage(await socketFor(io, options));
  await io.out(options.json ? `${JSON.stringify(answer, null, 2)}\n` : coverageText(answer));
}

export function createPetrelAgent(io: CliIo): Command {
  const program = createProgram({
    name: "petrel-agent",
    version,
    description: "Petrel's agent: runs sensors and actions on this host, and tells the hub.",
    io,
  }).option("--json", "print JSON");
  withExample(program, "petrel-agent run --label role=web", "petrel-agent enroll --help");
  const start = program
    .command("run")
    .description("run the agent until it is told to stop")
    .option("--data <folder>", "its data folder")
    .option("--hub <url>", "where the hub's broker listens; without it where the agent enrolled")
    .option(
      "--token-file <file>",
      "enrol first if need be, with the token in this file (or PETREL_ENROLL_TOKEN)",
    )
    .option("--id <name>", "its name, unique in the fleet; without it the host's name")
    .option("--label <key=value>", "a label that rules choose agents by (repeatable)", collect)
    .option("--config <agent.yaml>", `settings; without it ${systemConfig} is read if it exists`)
    .option(
      "--dev",
      "for one machine: no identity; without actions.user, actions run as whoever runs the agent",
    )
    .option("--exit-with-parent", "end when standard input does: its parent has gone")
    .option("--log-level <level>", "debug, info, warn or error")
    .option("--log-format <format>", "text or json");
  withExample(
    start,
    "petrel-agent run --data /var/lib/petrel-agent",
    "petrel-agent run --dev --hub mqtt://127.0.0.1:1883 --id web-1",
  ).action((options: RunOptions) => run(io, options));
  const enroll = program
    .command("enroll")
    .description("make this host an agent of a fleet: its key is made here and never leaves it")
    .option("--hub <url>", "where the hub's broker listens, mqtts://HOST[:8883]")
    .option(
      "--token <token>",
      "from `petrel agent token`; - reads it from standard input (or PETREL_ENROLL_TOKEN)",
    )
    .option("--token-file <file>", "a file with the token")
    .option(
      "--root <fingerprint>",
      "the root key to expect, sha256:…; without a token somebody has to approve this host",
    )
    .option("--enroll-at <url>", "where hosts enrol, when an external broker has another port for that")
    .option("--id <name>", "its name, unique in the fleet; without it the host's name")
    .option("--data <folder>", "its data folder")
    .option("--config <agent.yaml>", `settings; without it ${systemConfig} is read if it exists`);
  withExample(
    enroll,
    "petrel-agent enroll --hub mqtts://hub.example.org --token petrel-token-2.…",
    "petrel-agent enroll --hub mqtts://hub.example.org --root sha256:…",
  ).action(async (_options: object, self: Command) =>
    (await import("./identity/enroll-cli.ts")).runEnroll(io, self.optsWithGlobals<EnrollFlags>()),
  );
  installCommands(program, io);
  withExample(
    program
      .command("status")
      .description("ask the agent that runs on this host how it is")
      .option("--data <folder>", "its data folder")
      .option("--config <agent.yaml>", `settings; without it ${systemConfig} is read if it exists`),
    "petrel-agent status --data /var/lib/petrel-agent",
  ).action((_options: object, self: Command) => status(io, self.optsWithGlobals<StatusOptions>()));
  withExample(
    program
      .command("coverage")
      .description("ask the agent that runs on this host how its files are watched, and what that cannot see")
      .option("--data <folder>", "its data folder")
      .option("--config <agent.yaml>", `settings; without it ${systemConfig} is read if it exists`),
    "petrel-agent coverage --data /var/lib/petrel-agent",
  ).action((_options: object, self: Command) => coverage(io, self.optsWithGlobals<StatusOptions>()));
  withExample(
    program
      .command("doctor")
      .description("look at this host and its agent: what is wrong, and how to mend it; changes nothing")
      .option("--data <folder>", "its data folder")
      .option("--hub <url>", "where the hub's broker listens; without it where the agent enrolled")
      .option("--config <agent.yaml>", `settings; without it ${systemConfig} is read if it exists`)
      .option("--check <name>", "only this check (repeatable)", collect)
      .option("--bundle <file.tar.gz>", "gather all of it in a new file for who helps, with secrets masked"),
    "petrel-agent doctor --bundle doctor.tar.gz",
  ).action(async (_options: object, self: Command) =>
    (await import("./doctor/doctor-cli.ts")).runDoctor(io, self.optsWithGlobals<DoctorFlags>()),
  );
  withExample(
    program
      .command("licenses")
      .description("what others have written and is inside, and under which licences"),
    "petrel-agent licenses | less",
  ).action(async (_options: object, self: Command) => {
    const { json } = self.optsWithGlobals<{ json?: boolean }>();
    await (await import("./licenses-cli.ts")).printLicenses(io, json === true);
  });
  withExample(program.command("version").description("print the version"), "petrel-agent version").action(
    (_options: object, self: Command) => {
      const json = self.optsWithGlobals<{ json?: boolean }>().json;
      const { node } = process.versions;
      const record = { program: agentProduct.program, version, node, store_format: agentStoreFormat };
      return io.out(json ? `${JSON.stringify(record)}\n` : `${version}\n`);
    },
  );
  return program;
}

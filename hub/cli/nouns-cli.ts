/** The nouns of `petrel`. Their commands are loaded when they are asked for, so that a start costs little. */
import { type Command, Option } from "commander";
import type { CliIo } from "../../shared/cli/cli-io.ts";
import { createProgram, wholeNumber, withExample } from "../../shared/cli/program-cli.ts";
import { version } from "../../shared/version.ts";
import { createContext, type NounCommands } from "./context-cli.ts";

interface Noun {
  readonly name: string;
  readonly description: string;
  /** For nouns that only lead to verbs. */
  readonly example?: string;
  readonly load: () => Promise<NounCommands>;
}

const nouns: readonly Noun[] = [
  {
    name: "hub",
    description: "start the hub, or ask how it is",
    load: async () => (await import("./hub/hub-cli.ts")).hubCommands,
  },
  {
    name: "run",
    description: "run an action and show its result",
    load: async () => (await import("./run/run-cli.ts")).runCommand,
  },
  {
    name: "execution",
    description: "runs of actions",
    example: "petrel execution list --status failed --since 24h",
    load: async () => (await import("./execution/execution-cli.ts")).executionCommands,
  },
  {
    name: "rule",
    description: "what happens when something happens",
    example: "petrel rule create alert.yaml",
    load: async () => (await import("./rule/rule-cli.ts")).ruleCommands,
  },
  {
    name: "rule-enforcement",
    description: "which rule fired on what",
    example: "petrel rule-enforcement list --rule mypack.on_change",
    load: async () => (await import("./rule-enforcement/rule-enforcement-cli.ts")).ruleEnforcementCommands,
  },
  {
    name: "trigger",
    description: "kinds of things that can happen",
    example: "petrel trigger list --pack mypack",
    load: async () => (await import("./trigger/trigger-cli.ts")).triggerCommands,
  },
  {
    name: "trigger-instance",
    description: "what happened",
    example: "petrel trigger-instance list --since 1h",
    load: async () => (await import("./trigger-instance/trigger-instance-cli.ts")).triggerInstanceCommands,
  },
  {
    name: "timer",
    description: "rules that come at a time, and when they come next",
    example: "petrel timer list",
    load: async () => (await import("./timer/timer-cli.ts")).timerCommands,
  },
  {
    name: "webhook",
    description: "where rules wait for requests from outside",
    example: "petrel webhook list",
    load: async () => (await import("./webhook/webhook-cli.ts")).webhookCommands,
  },
  {
    name: "file",
    description: "what changed in watched files, and who did it",
    example: "petrel file changes --path '/etc/**' --since 24h",
    load: async () => (await import("./file/file-cli.ts")).fileCommands,
  },
  {
    name: "change",
    description: "times in which changes of files are expected",
    example: "petrel change list --all",
    load: async () => (await import("./change/change-cli.ts")).changeCommands,
  },
  {
    name: "sensor",
    description: "what observes, and how it is doing",
    example: "petrel sensor list",
    load: async () => (await import("./sensor/sensor-cli.ts")).sensorCommands,
  },
  {
    name: "action",
    description: "what can be run",
    example: "petrel action get core.local",
    load: async () => (await import("./action/action-cli.ts")).actionCommands,
  },
  {
    name: "key",
    description: "the datastore: values and secrets for rules, sensors and actions",
    example: "petrel key set web.threshold 5",
    load: async () => (await import("./key/key-cli.ts")).keyCommands,
  },
  {
    name: "action-alias",
    description: "words in a chat that stand for actions",
    example: "petrel action-alias list --pack mypack",
    load: async () => (await import("./action-alias/action-alias-cli.ts")).actionAliasCommands,
  },
  {
    name: "policy",
    description: "how many runs of an action at once, and when it runs again",
    example: "petrel policy list --action mypack.deploy",
    load: async () => (await import("./policy/policy-cli.ts")).policyCommands,
  },
  {
    name: "pack",
    description: "sensors, triggers, rules and actions that belong together",
    example: "petrel pack register packs/mypack",
    load: async () => (await import("./pack/pack-cli.ts")).packCommands,
  },
  {
    name: "override",
    description: "what is switched on and off in packs, whatever their files say",
    example: "petrel override set mypack overrides.yaml",
    load: async () => (await import("./override/override-cli.ts")).overrideCommands,
  },
  {
    name: "alert",
    description: "telling people, by webhook, Slack, mail or syslog",
    example: "petrel alert test mail",
    load: async () => (await import("./alert/alert-cli.ts")).alertCommands,
  },
  {
    name: "agent",
    description: "the hosts of the fleet",
    example: "petrel agent label web-1 role=web",
    load: async () => (await import("./agent/agent-cli.ts")).agentCommands,
  },
  {
    name: "top",
    description: "watch the fleet: agents, rates, lag, the last chains",
    load: async () => (await import("./top/top-cli.ts")).topCommand,
  },
  {
    name: "dead-letter",
    description: "what arrived and could not be used",
    example: "petrel dead-letter list",
    load: async () => (await import("./dead-letter/dead-letter-cli.ts")).deadLetterCommands,
  },
  {
    name: "gap",
    description: "what is missing in the agents' ledgers",
    example: "petrel gap list --since 24h",
    load: async () => (await import("./gap/gap-cli.ts")).gapCommands,
  },
  {
    name: "apikey",
    description: "keys of the hub's API: for whom, for what, until when",
    example: "petrel apikey create ci --role operator --scope action:run:mypack.deploy",
    load: async () => (await import("./apikey/apikey-cli.ts")).apiKeyCommands,
  },
  {
    name: "audit",
    description: "who asked the hub for what, and what it can prove of its history",
    example: "petrel audit verify",
    load: async () => (await import("./audit/audit-cli.ts")).auditCommands,
  },
  {
    name: "doctor",
    description: "look at hub, host and fleet: what is wrong or weak, and how to mend it",
    load: async () => (await import("./doctor/doctor-cli.ts")).doctorCommand,
  },
  {
    name: "backup",
    description: "copy the data of a running hub",
    load: async () => (await import("./backup/backup-cli.ts")).backupCommand,
  },
  {
    name: "restore",
    description: "make a hub's data folder of a backup, while no hub runs on it",
    load: async () => (await import("./restore/restore-cli.ts")).restoreCommand,
  },
  {
    name: "install",
    description: "install the hub on this host as a service, and start it",
    load: async () => (await import("./install/install-cli.ts")).installCommand,
  },
  {
    name: "uninstall",
    description: "stop the hub of this host, and take away what install has put there",
    load: async () => (await import("./install/install-cli.ts")).uninstallCommand,
  },
  {
    name: "upgrade",
    description:
      "put another version in the place of the installed hub; go back by itself when it is not well",
    load: async () => (await import("./install/install-cli.ts")).upgradeCommand,
  },
  {
    name: "config",
    description: "the hub's settings",
    example: "petrel config show --origin",
    load: async () => (await import("./config/config-cli.ts")).configCommands,
  },
  {
    name: "licenses",
    description: "what others have written and is inside, and under which licences",
    load: async () => (await import("./licenses/licenses-cli.ts")).licensesCommand,
  },
  {
    name: "version",
    description: "print the version",
    load: async () => (await import("./version/version-cli.ts")).versionCommand,
  },
];

/** The whole command; `loadAll` is for those who want to see every help text at once. */
export function createPetrel(io: CliIo): Command & { loadAll(): Promise<void> } {
  const program = createProgram({
    name: "petrel",
    version,
    description: "Event-driven automation for a fleet of hosts: sensors see, rules decide, actions do.",
    io,
  });
  // Options of the program are read wherever they stand, before and after the noun.
  program
    .configureHelp({ showGlobalOptions: true })
    .option("--api <url>", "the hub's API (or PETREL_API)")
    .option("--api-key <key>", "its key (or PETREL_API_KEY)")
    .option("--api-ca <file>", "PEM file of the authority behind the API's certificate (or PETREL_API_CA)")
    .option("--data <folder>", "the data folder of a hub on this machine (or PETREL_DATA)")
    .addOption(
      new Option(
        "--wait [seconds]",
        "how long to wait for a hub that is starting; some commands wait so long for what they began (60 s by itself)",
      )
        .preset("60")
        .argParser(wholeNumber(0, 3600))
        .default(10),
    )
    .option("--json", "print JSON");
  withExample(program, 'petrel run core.local "uptime"', "petrel rule list --json");
  const context = createContext(io);
  const parse = program.parseAsync.bind(program);
  program.parseAsync = (argv, options) => parse(argv && upgradeTo(argv), options);
  const loaded = new Set<string>();
  const load = async (command: Command) => {
    const noun = nouns.find(({ name }) => name === command.name());
    if (noun === undefined || loaded.has(noun.name)) return;
    loaded.add(noun.name);
    (await noun.load())(command, context);
    if (noun.example !== undefined) withExample(command, noun.example);
  };
  for (const { name, description } of nouns) program.command(name).description(description);
  program.hook("preSubcommand", (_program, command) => load(command));
  return Object.assign(program, {
    loadAll: async () => {
      for (const command of program.commands) await load(command);
    },
  });
}

/**
 * The program's own `--version` is read wherever it stands. Behind `agent upgrade` people mean by it what to upgrade to,
 * which the command itself calls `--to`.
 */
function upgradeTo(args: readonly string[]): readonly string[] {
  const noun = args.indexOf("agent");
  const verb = args.indexOf("upgrade");
  if (noun < 0 || verb < noun) return args;
  return args.map((arg, at) => (at > verb ? arg.replace(/^--version(?==|$)/, "--to") : arg));
}

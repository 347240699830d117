/** The commands `petrel-agent install`, `uninstall` and `upgrade`; what they do is loaded when it is asked for. */
import type { Command } from "commander";
import type { CliIo } from "../../shared/cli/cli-io.ts";
import { collect, withExample } from "../../shared/cli/program-cli.ts";
import {
  type PlaceFlags,
  type UpgradeFlags,
  withPlace,
  withTrial,
  withUpgradeOptions,
} from "../../shared/install/options-cli.ts";

export interface InstallFlags extends PlaceFlags {
  readonly hub?: string;
  readonly token?: string;
  readonly tokenFile?: string;
  readonly enrollAt?: string;
  readonly id?: string;
  readonly label?: readonly string[];
  readonly binary?: string;
  /** False with `--no-start`. */
  readonly start?: boolean;
  readonly dryRun?: boolean;
}

const running = () => import("./install-cli.ts");

export function installCommands(program: Command, io: CliIo): void {
  const installing = withTrial(program.command("install"))
    .description("install this program on this host as a service, enrol it, and start it")
    .option("--hub <url>", "where the hub's broker listens, mqtts://HOST[:8883]")
    .option(
      "--token <token>",
      "from `petrel agent token`; - reads it from standard input (or PETREL_ENROLL_TOKEN)",
    )
    .option("--token-file <file>", "a file with the token")
    .option("--enroll-at <url>", "where hosts enrol, when an external broker has another port for that")
    .option("--id <name>", "its name, unique in the fleet; without it the host's name")
    .option("--label <key=value>", "a label that rules choose agents by (repeatable)", collect)
    .option("--binary <file>", "the program to install; without it the one that runs")
    .option("--no-start", "install and enrol, and start nothing")
    .option("--dry-run", "say what would be done, and do nothing");
  withExample(
    installing,
    "petrel-agent install --hub mqtts://hub.example.org --token-file token --label role=web",
    "petrel-agent install --root ./image --no-start",
  ).action(async (_options: object, self: Command) =>
    (await running()).runInstall(io, self.optsWithGlobals<InstallFlags>()),
  );
  withExample(
    withPlace(program.command("uninstall"))
      .description("stop the agent of this host, and take away what install has put there")
      .option("--purge", "its state, identity and configuration too"),
    "petrel-agent uninstall",
  ).action(async (_options: object, self: Command) =>
    (await running()).runUninstall(io, self.optsWithGlobals()),
  );
  withExample(
    withUpgradeOptions(program.command("upgrade")).description(
      "put another version in the place of the installed one; go back by itself when it is not well",
    ),
    "petrel-agent upgrade ./petrel-agent --sums SHA256SUMS",
  ).action(async (file: string | undefined, _options: object, self: Command) =>
    (await running()).runUpgrade(io, file, self.optsWithGlobals<UpgradeFlags>()),
  );
}

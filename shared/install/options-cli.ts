/** Options that the commands `install`, `uninstall` and `upgrade` of both programs have. Loaded with every command. */
import { type Command, Option } from "commander";

export interface PlaceFlags {
  /** Every path is below it, and no systemd is asked. */
  readonly root?: string;
  /** In tests: what stands for systemctl, also with `root`. */
  readonly systemctl?: string;
  /** Seconds. */
  readonly within?: string;
  readonly steady?: string;
  readonly json?: boolean;
}

export interface UpgradeFlags extends PlaceFlags {
  readonly sha256?: string;
  /** A file as sha256sum(1) writes it. */
  readonly sums?: string;
  readonly allowDowngrade?: boolean;
  readonly allowFormatChange?: boolean;
  readonly carryOut?: boolean;
  readonly judge?: boolean;
  readonly units?: boolean;
}

export function withPlace(command: Command): Command {
  return command
    .option("--root <dir>", "every path below this folder, and no systemd: for images and packages")
    .addOption(new Option("--systemctl <file>", "stands for systemctl").hideHelp());
}

/** Adds to `withPlace` what a trial takes. */
export function withTrial(command: Command): Command {
  return withPlace(command)
    .option("--within <seconds>", "how long a new version may take to be as the old one was", "120")
    .option("--steady <seconds>", "how long it then has to stay so", "10");
}

export function withUpgradeOptions(command: Command): Command {
  return withTrial(command)
    .argument("[file]", "the new program")
    .option("--sha256 <hex>", "the digest that it must have")
    .option("--sums <file>", "a SHA256SUMS that has a line for it")
    .option("--allow-downgrade", "take an older version, too")
    .option("--allow-format-change", "take one that changes the database, after which there is no way back")
    .addOption(new Option("--carry-out", "carry out what is prepared").hideHelp())
    .addOption(new Option("--judge", "judge the version on trial, which runs already").hideHelp())
    .addOption(new Option("--units", "print the units of this version").hideHelp());
}

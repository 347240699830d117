/** The hub's settings as this command line sees them: file, environment, flags. */
import { resolve } from "node:path";
import type { Command } from "commander";
import type { CliIo } from "../../../shared/cli/cli-io.ts";
import { flagsOf } from "../../../shared/cli/config-flags.ts";
import { type ResolvedConfig, resolveConfig } from "../../../shared/config/config.ts";
import { type HubConfig, hubSettings } from "../../../shared/config/hub-config.ts";
import { readConfigFile } from "../../../shared/config/read-config-fs.ts";

/** Where a package puts the configuration of an installed hub. */
const systemConfig = "/etc/petrel/hub.yaml";

/** Adds the flags that set something. */
export function withHubFlags(command: Command): Command {
  return command
    .option("--http <[host:]port>", "where the HTTP API listens (127.0.0.1:7480)")
    .option(
      "--mqtt <[host:]port>",
      "where the embedded MQTT broker listens (0.0.0.0:8883; with --dev 127.0.0.1:1883)",
    )
    .option("--broker-url <url>", "use this MQTT broker in place of the embedded one")
    .option("--config <hub.yaml>", `settings; without it ${systemConfig} is read if it exists`)
    .option("--log-level <level>", "debug, info, warn or error")
    .option("--log-format <format>", "text or json");
}

export interface FoundHubConfig extends ResolvedConfig<HubConfig> {
  /** The file that was read; `null`: none. */
  readonly file: string | null;
}

/** Throws CONFIG_INVALID with everything that is wrong, FILE_UNREADABLE. */
export async function hubConfig(command: Command, io: CliIo): Promise<FoundHubConfig> {
  const options = command.optsWithGlobals<{ readonly config?: string; readonly [flag: string]: unknown }>();
  const named = options.config === undefined ? undefined : resolve(io.cwd, options.config);
  const file = await readConfigFile(named, systemConfig);
  const resolved = resolveConfig<HubConfig>(hubSettings, {
    file,
    env: io.env,
    flags: flagsOf(options, {
      data: "data",
      "http.listen": "http",
      "mqtt.listen": "mqtt",
      "broker.url": "brokerUrl",
      "log.level": "logLevel",
      "log.format": "logFormat",
    }),
  });
  return { ...resolved, file: file === undefined ? null : (named ?? systemConfig) };
}

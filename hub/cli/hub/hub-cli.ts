/** `petrel hub` starts the hub; `petrel hub status` asks how it is. */
import { resolve } from "node:path";
import type { Command } from "commander";
import { flagsOf } from "../../../shared/cli/config-flags.ts";
import { CommandEnded, withExample } from "../../../shared/cli/program-cli.ts";
import { resolveConfig } from "../../../shared/config/config.ts";
import { type HubConfig, hubSettings } from "../../../shared/config/hub-config.ts";
import { type ListenAddress, parseListen } from "../../../shared/config/listen.ts";
import { readConfigFile } from "../../../shared/config/read-config-fs.ts";
import { PetrelError } from "../../../shared/errors.ts";
import type { HubStatus } from "../../operations.ts";
import type { CliContext } from "../context-cli.ts";
import { hubFolder } from "../hub-address-fs.ts";
import type { NounCommands } from "../nouns-cli.ts";
import { ago } from "../relative-time.ts";

interface StartOptions {
  readonly dev?: boolean;
  readonly withAgent?: boolean;
  readonly config?: string;
  readonly [flag: string]: unknown;
}

/** Where a package puts the configuration of an installed hub. */
const systemConfig = "/etc/petrel/hub.yaml";

function address(text: string, setting: string): ListenAddress {
  const parsed = parseListen(text);
  if (parsed !== null) return parsed;
  throw new PetrelError("CONFIG_INVALID", `'${text}' is no address to listen on`, {
    where: setting,
    hint: "write PORT or HOST:PORT, with a port up to 65535",
  });
}

async function start(context: CliContext, options: StartOptions, self: Command): Promise<void> {
  const { io } = context;
  const named = options.config === undefined ? undefined : resolve(io.cwd, options.config);
  const { values } = resolveConfig<HubConfig>(hubSettings, {
    file: await readConfigFile(named, systemConfig),
    env: io.env,
    flags: flagsOf(self.optsWithGlobals(), {
      data: "data",
      "http.listen": "http",
      "mqtt.listen": "mqtt",
      "broker.url": "brokerUrl",
      "log.level": "logLevel",
      "log.format": "logFormat",
    }),
  });
  const { runHub } = await import("../../main.ts");
  const code = await runHub({
    dev: options.dev === true,
    withAgent: options.withAgent === true,
    data: hubFolder(values.data ?? undefined, io.cwd),
    http: address(values.http.listen, "http.listen"),
    mqtt: address(values.mqtt.listen, "mqtt.listen"),
    brokerUrl: values.broker.url,
    retention: { days: values.retention.days, maxInstances: values.retention.max_instances },
    log: values.log,
  });
  throw new CommandEnded(code);
}

const statusText = (status: HubStatus, nowMs: number): Record<string, unknown> => ({
  ...status,
  started_at: `${status.started_at} (${ago(status.started_at, nowMs)})`,
});

export const hubCommands: NounCommands = (noun, context) => {
  noun
    .option("--dev", "for one machine: loopback only, no enrolment of agents")
    .option("--http <[host:]port>", "where the HTTP API listens (127.0.0.1:7480)")
    .option("--mqtt <[host:]port>", "where the embedded MQTT broker listens (127.0.0.1:1883)")
    .option("--broker-url <url>", "use this MQTT broker in place of the embedded one")
    .option("--with-agent", "start an agent named `hub` beside it, for the work of the centre")
    .option("--config <hub.yaml>", `settings; without it ${systemConfig} is read if it exists`)
    .option("--log-level <level>", "debug, info, warn or error")
    .option("--log-format <format>", "text or json");
  withExample(noun, "petrel hub --dev --data .petrel/hub --with-agent", "petrel hub status").action(
    (options: StartOptions, self: Command) => start(context, options, self),
  );
  withExample(
    noun.command("status").description("how the hub is: agents, rules, what waits"),
    "petrel hub status --data .petrel/hub",
  ).action(async (_options: object, self: Command) => {
    const status = await context.api(self).ask<HubStatus>("GET", "/v1/hub");
    await context.printRecord(self, status, statusText(status, context.io.now()));
  });
};

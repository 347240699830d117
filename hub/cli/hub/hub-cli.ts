/** `petrel hub` starts the hub; `petrel hub status` asks how it is. */

import { resolve } from "node:path";
import type { Command } from "commander";
import { CommandEnded, withExample } from "../../../shared/cli/program-cli.ts";
import type { HubConfig } from "../../../shared/config/hub-config.ts";
import { type ListenAddress, parseListen } from "../../../shared/config/listen.ts";
import { PetrelError } from "../../../shared/errors.ts";
import { unpackBelow } from "../../../shared/runtime/unpacked-fs.ts";
import { keepObjectsYoung } from "../../../shared/young-objects-process.ts";
import type { HubStatus } from "../../operations.ts";
import type { CliContext, NounCommands } from "../context-cli.ts";
import { hubFolder } from "../hub-address-fs.ts";
import { ago } from "../relative-time.ts";
import { hubConfig, withHubFlags } from "./hub-config-cli.ts";
import { hubKeyCommands } from "./hub-keys-cli.ts";

interface StartOptions {
  readonly dev?: boolean;
  readonly withAgent?: boolean;
}

function address(text: string, setting: string): ListenAddress {
  const parsed = parseListen(text);
  if (parsed !== null) return parsed;
  throw new PetrelError("CONFIG_INVALID", `'${text}' is no address to listen on`, {
    where: setting,
    hint: "write PORT or HOST:PORT, with a port up to 65535",
  });
}

function tlsFiles({ cert, key }: HubConfig["http"]["tls"], cwd: string) {
  if (cert === null && key === null) return null;
  if (cert !== null && key !== null) return { cert: resolve(cwd, cert), key: resolve(cwd, key) };
  throw new PetrelError("CONFIG_INVALID", "a certificate and its key belong together", {
    where: cert === null ? "http.tls.key" : "http.tls.cert",
    hint: "set both http.tls.cert and http.tls.key, or none",
  });
}

async function start({ io }: CliContext, options: StartOptions, self: Command): Promise<void> {
  const { values, origins, file } = await hubConfig(self, io);
  const hub = {
    dev: options.dev === true,
    withAgent: options.withAgent === true,
    data: hubFolder(values.data ?? undefined, io.cwd),
    names: values.names,
    http: address(values.http.listen, "http.listen"),
    https: { tls: tlsFiles(values.http.tls, io.cwd), insecure: values.http.insecure },
    mqtt: address(values.mqtt.listen ?? (options.dev ? "127.0.0.1:1883" : "0.0.0.0:8883"), "mqtt.listen"),
    brokerUrl: values.broker.url,
    retention: {
      days: values.retention.days,
      maxInstances: values.retention.max_instances,
      maxBytes: values.retention.max_mib === null ? null : values.retention.max_mib * 1024 * 1024,
    },
    lostAfter: values.agents.lost_after,
    // A test does not wait for days.
    certificateSeconds: Number(io.env.PETREL_CERTIFICATE_SECONDS ?? values.agents.certificate_days * 86_400),
    shares: values.per_address,
    loopDepth: values.rules.loop_depth,
    timers: { catchUp: values.timers.catch_up },
    sources: { file, brokerUrl: origins["broker.url"] ?? "default" },
    log: values.log,
  };
  unpackBelow(hub.data, 0o700);
  keepObjectsYoung();
  const { runHub } = await import("../../main.ts");
  throw new CommandEnded(await runHub(hub));
}

const statusText = (status: HubStatus, nowMs: number): Record<string, unknown> => ({
  ...status,
  started_at: `${status.started_at} (${ago(status.started_at, nowMs)})`,
});

export const hubCommands: NounCommands = (noun, context) => {
  hubKeyCommands(noun, context);
  withHubFlags(noun)
    .option("--dev", "for one machine: loopback only, no enrolment of agents")
    .option("--with-agent", "start an agent named `hub` beside it, for the work of the centre");
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

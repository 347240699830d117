/** Gathers what is known of an agent before its doctor looks closer: settings, identity, and what it says itself. */
import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { CliIo } from "../../shared/cli/cli-io.ts";
import { flagsOf } from "../../shared/cli/config-flags.ts";
import { type AgentConfig, agentSettings } from "../../shared/config/agent-config.ts";
import { type ResolvedConfig, resolveConfig } from "../../shared/config/config.ts";
import { readConfigFile } from "../../shared/config/read-config-fs.ts";
import { isPetrelError } from "../../shared/errors.ts";
import { version } from "../../shared/version.ts";
import { agentFolder, socketOf, systemConfig } from "../agent-folder-fs.ts";
import { type FleetFile, readFleetFile } from "../identity/identity-fs.ts";
import { askCoverage, askRecent, askStatus } from "../status/ask-http.ts";
import type { AgentCase } from "./agent-case.ts";
import { isDatabaseOpen } from "./database-fs.ts";

export interface CaseFlags {
  readonly data?: string;
  readonly config?: string;
  readonly hub?: string;
}

/** For an agent that is starting; in rounds, ms. */
const startPatienceMs = 5_000;
const askAgainMs = 200;

/** Never rejects: what cannot be read is part of the case. */
export async function openCase(io: CliIo, given: CaseFlags, root = "/"): Promise<AgentCase> {
  const named = given.config === undefined ? undefined : resolve(io.cwd, given.config);
  const { config, configFile } = await settings(io, given, named);
  const values = config instanceof Error ? null : config.values;
  const data = agentFolder(values?.data ?? given.data ?? null, io.cwd);
  const uid = process.getuid?.() ?? 0;
  const [fleet, agent, owner] = await Promise.all([
    readFleetFile(data).catch((error: unknown): FleetFile | null | Error => asError(error)),
    askWhileItStarts(data),
    // Where its folder may not be looked at, it is another's, and most likely root's.
    stat(join(data, ".")).then(
      (found) => found.uid,
      (error: NodeJS.ErrnoException) => (error.code === "EACCES" ? 0 : uid),
    ),
  ]);
  const enrolledAt = fleet === null || fleet instanceof Error ? null : fleet.hub;
  const said = typeof agent === "string" ? null : agent.status.hub;
  const hub = values?.hub ?? given.hub ?? enrolledAt ?? said;
  return {
    root,
    data,
    owner,
    uid,
    version,
    now: io.now(),
    env: io.env,
    configFile,
    config,
    fleet,
    hub,
    agent,
  };
}

async function settings(
  io: CliIo,
  given: CaseFlags,
  named: string | undefined,
): Promise<Pick<AgentCase, "config" | "configFile">> {
  let configFile = named ?? null;
  try {
    const file = await readConfigFile(named, systemConfig);
    if (file !== undefined) configFile = named ?? systemConfig;
    const config: ResolvedConfig<AgentConfig> = resolveConfig<AgentConfig>(agentSettings, {
      file,
      env: io.env,
      flags: flagsOf({ ...given }, { data: "data", hub: "hub" }),
    });
    return { config, configFile };
  } catch (error) {
    return { config: asError(error), configFile: configFile ?? systemConfig };
  }
}

/** One that has its database open and does not listen yet is waited for. */
async function askWhileItStarts(data: string): Promise<AgentCase["agent"]> {
  const rounds = startPatienceMs / askAgainMs;
  for (let round = 0; ; round++) {
    const answer = await ask(data);
    if (answer !== "stopped" || !isDatabaseOpen(data)) return answer;
    if (round === rounds) return "between";
    await sleep(askAgainMs);
  }
}

async function ask(data: string): Promise<AgentCase["agent"]> {
  const socket = socketOf(data);
  try {
    const status = await askStatus(socket);
    const [coverage, recent] = await Promise.all([
      askCoverage(socket).catch(() => null),
      askRecent(socket).catch((): readonly string[] => []),
    ]);
    return { status, coverage, recent };
  } catch (error) {
    const cause = isPetrelError(error) ? error.cause : error;
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    if (code === "ENOENT" || code === "ENOTDIR" || code === "ECONNREFUSED") return "stopped";
    return code === "EACCES" || code === "EPERM" ? "closed" : "silent";
  }
}

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));

/** All runners of an agent and a request for them, for tests and for the programs that tests start. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Account } from "../../agent/actions/action-user.ts";
import { baseEnvironment } from "../../agent/actions/environment.ts";
import { loadKernelSpawn } from "../../agent/actions/kernel-spawn-process.ts";
import { builtInRunners } from "../../agent/actions/runners/built-in-process.ts";
import type { Runner, RunnerSettings } from "../../agent/actions/runners/runner.ts";
import { ownCommand } from "../../shared/runtime/own-programs-process.ts";
import type { ActionRequestEntry } from "../../shared/wire/messages.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

export function allRunners(workFolder: string, changes: Partial<RunnerSettings> = {}): readonly Runner[] {
  return builtInRunners({
    env: baseEnvironment(process.env),
    workFolder,
    userOf: async () => null,
    termGraceMs: 2_000,
    outputCapBytes: 1024 * 1024,
    kernelSpawn,
    node: ownCommand(new URL("../../agent/actions/runners/node-action-main.ts", import.meta.url)),
    pythonFolder: join(root, "agent/python"),
    ...changes,
  });
}

/** A user of one group that every Linux has. */
export const nobody: Account = {
  name: "nobody",
  uid: 65_534,
  gid: 65_534,
  groups: [],
  home: "/nonexistent",
  shell: "/usr/sbin/nologin",
};

const kernelSpawn = loadKernelSpawn();

let requests = 0;

export function actionRequest(changes: Partial<ActionRequestEntry> = {}): ActionRequestEntry {
  // Never that of another worker: a family is ended by what its environment names.
  const execution = `01K${String(process.pid).padStart(16, "0")}${String(++requests).padStart(7, "0")}`;
  return {
    id: execution,
    at: "2026-01-01T00:00:00.000Z",
    kind: "action-request",
    execution,
    action: "bench.act",
    runner: "noop",
    pack: "bench",
    pack_digest: "sha256:00",
    entry_point: "",
    runner_parameters: {},
    parameters: {},
    timeout: 60,
    idempotent: false,
    expires_at: null,
    user: "tester",
    rule: null,
    trigger_instance: null,
    ...changes,
  };
}

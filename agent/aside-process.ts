/**
 * A restart with running actions. They are children of this process, and only their parent is told how they end; so it leaves
 * the unit's cgroup, lets its front end in its place, and becomes the agent of the next front (decision 0029).
 */
import { execFile } from "node:child_process";
import { readlinkSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isSea } from "node:sea";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { agentBehind, asideFile, asideName, frontFile, frontVariable } from "../shared/install/front.ts";
import type { Logger } from "../shared/log.ts";
import { loadKoffi } from "../shared/runtime/addon-process.ts";
import { textNow, writeWholeNow } from "../shared/whole-file-fs.ts";
import { statOf } from "./actions/proc-fs.ts";
import { openScopes, type Scope, unifiedGroup } from "./actions/scopes-process.ts";
import { runtimeFolder } from "./agent-folder-fs.ts";
import { agentProduct } from "./install/product.ts";
import {
  changedSettings,
  type Namespaces,
  namespaceNames,
  type ProcessSettings,
  umaskOf,
} from "./unit-settings.ts";

/** ms for systemd to say what it is at. */
const answerMs = 10_000;
/** ms until the next front has to be there: a version on trial may be judged before. */
const frontWithinMs = 300_000;
const lookEveryMs = 50;
/** ms between two questions whether one is still to come: a stop may have taken the place of the restart. */
const askEveryMs = 1_000;
/** Resources that limits are set for (<bits/resource.h>); the same on x64 and arm64. */
const resources = 16;

/** What makes stepping aside possible. */
export interface Aside {
  /** The process that systemd takes for the agent. */
  readonly front: number;
  /** Where fronts and agents leave word. */
  readonly folder: string;
  /** A cgroup that outlives the unit's; `null` in tests, where there is no unit. */
  readonly scope: Scope | null;
}

/** The program that is to take the place of this one. */
export interface NextProgram {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** `null` where an end of the unit would be that of its actions: without a front, and without cgroups for them. */
export function asideOf(env: NodeJS.ProcessEnv, log: Logger): Aside | null {
  const front = Number(env[frontVariable] ?? Number.NaN);
  const folder = runtimeFolder(env);
  if (folder === null || !isFront(front)) return null;
  if (fakeSystemctl(env) !== undefined) return { front, folder, scope: null };
  const scope = openScopes(log, { sweeps: false })?.open(asideName) ?? null;
  return scope === null ? null : { front, folder, scope };
}

/** What stands for systemctl in tests. */
const fakeSystemctl = (env: NodeJS.ProcessEnv) => (isSea() ? undefined : env.PETREL_SYSTEMCTL);

/** Whether systemd ends this agent in order to start the next one. False when it does not answer. */
export async function isRestart(env: NodeJS.ProcessEnv, log: Logger): Promise<boolean> {
  try {
    return jobOf(await jobs(env), agentProduct.unit) === "restart";
  } catch (error) {
    log.warn("whether this is a restart cannot be found out: running actions are ended", { error });
    return false;
  }
}

/** While nobody answers, too: it may be on its way down, or busy. */
async function isAwaited(env: NodeJS.ProcessEnv): Promise<boolean> {
  const job = await jobs(env).then(
    (text) => jobOf(text, agentProduct.unit),
    () => "start",
  );
  return job === "restart" || job === "start";
}

async function jobs(env: NodeJS.ProcessEnv): Promise<string> {
  const program = fakeSystemctl(env) ?? "systemctl";
  const words = ["list-jobs", "--no-legend", "--no-pager"];
  return (await promisify(execFile)(program, words, { timeout: answerMs })).stdout;
}

/** What systemd is at with this unit. In lines of `systemctl list-jobs`: number, unit, what, state. */
export function jobOf(text: string, unit: string): string | null {
  for (const line of text.split("\n")) {
    const words = line.trim().split(/\s+/);
    const at = words.indexOf(unit);
    if (at >= 0) return words[at + 1] ?? null;
  }
  return null;
}

/**
 * Lets the front end, and waits for the next one. Resolves to what this process is to become, `null` when nobody has come or `ended`
 * has resolved, or when it cannot leave the unit's cgroup, in which everything ends.
 */
export async function stepAside(
  { front, folder, scope }: Aside,
  {
    env,
    ended,
    log,
  }: { readonly env: NodeJS.ProcessEnv; readonly ended: Promise<unknown>; readonly log: Logger },
): Promise<NextProgram | null> {
  // The journal knows a line's unit by the cgroup that it comes from.
  log.info("agent steps aside: its running actions wait for the next one");
  if (scope !== null) {
    await scope.take(process.pid);
    scope.started();
    if (!ownGroup().endsWith(`/${asideName}`)) return null;
  }
  const [aside, found] = [join(folder, asideFile), join(folder, frontFile)];
  let isEnded = false;
  void ended.then(() => {
    isEnded = true;
  });
  try {
    rmSync(found, { force: true });
    process.title = asideName;
    writeWholeNow(aside, `${process.pid} ${statOf(process.pid)?.startTicks ?? ""}\n`, 0o600);
    process.kill(front, "SIGUSR1");
    const until = performance.now() + frontWithinMs;
    let unawaited = 0;
    let nextAsk = performance.now() + askEveryMs;
    while (!isEnded && unawaited < 2 && performance.now() < until) {
      const next = Number(textNow(found) ?? Number.NaN);
      if (Number.isInteger(next) && next !== front && isFront(next)) return become(next, scope !== null, log);
      await sleep(lookEveryMs);
      if (performance.now() < nextAsk) continue;
      // Twice: what has just been started may not have left word yet.
      unawaited = (await isAwaited(env)) ? 0 : unawaited + 1;
      nextAsk = performance.now() + askEveryMs;
    }
    log.error("no next agent has come: running actions are ended");
    return null;
  } finally {
    rmSync(aside, { force: true });
    rmSync(found, { force: true });
    // Removed once this process has left it.
    scope?.ended();
  }
}

/** As if this front had started this process: its cgroup, its limits, its variables. */
function become(front: number, moves: boolean, log: Logger): NextProgram | null {
  const group = unifiedGroup(textNow(`/proc/${front}/cgroup`) ?? "");
  if (moves) writeFileSync(`/sys/fs/cgroup${group}/cgroup.procs`, String(process.pid));
  takeLimits(front, log);
  const [, , , program, ...args] = wordsOf(`/proc/${front}/cmdline`);
  if (program === undefined) return null;
  const env = wordsOf(`/proc/${front}/environ`).map((word) => {
    const at = word.indexOf("=");
    return [word.slice(0, at), word.slice(at + 1)] as const;
  });
  // Sources are started by a script, which would take note of the end of our children.
  const { execPath, execArgv, argv } = process;
  const start = isSea() ? [program] : [execPath, ...execArgv, argv[1] ?? ""];
  return {
    program: start[0] ?? program,
    args: [...start, ...args],
    env: { ...Object.fromEntries(env), [frontVariable]: String(front) },
  };
}

/** The unit may have been changed. Limits and umask follow; what it may have at most cannot grow again, and is told of. */
function takeLimits(front: number, log: Logger): void {
  try {
    const libc = loadKoffi().load(null);
    const limit = libc.func("int prlimit64(int pid, int resource, void *given, void *former)");
    for (let each = 0; each < resources; each++) {
      const values = Buffer.alloc(16);
      if (limit(front, each, null, values) === 0) limit(0, each, values, null);
    }
  } catch (error) {
    log.warn("limits of the unit that have changed count from the next start on", { error });
  }
  const next = settingsOf(front);
  const umask = umaskOf(next.status);
  if (umask !== null) process.umask(umask);
  const settings = changedSettings(settingsOf("self"), next, namespacesOf(1));
  if (settings.length > 0)
    log.warn("settings of the unit have changed that count from a start without running actions on", {
      settings,
    });
}

const settingsOf = (pid: number | "self"): ProcessSettings => ({
  status: textNow(`/proc/${pid}/status`) ?? "",
  stat: textNow(`/proc/${pid}/stat`) ?? "",
  oomScore: textNow(`/proc/${pid}/oom_score_adj`) ?? "",
  namespaces: namespacesOf(pid),
});

function namespacesOf(pid: number | "self"): Namespaces {
  return Object.fromEntries(namespaceNames.map((name) => [name, linkOf(`/proc/${pid}/ns/${name}`)]));
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

const isFront = (pid: number) =>
  Number.isInteger(pid) && pid > 1 && agentBehind(textNow(`/proc/${pid}/comm`) ?? "") !== undefined;

const ownGroup = () => unifiedGroup(textNow("/proc/self/cgroup") ?? "") ?? "";

const wordsOf = (path: string) => (textNow(path) ?? "").split("\0").slice(0, -1);

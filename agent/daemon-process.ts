/** The agent as a process: from its start to the signal that ends it. */

import { access, constants } from "node:fs/promises";
import { join } from "node:path";
import { isSea } from "node:sea";
import { daemonLogger } from "../shared/daemon-log-process.ts";
import { layoutOf, rootOfProgram } from "../shared/install/layout.ts";
import { judgeOwnTrial } from "../shared/install/own-trial-process.ts";
import type { Logger } from "../shared/log.ts";
import { ownCommand } from "../shared/runtime/own-programs-process.ts";
import { type Ended, type EndWatch, watchForEnd } from "../shared/signals-process.ts";
import { giveBackMemory, giveBackNativeMemory, giveBackProgram } from "../shared/spare-memory-process.ts";
import { systemClock, systemTimers } from "../shared/system-process.ts";
import { version } from "../shared/version.ts";
import { keepObjectsYoung } from "../shared/young-objects-process.ts";
import type { AgentOptions, RunningAgent } from "./agent-options.ts";
import { type Aside, asideOf, isRestart, stepAside } from "./aside-process.ts";
import { agentHealth } from "./install/health-http.ts";
import { agentProduct } from "./install/product.ts";
import { startAgent } from "./main.ts";

/** By then it has started its sensors, and what it needed for that it does not need again. */
const settledMs = 5_000;

interface Successor {
  readonly program: string;
  readonly args: readonly string[];
}

/** The program that is in force, or this one where none is installed. */
function successorOf(env: NodeJS.ProcessEnv): Successor {
  const { execPath, execArgv, argv } = process;
  const own = isSea() ? execPath : env.PETREL_PROGRAM;
  const root = own === undefined ? null : rootOfProgram(agentProduct, own);
  const args = argv.slice(2);
  if (root !== null) {
    const program = join(layoutOf(agentProduct, root).current, agentProduct.program);
    return { program, args: [program, ...args] };
  }
  // Beside a hub it is a role of the hub's binary.
  return isSea()
    ? { program: execPath, args: [...ownCommand(new URL("agent-cli.ts", import.meta.url)), ...args] }
    : { program: execPath, args: [execPath, ...execArgv, ...argv.slice(1)] };
}

/** Whether it can be started; otherwise the log says why. An execve(2) that fails takes the whole process with it. */
async function canBecome({ program }: Successor, log: Logger): Promise<boolean> {
  try {
    if (process.execve === undefined) throw new Error("this Node cannot replace its program");
    await access(program, constants.X_OK);
    return true;
  } catch (error) {
    log.error("the next agent cannot be started", { program, error });
    return false;
  }
}

/** Where this process can wait for the next agent's front, if that is what this end of it is for. */
async function asideInRestart(log: Logger): Promise<Aside | null> {
  return (await isRestart(process.env, log)) ? asideOf(process.env, log) : null;
}

/**
 * Takes the agent down, and replaces the program of this process by its successor; the process, its children and its sockets to them
 * stay. Resolves to an exit code when this process has to end instead: an end was asked for meanwhile, or something has
 * failed, and then its unit starts the next agent. A restart that is asked for meanwhile has the same in another way.
 */
async function makeRoom(
  agent: RunningAgent,
  successor: Successor,
  watch: EndWatch,
  log: Logger,
): Promise<number> {
  log.info("agent makes room for the next one");
  let asked: { readonly end: Ended; readonly aside: Promise<Aside | null> } | null = null;
  void watch.ended.then(async (end) => {
    log.info("agent stops", { why: end.why });
    const aside = asideInRestart(log);
    asked = { end, aside };
    if ((await aside) === null) agent.withdrawHandOver();
  });
  agent.handOver();
  const isClean = await agent.stop();
  // What does not stop is no reason to end actions that can run on: its database is as after a crash.
  if (asked === null && (isClean || agent.hasHandedOver()) && (await canBecome(successor, log))) {
    // Signals that have come meanwhile are seen here.
    await new Promise<void>((resolve) => setImmediate(resolve));
    if (asked === null) process.execve?.(successor.program, successor.args, process.env);
  }
  const instead = asked as { readonly end: Ended; readonly aside: Promise<Aside | null> } | null;
  const aside = await instead?.aside;
  if (aside != null) return becomeNext(agent, aside, isClean, watch, log);
  await agent.endHanded();
  return isClean && instead !== null ? instead.end.code : 1;
}

/**
 * The end of an agent that is followed by another one: its running actions stay children of this process, which becomes that
 * one. Resolves to an exit code when there is nothing to hand over, or nobody has come.
 */
async function restart(agent: RunningAgent, aside: Aside, watch: EndWatch, log: Logger): Promise<number> {
  agent.handOver();
  return becomeNext(agent, aside, await agent.stop(), watch, log);
}

/** As `restart`, of an agent that has stopped. */
async function becomeNext(
  agent: RunningAgent,
  aside: Aside,
  isClean: boolean,
  watch: EndWatch,
  log: Logger,
): Promise<number> {
  if (!agent.hasHandedOver()) {
    // What was let go of before something else did not stop.
    await agent.endHanded();
    return isClean ? 0 : 1;
  }
  try {
    const next = await stepAside(aside, { env: process.env, ended: watch.hurried, log });
    if (next !== null && (await canBecome(next, log)))
      process.execve?.(next.program, [...next.args], next.env);
  } catch (error) {
    log.error("the agent cannot step aside: running actions are ended", { error });
  }
  await agent.endHanded();
  return 1;
}

/**
 * Runs until a signal, or until its parent has gone. Resolves to the exit code. SIGHUP has the host's policy read again,
 * but for an agent in a terminal, which ends with it; SIGUSR2 has the version that is in force take its place, also when it
 * comes while the agent starts. Where that version cannot be started this one stays.
 */
export async function runAgent(options: AgentOptions): Promise<number> {
  // Before everything else: until then a SIGUSR2 would end the process.
  let renewal = Promise.withResolvers<null>();
  process.on("SIGUSR2", () => renewal.resolve(null));
  keepObjectsYoung();
  const log = daemonLogger(options.log);
  let agent: RunningAgent | null = null;
  let isAskedEarly = false;
  let isTakenBack = false;
  const reload = () => {
    if (agent === null) isAskedEarly = true;
    else void agent.reloadPolicy();
  };
  const watch = watchForEnd({ withParent: options.exitWithParent === true, mayHurry: true, reload });
  try {
    const started = await startAgent(options, log);
    agent = started;
    if (isAskedEarly) reload();
    void judgeOwnTrial({
      product: agentProduct,
      version,
      health: () => agentHealth(options.data),
      // Its successor is the version in force again.
      end: () => {
        isTakenBack = true;
        renewal.resolve(null);
      },
      now: () => systemClock.now(),
      env: process.env,
      log,
    });
    const cancel = systemTimers.after(settledMs, () => {
      giveBackMemory();
      giveBackNativeMemory();
      giveBackProgram();
    });
    void watch.hurried.then((why) => {
      log.info("agent stops at once", { why });
      started.hurry();
    });
    for (;;) {
      const end = await Promise.race([watch.ended, renewal.promise]);
      if (end === null) {
        renewal = Promise.withResolvers();
        const successor = successorOf(process.env);
        const canRenew = await canBecome(successor, log);
        if (!canRenew && !isTakenBack) continue;
        cancel();
        // Its unit starts what is in force.
        if (!canRenew) return (await started.stop()) ? 0 : 1;
        return await makeRoom(started, successor, watch, log);
      }
      cancel();
      log.info("agent stops", { why: end.why });
      const aside = started.hasRunning() ? await asideInRestart(log) : null;
      if (aside !== null) return await restart(started, aside, watch, log);
      return (await started.stop()) ? end.code : 1;
    }
  } finally {
    watch.release();
  }
}

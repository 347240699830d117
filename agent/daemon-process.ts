/** The agent as a process: from its start to the signal that ends it. */

import { join } from "node:path";
import { isSea } from "node:sea";
import { daemonLogger } from "../shared/daemon-log-process.ts";
import { layoutOf, rootOfProgram } from "../shared/install/layout.ts";
import { judgeOwnTrial } from "../shared/install/own-trial-process.ts";
import { ownCommand } from "../shared/runtime/own-programs-process.ts";
import { watchForEnd } from "../shared/signals-process.ts";
import { giveBackMemory, giveBackNativeMemory, giveBackProgram } from "../shared/spare-memory-process.ts";
import { systemClock, systemTimers } from "../shared/system-process.ts";
import { version } from "../shared/version.ts";
import type { AgentOptions, RunningAgent } from "./agent-options.ts";
import { agentHealth } from "./install/health-http.ts";
import { agentProduct } from "./install/product.ts";
import { startAgent } from "./main.ts";

/** By then it has started its sensors, and what it needed for that it does not need again. */
const settledMs = 5_000;

/**
 * Replaces the program of this process by the one that is in force, or by itself where none is installed; the process,
 * its children and its sockets to them stay. Throws the system's error: then this process has to end.
 */
function becomeNext(env: NodeJS.ProcessEnv): never {
  const { execPath, execArgv, argv } = process;
  if (process.execve === undefined) throw new Error("this Node cannot replace its program");
  const program = isSea() ? execPath : env.PETREL_PROGRAM;
  const root = program === undefined ? null : rootOfProgram(agentProduct, program);
  const args = argv.slice(2);
  if (root !== null) {
    const next = join(layoutOf(agentProduct, root).current, agentProduct.program);
    return process.execve(next, [next, ...args], env);
  }
  // Beside a hub it is a role of the hub's binary.
  const own = isSea()
    ? [...ownCommand(new URL("agent-cli.ts", import.meta.url)), ...args]
    : [execPath, ...execArgv, ...argv.slice(1)];
  return process.execve(execPath, own, env);
}

/**
 * Runs until a signal, or until its parent has gone. Resolves to the exit code. SIGHUP has the host's policy read again,
 * but for an agent in a terminal, which ends with it; SIGUSR2 has the version that is in force take its place.
 */
export async function runAgent(options: AgentOptions): Promise<number> {
  const log = daemonLogger(options.log);
  let agent: RunningAgent | null = null;
  let isAskedEarly = false;
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
      end: () => void process.kill(process.pid, "SIGTERM"),
      now: () => systemClock.now(),
      env: process.env,
      log,
    });
    const renewed = Promise.withResolvers<null>();
    process.on("SIGUSR2", () => renewed.resolve(null));
    const cancel = systemTimers.after(settledMs, () => {
      giveBackMemory();
      giveBackNativeMemory();
      giveBackProgram();
    });
    const end = await Promise.race([watch.ended, renewed.promise]);
    cancel();
    if (end === null) {
      log.info("agent makes room for the next one");
      started.handOver();
      await started.stop();
      return becomeNext(process.env);
    }
    const { code, why } = end;
    log.info("agent stops", { why });
    void watch.hurried.then((again) => {
      log.info("agent stops at once", { why: again });
      started.hurry();
    });
    return (await started.stop()) ? code : 1;
  } finally {
    watch.release();
  }
}

/** The agent as a process: from its start to the signal that ends it. */

import { daemonLogger } from "../shared/daemon-log-process.ts";
import { judgeOwnTrial } from "../shared/install/own-trial-process.ts";
import { watchForEnd } from "../shared/signals-process.ts";
import { systemClock } from "../shared/system-process.ts";
import { version } from "../shared/version.ts";
import type { AgentOptions } from "./agent-options.ts";
import { agentHealth } from "./install/health-http.ts";
import { agentProduct } from "./install/product.ts";
import { type RunningAgent, startAgent } from "./main.ts";

/**
 * Runs until a signal, or until its parent has gone. Resolves to the exit code. SIGHUP has the host's policy read again,
 * but for an agent in a terminal, which ends with it.
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
    const { code, why } = await watch.ended;
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

/** Routes an execution by its status, as StackStorm's action runner does (st2 docs, Architecture: st2actionrunner). */
import type { Logger } from "../../shared/log.ts";
import type { Status } from "../../shared/model/execution.ts";
import type { QueuedRequest } from "./queue.ts";

/** An execution that has come into a status the agent may have to act on. */
export interface DispatchMessage {
  readonly execution: string;
  readonly status: Status;
  readonly reason?: string;
  /** What the queue has to know of a scheduled one. */
  readonly request?: QueuedRequest;
}

/** What can be done with an execution here. Each returns false when it is not in a state to be done. */
export interface DispatchTargets {
  run(message: DispatchMessage): boolean;
  cancel(message: DispatchMessage): boolean;
  pause(message: DispatchMessage): boolean;
  resume(message: DispatchMessage): boolean;
}

const routes: Partial<Record<Status, keyof DispatchTargets>> = {
  scheduled: "run",
  canceling: "cancel",
  pausing: "pause",
  resuming: "resume",
};

export type Routed = keyof DispatchTargets | "ignored";

/** Never throws: what cannot be routed, or has moved on since it was sent, is logged and ignored. */
export function createDispatcher(
  targets: DispatchTargets,
  log: Logger,
): (message: DispatchMessage) => Routed {
  return (message) => {
    const route = routes[message.status];
    if (route === undefined) {
      log.info("not dispatching an execution in this status", { ...message });
      return "ignored";
    }
    if (targets[route](message)) return route;
    log.info(`nothing to ${route}: the execution has moved on`, { ...message });
    return "ignored";
  };
}

/** One action on many agents, a few at a time: what its parent execution is, who is next, and how it ends. Pure. */
import { timestamp } from "../../shared/clock.ts";
import { derivedId, ulidTime } from "../../shared/ids.ts";
import type { Execution, FanOut, Status } from "../../shared/model/execution.ts";
import { retryOf } from "../policies/applied.ts";
import type { Sealer } from "../secrets/sealer.ts";
import { type EventType, isFinal } from "./life.ts";
import { createExecution, type NewExecution } from "./request.ts";

/** How it goes from agent to agent. */
export interface RollOut {
  /** So many at once; absent: all. */
  readonly batch?: number | undefined;
  /** The first so many alone: the others start when these have succeeded. */
  readonly canary?: number | undefined;
  /** When more have failed, no more are started; absent: however many fail. */
  readonly max_failures?: number | undefined;
}

/** In place of an agent: no agent can be called so. */
export const manyAgents = "*";

/** The parent: it has no request of its own, and runs until its children have ended. */
export function rolloutExecution(
  wanted: Omit<NewExecution, "agent"> & { readonly agents: readonly string[] },
  rollOut: RollOut,
  sealer: Sealer,
): Execution {
  const { agents, ...rest } = wanted;
  const { execution } = createExecution({ ...rest, agent: manyAgents }, sealer);
  // Its children pass the gates, and are tried again: not itself.
  const { policies: _, ...parent } = execution;
  const at = timestamp(wanted.nowMs);
  const status: Status = wanted.startAtMs === undefined ? "running" : "delayed";
  const reason = wanted.startAtMs === undefined ? null : `starts at ${execution.start_at}`;
  return {
    ...parent,
    status,
    reason,
    runner: "fan-out",
    start_timestamp: status === "running" ? at : null,
    // Each child expires for itself.
    expires_at: null,
    log: [
      { status: "requested", timestamp: at },
      { status, timestamp: at, ...(reason !== null && { reason }) },
    ],
    fan_out: {
      agents,
      batch: rollOut.batch ?? null,
      canary: rollOut.canary ?? 0,
      max_failures: rollOut.max_failures ?? null,
      started: 0,
      succeeded: 0,
      failed: 0,
    },
  };
}

/** The same each time it is asked for: a child is made once. */
export function childId(parent: string, agent: string): string {
  return derivedId(ulidTime(parent), parent, agent, 1);
}

/** What has to be known of one. */
export interface Child
  extends Pick<Execution, "id" | "status" | "attempt" | "start_timestamp" | "reason" | "rev"> {
  readonly policies: Execution["policies"];
}

/** The last attempt on each agent. */
export type Children = ReadonlyMap<string, Child>;

export interface Progress {
  readonly started: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly open: number;
}

/** One that failed and is tried again is not over. */
const isOpen = (child: Child) => !isFinal(child.status) || retryOf(child) !== null;

export const openChildren = (children: Children): readonly Child[] => [...children.values()].filter(isOpen);

export function progressOf(children: Children): Progress {
  const all = [...children.values()];
  const over = all.filter((child) => !isOpen(child));
  const succeeded = over.filter(({ status }) => status === "succeeded").length;
  return {
    started: all.length,
    succeeded,
    failed: over.length - succeeded,
    open: all.length - over.length,
  };
}

/** Why no more children are started; `null` while all is well. */
function stopReason(
  { canary, max_failures }: FanOut,
  children: Children,
  agents: readonly string[],
): string | null {
  const first = agents.slice(0, canary).map((agent) => children.get(agent));
  if (first.some((child) => child !== undefined && !isOpen(child) && child.status !== "succeeded")) {
    return "a canary did not succeed";
  }
  const { failed } = progressOf(children);
  return max_failures !== null && failed > max_failures ? `more than ${max_failures} failed` : null;
}

/** Agents on which to start now, in their order. */
export function nextAgents({ status, fan_out: plan }: Execution, children: Children): readonly string[] {
  if (plan === undefined || status !== "running") return [];
  if (stopReason(plan, children, plan.agents) !== null) return [];
  const { open } = progressOf(children);
  const waiting = plan.agents.filter((agent) => !children.has(agent));
  const canaries = plan.agents.slice(0, plan.canary);
  const areWell = canaries.every((agent) => {
    const child = children.get(agent);
    return child !== undefined && !isOpen(child) && child.status === "succeeded";
  });
  if (!areWell) return waiting.filter((agent) => canaries.includes(agent));
  const most = Math.max(0, (plan.batch ?? plan.agents.length) - open);
  return waiting.slice(0, most);
}

export interface Conclusion {
  readonly type: EventType;
  readonly reason: string | undefined;
}

/** How the parent ends, once nothing is under way and nothing more is to start; `null` before. */
export function conclusionOf(parent: Execution, children: Children): Conclusion | null {
  const plan = parent.fan_out;
  if (plan === undefined) return null;
  const { open, succeeded, failed } = progressOf(children);
  if (open > 0) return null;
  if (parent.status === "canceling") return { type: "stopped", reason: parent.reason ?? undefined };
  if (parent.status !== "running" || nextAgents(parent, children).length > 0) return null;
  if (succeeded === plan.agents.length) return { type: "succeed", reason: undefined };
  const left = plan.agents.length - children.size;
  const why = stopReason(plan, children, plan.agents);
  const rest = left === 0 ? "" : `; ${left} not started${why === null ? "" : `: ${why}`}`;
  return { type: "fail", reason: `${failed} of ${plan.agents.length} did not succeed${rest}` };
}

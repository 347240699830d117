/**
 * What a rollout does next: judged from its own records and from how the agents are. Whoever looks decides the same, so
 * a hub that was killed goes on where it was. Pure.
 */
import { timestamp } from "../../shared/clock.ts";
import {
  type AgentRollout,
  type AgentUpgradeState,
  agentUpgradeStates,
  type RolloutAgent,
  type UpgradeReport,
} from "../../shared/model/agent-rollout.ts";

/** How an agent is, as far as a rollout asks. */
export interface AgentFacts {
  readonly online: boolean;
  /** Two machines have its id: it is sent nothing, as if it were away. */
  readonly conflict: boolean;
  readonly version: string | null;
  /** Its hello says that it can be asked; `null`: it has not said hello since hubs ask. */
  readonly capable: boolean | null;
  /** Hub time of its hello, while it is online (ms). */
  readonly linkedSinceMs: number | null;
  /** Sensors that run. */
  readonly sensors: () => readonly string[];
  /** The last that it has said of an upgrade, whichever. */
  readonly report: UpgradeReport | null;
  /** Another rollout has asked it, and it has not ended there. */
  readonly busy: boolean;
}

export interface RolloutStep {
  readonly rollout: AgentRollout;
  /** Those that are different now. */
  readonly changed: readonly RolloutAgent[];
  /** Agents to be asked now. */
  readonly ask: readonly string[];
  /** Agents that shall not begin any more what they were asked. */
  readonly withdraw: readonly string[];
}

export type FactsOf = (agent: string) => AgentFacts | null;

const final: ReadonlySet<AgentUpgradeState> = new Set([
  "healthy",
  "failed",
  "rolled_back",
  "refused",
  "skipped",
]);

/** An agent with this state is through with its rollout. */
export const isOver = (state: AgentUpgradeState): boolean => final.has(state);
/** It was asked, and has not ended. */
export const isInFlight = (state: AgentUpgradeState): boolean =>
  state === "sending" || state === "installing";
/** Something may still happen by itself, or by a person's `resume`. */
export const isOpen = (rollout: Pick<AgentRollout, "ended_at">): boolean => rollout.ended_at === null;

/** An agent whose turn has not come. */
export function waitingAgent(agent: string): RolloutAgent {
  return {
    agent,
    state: "waiting",
    from: null,
    batch: null,
    code: null,
    reason: null,
    asked_at: null,
    ended_at: null,
    sensors: [],
  };
}

export function countsOf(agents: Iterable<Pick<RolloutAgent, "state">>): AgentRollout["counts"] {
  const counts = Object.fromEntries(agentUpgradeStates.map((state) => [state, 0])) as Record<
    AgentUpgradeState,
    number
  >;
  for (const { state } of agents) counts[state] += 1;
  return counts;
}

/**
 * One look. `agents` are all of the rollout, in the order in which their turns come. Answers the rollout itself when
 * nothing is different.
 */
export function step(
  rollout: AgentRollout,
  agents: readonly RolloutAgent[],
  factsOf: FactsOf,
  nowMs: number,
): RolloutStep {
  const now = new Map(agents.map((each) => [each.agent, each]));
  const withdraw: string[] = [];
  const end = (each: RolloutAgent, state: AgentUpgradeState, code: string | null, reason: string | null) =>
    now.set(each.agent, { ...each, state, code, reason, ended_at: timestamp(nowMs) });

  for (const each of agents) {
    if (!isInFlight(each.state)) continue;
    const judged = judge(rollout, each, factsOf(each.agent), nowMs);
    if (judged === null) continue;
    now.set(each.agent, judged.agent);
    if (judged.withdraw) withdraw.push(each.agent);
  }

  for (const each of agents) {
    if (each.state !== "waiting") continue;
    const facts = factsOf(each.agent);
    if (rollout.state === "canceled")
      end(each, "skipped", "canceled", "the rollout was canceled before its turn");
    else if (facts === null) end(each, "skipped", "removed", "it is not in the fleet any more");
    else if (isAway(facts) && nowMs >= Date.parse(rollout.offline_until))
      end(each, "skipped", ...whyAway(facts, `until ${rollout.offline_until}`));
  }

  let next: AgentRollout = rollout;
  const stop = stopReason(next, [...now.values()]);
  if (stop !== null) next = { ...next, state: "stopped", reason: stop };
  const ask: string[] = [];
  if (next.state === "running" && ![...now.values()].some(({ state }) => isInFlight(state))) {
    const batch = next.batches + 1;
    for (const each of [...now.values()]) {
      if (ask.length >= next.batch) break;
      if (each.state !== "waiting") continue;
      const facts = factsOf(each.agent);
      if (facts === null || facts.busy) continue;
      if (isAway(facts)) {
        if (next.skip_offline) end(each, "skipped", ...whyAway(facts, "at its turn"));
        continue;
      }
      if (facts.version === next.version) {
        end({ ...each, from: facts.version }, "healthy", "already", "it runs this version already");
        continue;
      }
      if (facts.capable === false) {
        const text = `version ${facts.version ?? "unknown"} cannot be upgraded by its hub: install this one by hand`;
        end({ ...each, from: facts.version }, "refused", "too_old", text);
        continue;
      }
      now.set(each.agent, {
        ...each,
        state: "sending",
        from: facts.version,
        batch,
        asked_at: timestamp(nowMs),
        sensors: facts.sensors(),
      });
      ask.push(each.agent);
    }
    if (ask.length > 0) next = { ...next, batches: batch };
  }

  const changed = agents.flatMap((before) => {
    const after = now.get(before.agent) ?? before;
    return after === before ? [] : [after];
  });
  const all = [...now.values()];
  const isEnd = all.every(({ state }) => isOver(state));
  if (isEnd && next.ended_at === null) {
    const state = next.state === "running" || next.state === "paused" ? "done" : next.state;
    next = { ...next, state, ended_at: timestamp(nowMs) };
  }
  if (changed.length > 0) next = { ...next, counts: countsOf(all) };
  return { rollout: next, changed, ask, withdraw };
}

/** It cannot be sent anything now, and may be later. */
const isAway = ({ online, conflict }: AgentFacts): boolean => !online || conflict;
const whyAway = ({ conflict }: AgentFacts, when: string): [code: string, reason: string] =>
  conflict ? ["conflict", `two machines had its id ${when}`] : ["offline", `it was away ${when}`];

/** `null`: as it is. */
function judge(
  rollout: AgentRollout,
  each: RolloutAgent,
  facts: AgentFacts | null,
  nowMs: number,
): { readonly agent: RolloutAgent; readonly withdraw: boolean } | null {
  const ended = (state: AgentUpgradeState, code: string | null, reason: string | null, withdraw = false) => ({
    agent: { ...each, state, code, reason, ended_at: timestamp(nowMs) },
    withdraw,
  });
  if (facts === null) return ended("skipped", "removed", "it was taken out of the fleet");
  const report = facts.report?.upgrade === rollout.id ? facts.report : null;
  const { code = null, reason = null } = report ?? {};
  switch (report?.state) {
    case "refused":
    case "rolled_back":
      return ended(report.state, code, reason);
    case "failed":
      return code === "withdrawn" && rollout.state === "canceled"
        ? ended("skipped", "canceled", "the rollout was canceled before it had begun")
        : ended("failed", code, reason);
    default:
  }
  const lack = report?.state === "healthy" ? lackOf(rollout, each, facts, nowMs) : null;
  if (report?.state === "healthy" && lack === null) return ended("healthy", code, reason);
  const late = nowMs >= Date.parse(each.asked_at ?? "") + rollout.within * 1_000;
  if (late) {
    const state = report === null ? "it said nothing" : (lack ?? `its last word was ${report.state}`);
    return ended("failed", "late", `after ${rollout.within} s ${state}`, each.state === "sending");
  }
  const state = report === null || report.state === "sending" ? "sending" : "installing";
  if (state === each.state && lack === each.reason) return null;
  return { agent: { ...each, state, code: null, reason: lack }, withdraw: false };
}

/** What an agent that calls itself healthy lacks, seen from here; `null`: nothing. */
function lackOf(rollout: AgentRollout, each: RolloutAgent, facts: AgentFacts, nowMs: number): string | null {
  if (!facts.online || facts.linkedSinceMs === null) return "it has no link";
  if (facts.version !== rollout.version) return `it says that it is version ${facts.version ?? "unknown"}`;
  const missing = each.sensors.filter((sensor) => !facts.sensors().includes(sensor));
  if (missing.length > 0) return `sensors do not run that ran before: ${missing.join(", ")}`;
  if (nowMs - facts.linkedSinceMs < rollout.settle * 1_000)
    return `its link is watched for ${rollout.settle} s`;
  return null;
}

function stopReason(rollout: AgentRollout, agents: readonly RolloutAgent[]): string | null {
  if (rollout.state !== "running" && rollout.state !== "paused") return null;
  const failures = agents.filter(({ state }) => state === "failed" || state === "rolled_back").length;
  return failures - rollout.forgiven >= rollout.max_failures
    ? `${failures} of ${agents.length} agents failed or went back`
    : null;
}

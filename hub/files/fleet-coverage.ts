/** How the files of many agents are watched, what is not as good as it could be first. Pure. */
import type { Unanswered } from "../../shared/model/file-verification.ts";
import type {
  CoveredPath,
  UnreadablePath,
  WatchCoverage,
  WhoCoverage,
} from "../../shared/watch/questions.ts";
import type { Reply } from "./watchers.ts";

export interface FleetCoverage {
  /** By id. */
  readonly agents: readonly (AgentCoverage | NoCoverage)[];
}

export interface AgentCoverage {
  readonly agent: string;
  /** Paths in each state, of those that its answer named. */
  readonly live: number;
  readonly polled: number;
  /** And of single paths that could not be read. */
  readonly blind: number;
  /** Blind ones first, then polled ones; the first of them. */
  readonly paths: readonly CoveredPath[];
  readonly unreadable_paths: readonly UnreadablePath[];
  /** Paths that are not shown here: ask this agent alone. */
  readonly left_out: number;
  /** What is missing of what says who made a change; `null`: the agent's version does not say. */
  readonly who: WhoCoverage | null;
  readonly sweep: WatchCoverage["sweep"];
}

export interface NoCoverage {
  readonly agent: string;
  readonly why: Unanswered;
  readonly detail: string;
}

/** Of each agent: a fleet's answer stays an answer. */
const mostPaths = 100;
const order: readonly CoveredPath["state"][] = ["blind", "polled", "live"];

export function fleetCoverage(replies: readonly Reply<WatchCoverage>[]): FleetCoverage {
  const agents = replies.map((reply) => ("answer" in reply ? shortened(reply.agent, reply.answer) : reply));
  return { agents: agents.toSorted((a, b) => (a.agent < b.agent ? -1 : 1)) };
}

function shortened(agent: string, answer: WatchCoverage): AgentCoverage {
  const { paths, left_out, unreadable, unreadable_paths, who, sweep } = answer;
  const sorted = order.flatMap((state) => paths.filter((path) => path.state === state));
  const count = (state: CoveredPath["state"]) => paths.filter((path) => path.state === state).length;
  const shown = sorted.slice(0, mostPaths);
  return {
    agent,
    live: count("live"),
    polled: count("polled"),
    blind: count("blind") + unreadable,
    paths: shown,
    unreadable_paths,
    left_out: left_out + sorted.length - shown.length + unreadable - unreadable_paths.length,
    who: who ?? null,
    sweep,
  };
}

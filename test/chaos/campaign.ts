/** A campaign from start to verdict: processes die where the seed says, everything settles, the promises are checked. */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { agentPoints } from "../../agent/kill-points.ts";
import { hubPoints } from "../../hub/kill-points.ts";
import type { DeadLetter } from "../../hub/store/port/history.ts";
import { statuses } from "../../shared/model/execution.ts";
import { agentReady, type Daemon } from "../support/fleet.ts";
import { waitUntil } from "../support/wait-until.ts";
import { agentsOf, type Evidence, historyOf, linesIn, orphansOf, wholeResult } from "./evidence.ts";
import { type ChaosFleet, createChaosFleet } from "./fleet.ts";
import { agentLives, hubLives, Tally } from "./lives.ts";
import { planOf } from "./plan.ts";
import { broken } from "./promises.ts";
import { Requests } from "./requests.ts";
import { rage } from "./weather.ts";

export interface CampaignOptions {
  readonly seed: number;
  readonly kills: number;
  readonly broker: "embedded" | "external";
  readonly agents: number;
  /** Milliseconds for everything to come to rest in the end. */
  readonly settleMs: number;
  /** Whether large results must have come: one whose fetching was killed is fetched after its lease of two minutes. */
  readonly awaitResults: boolean;
  /** Milliseconds that a process is given to pass its point, and how often a point is tried. */
  readonly patienceMs: number;
  readonly tries: number;
  readonly say: (line: string) => void;
  readonly progress: (line: string) => void;
}

export interface Verdict {
  readonly kills: number;
  /** By point, all of them. */
  readonly hits: ReadonlyMap<string, number>;
  readonly missed: ReadonlyMap<string, number>;
  readonly killed: ReadonlyMap<string, number>;
  readonly weather: ReadonlyMap<string, number>;
  readonly refused: ReadonlyMap<string, number>;
  readonly figures: Readonly<Record<string, number>>;
  /** Broken promises; empty: all were kept. */
  readonly findings: readonly string[];
}

/** Enough for the purge to have something to remove all the way; it keeps at least 1,000. */
const noise = 1_600;
/** Numbers that may come in one life of the hub before a purge of it would touch them. */
const headroom = 400;

/** To be run inside a test, or `cleanedUpAfter`. */
export async function campaign(options: CampaignOptions): Promise<Verdict> {
  const { seed, kills, say, progress } = options;
  const external = options.broker === "external";
  const plan = planOf({ seed, kills, agents: options.agents });
  say(`a hub, ${options.agents} agents, ${options.broker} broker; seed ${seed}, ${kills} kills`);
  const fleet = await createChaosFleet({ agents: options.agents, external, noise, say });
  const tally = new Tally();
  const requests = new Requests(fleet);
  const memory = watchMemory(fleet);
  const pace = keepPace(fleet);
  const startedAt = performance.now();
  const tell = () => {
    const seconds = Math.round((performance.now() - startedAt) / 1_000);
    progress(`${tally.total} kills of ${kills} · ${tally.hits.size} points hit · ${seconds} s`);
  };
  let isOver = false;
  const { patienceMs, tries } = options;
  const parts = { fleet, requests, tally, progress: tell, patienceMs, tries };
  const raging = rage({
    fleet,
    tally,
    options: { seed, kills, agents: options.agents, external },
    kills: plan.weatherKills,
    isOver: () => isOver,
    progress: tell,
  });
  const maxInstances = () => {
    const counted = fleet.agents.reduce((sum, { accepted }) => sum + accepted().length, 0);
    return Math.max(1_000, counted + headroom + Math.round(noise * (1 - tally.total / kills)));
  };
  await Promise.all([
    hubLives(parts, plan.hub, maxInstances),
    ...plan.agents.map((lives, at) => agentLives(parts, at, lives)),
  ]);
  isOver = true;
  await raging;
  const peak = memory.stop();
  pace.stop();

  const findings = [...tally.findings];
  say(`${tally.total} kills; settling`);
  const { evidence, trouble } = await settle(fleet, requests, options, peak);
  findings.push(...trouble, ...broken(evidence));
  return {
    kills: tally.total,
    hits: new Map([...hubPoints, ...agentPoints].map((point) => [point, tally.hits.get(point) ?? 0])),
    missed: tally.missed,
    killed: tally.kills,
    weather: tally.weather,
    refused: requests.refused,
    figures: {
      triggers: evidence.instances.length,
      executions: evidence.executions.length,
      abandoned: evidence.executions.filter(({ status }) => status === "abandoned").length,
      "runs by hand": evidence.made.length,
      "told by request": evidence.told.length,
      "large results": evidence.large.size,
      "dead letters tried again": evidence.retried.length,
      "noise left by the purge": evidence.noiseLeft,
      "hub MiB": evidence.memory.hub,
      "agent MiB": evidence.memory.agent,
    },
    findings,
  };
}

/** An orderly restart of the hub, without points; then the counting ends, and everything must come to rest. */
async function settle(
  fleet: ChaosFleet,
  requests: Requests,
  { settleMs, awaitResults }: CampaignOptions,
  memory: Evidence["memory"],
): Promise<{ readonly evidence: Evidence; readonly trouble: readonly string[] }> {
  const { hub, agents, folder } = fleet;
  const trouble: string[] = [];
  const must = async (what: string, work: () => Promise<unknown>) => {
    try {
      await work();
    } catch (error) {
      trouble.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  const endsWell = async (name: string, stop: () => Promise<number | null>) => {
    const code = await stop();
    if (code !== 0) trouble.push(`${name} did not stop in order: exit code ${code}`);
  };
  await endsWell("the hub", () => hub.stop());
  await hub.start();
  await must("all agents online", async () => {
    for (const { id } of agents) await agentReady(hub, id, ["core", "chaos"]);
  });
  fleet.halt();
  await must("sensors come to their end", () =>
    waitUntil("all sensors to halt", () => agents.every(fleet.isHalted), settleMs, 100),
  );
  await must("everything comes to rest", () => rest(fleet, settleMs));
  const retried = await hub.all<DeadLetter>("/v1/dead-letters").then((letters) =>
    // An entry that was in intake while the hub died three times is set aside; an operator tries it again.
    letters.filter(({ reason }) => reason.startsWith("in intake during")),
  );
  for (const { id } of retried) await must("retry", () => hub.api("POST", `/v1/dead-letters/${id}/retry`));
  if (retried.length > 0) await must("everything comes to rest again", () => rest(fleet, settleMs));
  if (awaitResults) await must("large results come", () => results(fleet));
  let told: Evidence["told"] = [];
  await must("requests can be repeated", async () => {
    told = await requests.repeat();
  });
  const history = await historyOf(hub);
  for (const { id, agent } of agents) await endsWell(`agent ${id}`, () => agent.stop());
  await endsWell("the hub", () => hub.stop());
  const orphans = orphansOf(fleet);
  const large = awaitResults
    ? history.large
    : new Map([...history.large].filter(([, length]) => length !== null));
  const evidence: Evidence = {
    ...history,
    large,
    agents: await agentsOf(fleet),
    lines: linesIn(folder, ["append", "append_again", "large", "weigh"]),
    made: requests.made,
    told,
    retried,
    orphans,
    memory,
  };
  return { evidence, trouble };
}

const open = statuses.filter((status) => !/succeeded|failed|timeout|abandoned|canceled/.test(status));

/** Resolves when the hub has every accepted number, nothing is pending, and every execution has come to its end. */
async function rest({ hub, agents }: ChaosFleet, withinMs: number): Promise<void> {
  const seen = async () => {
    for (const { id, accepted } of agents) {
      const path = `/v1/trigger-instances?trigger=chaos.number&agent=${id}&limit=1`;
      const { items } = await hub.api<{ items: readonly { payload: { number: number } }[] }>("GET", path);
      const last = accepted().at(-1) ?? 0;
      if ((items[0]?.payload.number ?? 0) < last) throw new Error(`${id}: ${last} is not on the hub`);
    }
    for (const status of open) {
      const path = `/v1/executions?status=${status}&limit=1`;
      const { items } = await hub.api<{ items: readonly { id: string }[] }>("GET", path);
      if (items[0] !== undefined) throw new Error(`execution ${items[0].id} is ${status}`);
    }
    const { pending_instances } = await hub.api<{ pending_instances: number }>("GET", "/v1/hub");
    if (pending_instances > 0) throw new Error(`${pending_instances} instances are pending`);
    return true;
  };
  // Twice: what was under way in the first look has arrived by the second.
  await waitUntil("nothing under way", seen, withinMs, 300);
  await sleep(500);
  await waitUntil("nothing under way still", seen, withinMs, 300);
}

const resultsMs = 200_000;

async function results({ hub }: ChaosFleet): Promise<void> {
  const executions = await hub.all<{ id: string; result_blob: unknown }>("/v1/executions?action=chaos.large");
  for (const { id, result_blob } of executions) {
    if (result_blob !== null)
      await waitUntil(`result of ${id}`, async () => (await wholeResult(hub, id)) !== null, resultsMs, 500);
  }
}

/** Numbers each sensor may be ahead of what was done. */
const ahead = 60;

/** Lets the sensors count as fast as the fleet gets things done, by the lines of the action that always runs. */
function keepPace(fleet: ChaosFleet): { stop(): void } {
  const look = () => {
    const [done = new Map<string, number>()] = linesIn(fleet.folder, ["append_again"]).values();
    fleet.limit(ahead + Math.floor(done.size / fleet.agents.length));
  };
  look();
  const timer = setInterval(look, 500);
  return { stop: () => clearInterval(timer) };
}

/** Looks each second at the memory of whatever lives. */
function watchMemory({ hub, agents }: ChaosFleet): { stop(): Evidence["memory"] } {
  const peak = { hub: 0, agent: 0 };
  const look = () => {
    peak.hub = Math.max(peak.hub, residentMiB(hub.daemon()));
    for (const { agent } of agents) peak.agent = Math.max(peak.agent, residentMiB(agent.daemon()));
  };
  const timer = setInterval(look, 1_000);
  return {
    stop() {
      clearInterval(timer);
      return peak;
    },
  };
}

function residentMiB({ pid }: Daemon): number {
  try {
    const [, kib = "0"] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
    return Math.round(Number(kib) / 1024);
  } catch {
    return 0; // it has just ended
  }
}

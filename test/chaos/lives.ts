/** One process after the other is started, lives, and dies where its plan says. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Daemon } from "../support/fleet.ts";
import { type ChaosFleet, unarmed } from "./fleet.ts";
import type { Life } from "./plan.ts";
import { type Requests, requestFor } from "./requests.ts";

/** What the campaign counts while it goes on. */
export class Tally {
  /** By point. */
  readonly hits = new Map<string, number>();
  /** Lives that were to end at a point and did not pass it in time, by point. */
  readonly missed = new Map<string, number>();
  /** From outside, by whom they struck. */
  readonly kills = new Map<string, number>();
  readonly weather = new Map<string, number>();
  /** What no process may do: end by itself, or not come up. */
  readonly findings: string[] = [];

  get total(): number {
    const sum = (counts: ReadonlyMap<string, number>) => [...counts.values()].reduce((a, b) => a + b, 0);
    return sum(this.hits) + sum(this.kills);
  }

  count(counts: Map<string, number>, what: string): void {
    counts.set(what, (counts.get(what) ?? 0) + 1);
  }
}

export interface LivesParts {
  readonly fleet: ChaosFleet;
  readonly requests: Requests;
  readonly tally: Tally;
  readonly progress: () => void;
  /** Who has not passed its point by then is killed from outside. */
  readonly patienceMs: number;
  /** How often a point is tried, the first time included. */
  readonly tries: number;
}

const askEveryMs = 700;

interface Subject {
  readonly name: string;
  /** Resolves when it has come up; at once for one that is not waited for. */
  readonly start: (env: Readonly<Record<string, string>>) => Promise<void>;
  readonly daemon: () => Daemon;
  /** Whom the requests that it needs are for. */
  readonly agent: () => string;
}

/** The hub's lives, one after the other. */
export function hubLives(
  parts: LivesParts,
  lives: readonly Life[],
  maxInstances: () => number,
): Promise<void> {
  const { hub, agents } = parts.fleet;
  let turn = 0;
  const subject: Subject = {
    name: "hub",
    start: (env) => hub.start({ ...env, PETREL_RETENTION_MAX_INSTANCES: String(maxInstances()) }),
    daemon: hub.daemon,
    agent: () => agents[turn++ % agents.length]?.id ?? "",
  };
  return allLives(parts, subject, lives);
}

export function agentLives(parts: LivesParts, at: number, lives: readonly Life[]): Promise<void> {
  const one = parts.fleet.agents[at];
  if (one === undefined) throw new RangeError(`there is no agent ${at}`);
  const subject: Subject = {
    name: "agent",
    start: async (env) => one.agent.start(env),
    daemon: one.agent.daemon,
    agent: () => one.id,
  };
  return allLives(parts, subject, lives);
}

/** The one that runs already ends first; the last one is left running, killed nowhere. */
async function allLives(parts: LivesParts, subject: Subject, lives: readonly Life[]): Promise<void> {
  const { fleet, tally, progress, tries } = parts;
  const queue = lives.map((life) => ({ life, tried: 0 }));
  const [first] = lives;
  if (first === undefined) return;
  await sleep(first.liveMs);
  await killed(subject, tally);
  progress();
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const { life, tried } = next;
    const armed = life.point === null ? unarmed : { PETREL_KILL_AT: `${life.point}:${life.passing}` };
    const missed = !(await oneLife(parts, subject, life, { ...fleet.slow(life.slowMs), ...armed }));
    if (missed && life.point !== null) {
      tally.count(tally.missed, life.point);
      if (tried + 1 < tries) queue.push({ life: { ...life, passing: 1 }, tried: tried + 1 });
    }
    progress();
  }
  await subject.start(unarmed);
}

/** False when it had to be killed though it was to do so itself. */
async function oneLife(
  { requests, tally, patienceMs }: LivesParts,
  subject: Subject,
  { point, liveMs }: Life,
  env: Readonly<Record<string, string>>,
): Promise<boolean> {
  const coming = subject.start(env).catch((error: unknown) => {
    if (!hasEnded(daemon))
      tally.findings.push(`${subject.name} did not come up: ${String(error).slice(0, 2_000)}`);
  });
  const daemon = subject.daemon();
  await coming;
  const request = requestFor(point);
  const until = performance.now() + (point === null ? liveMs : patienceMs);
  for (let askAt = 0; !hasEnded(daemon) && performance.now() < until; ) {
    if (request !== null && performance.now() >= askAt) {
      askAt = performance.now() + askEveryMs;
      await Promise.race([requests.ask(request, subject.agent()), daemon.ended(), sleep(2_000)]);
    }
    await Promise.race([daemon.ended(), sleep(25)]);
  }
  if (!hasEnded(daemon)) {
    await killed(subject, tally);
    return point === null;
  }
  const { code, signal } = await daemon.ended();
  if (signal === "SIGKILL" && point !== null) {
    tally.count(tally.hits, point);
    return true;
  }
  tally.findings.push(
    `${subject.name} ended by itself: code ${code}, signal ${signal}\n${daemon.log().slice(-3_000)}`,
  );
  return true;
}

async function killed({ name, daemon }: Subject, tally: Tally): Promise<void> {
  await daemon().kill();
  tally.count(tally.kills, name);
}

const hasEnded = ({ child }: Daemon) => child.exitCode !== null || child.signalCode !== null;

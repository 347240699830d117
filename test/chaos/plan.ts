/** What a campaign will do, from its seed: for each process a row of lives, and the weather around them. Pure. */
import { agentPoints } from "../../agent/kill-points.ts";
import { hubPoints } from "../../hub/kill-points.ts";

/** Whole numbers below `below`, the same row for the same seed. */
export type Random = (below: number) => number;

/** Mulberry32. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

/** One life of a process, to its death. */
export interface Life {
  /** Where it kills itself; `null`: it is killed from outside after `liveMs`. */
  readonly point: string | null;
  /** Which passing of the point kills. */
  readonly passing: number;
  readonly liveMs: number;
  /** Added to each of its syncs. */
  readonly slowMs: number;
}

export type Trouble =
  | { readonly kind: "kill sensor"; readonly agent: number }
  | { readonly kind: "kill broker" }
  | { readonly kind: "stop hub" | "stop broker"; readonly ms: number }
  | { readonly kind: "stop agent" | "stop sensor"; readonly agent: number; readonly ms: number }
  | {
      readonly kind: "cut" | "hold" | "slow";
      /** `null`: the hub's own wire to an external broker. */
      readonly agent: number | null;
      readonly ms: number;
    };

export interface Plan {
  readonly hub: readonly Life[];
  /** By agent. */
  readonly agents: readonly (readonly Life[])[];
  /** Kills among the weather. */
  readonly weatherKills: number;
}

export interface PlanOptions {
  readonly seed: number;
  readonly kills: number;
  readonly agents: number;
}

/** Of all kills, those at named points; the rest are aimed at nothing. */
const shareAtPoints = 0.88;
/** Passed again and again by themselves: where they kill may be late in a life. */
const oftenPassed =
  /^(take-in|update|receipt|request|down-receipt|dispatch|receipt-noted|receipt-sent|before|after)/;

export function planOf({ seed, kills, agents }: PlanOptions): Plan {
  const random = randomFrom(seed);
  const hub: (string | null)[] = [];
  const fleet: (string | null)[] = [];
  const points = [
    ...hubPoints.map((point) => ({ point, to: hub })),
    ...agentPoints.map((point) => ({ point, to: fleet })),
  ];
  // Whole rounds over all points; of the last round, which has no room for all, whichever come first.
  let round: typeof points = [];
  for (let left = Math.floor(kills * shareAtPoints); left > 0; left--) {
    if (round.length === 0) round = shuffled(points, random);
    const next = round.shift();
    if (next !== undefined) next.to.push(next.point);
  }
  const weatherKills = Math.floor((kills - hub.length - fleet.length) / 3);
  for (let left = kills - hub.length - fleet.length - weatherKills; left > 0; left--) {
    (left % 2 === 0 ? hub : fleet).push(null);
  }
  const life = (point: string | null): Life => ({
    point,
    passing: point !== null && oftenPassed.test(point) ? 1 + random(8) : 1,
    liveMs: 300 + random(3_000),
    slowMs: random(4) === 0 ? 10 + random(90) : 0,
  });
  const rows = Array.from({ length: agents }, (): Life[] => []);
  for (const [at, point] of shuffled(fleet, random).entries()) rows[at % agents]?.push(life(point));
  return { hub: shuffled(hub, random).map(life), agents: rows, weatherKills };
}

/** The weather, without end; a kill only while `mayKill`. */
export function* weather(
  options: PlanOptions & { readonly external: boolean },
  mayKill: () => boolean,
): Generator<{ readonly afterMs: number; readonly trouble: Trouble }, never> {
  const { seed, agents, external } = options;
  const random = randomFrom(seed ^ 0x5eed);
  for (;;) {
    const afterMs = 200 + random(1_300);
    const agent = random(agents);
    const ms = 200 + random(random(4) === 0 ? 4_000 : 1_200);
    const wire = external && random(4) === 0 ? null : agent;
    const kills: Trouble[] = [{ kind: "kill sensor", agent }];
    if (external) kills.push({ kind: "kill broker" });
    const others: Trouble[] = [
      { kind: "stop hub", ms },
      { kind: "stop agent", agent, ms },
      { kind: "stop sensor", agent, ms },
      { kind: "cut", agent: wire, ms },
      { kind: "hold", agent: wire, ms },
      { kind: "slow", agent: wire, ms: 2 * ms },
    ];
    if (external) others.push({ kind: "stop broker", ms });
    const among = random(3) === 0 && mayKill() ? kills : others;
    yield { afterMs, trouble: among[random(among.length)] ?? { kind: "stop hub", ms } };
  }
}

function shuffled<T>(items: readonly T[], random: Random): T[] {
  const all = [...items];
  for (let last = all.length - 1; last > 0; last--) {
    const other = random(last + 1);
    const [a, b] = [all[last] as T, all[other] as T];
    all[last] = b;
    all[other] = a;
  }
  return all;
}

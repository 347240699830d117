/** `bench touched`: from a file that is made to an action that has run for it, beside a pipeline of shells. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { spread } from "./pace.ts";
import { startPipeline } from "./shell-pipeline-process.ts";
import { startFleet } from "./touched-fleet-process.ts";

export const touchedUsage = "[--events 200] [--per-second 20] [--burst 4000] [--repetitions 3]";

/** Whatever has actions run for files. */
export interface TouchedSide {
  /** How many have run: to be asked often. */
  count(): Promise<number>;
  /** All that ran, in whatever order; `at` in ms since the epoch. */
  ran(): Promise<readonly { readonly path: string; readonly at: number }[]>;
  stop(): Promise<void>;
}

interface Round {
  readonly p50: number;
  readonly p99: number;
  readonly perSecond: number;
  readonly missed: number;
}

/** ms that a path is quiet before it is looked at, as the sensor has it. */
const settleMs = 50;
/** The pipeline is slow: more would only take longer. */
const pipelineBurst = 400;
const patienceMs = 120_000;
/** Whose count stays for so long has no more to run. */
const quietMs = 15_000;
const bar = 10;

/** Resolves to the exit code. */
export async function touched(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      events: { type: "string", default: "200" },
      "per-second": { type: "string", default: "20" },
      burst: { type: "string", default: "4000" },
      repetitions: { type: "string", default: "3" },
    },
  });
  const load = { events: Number(values.events), everyMs: 1_000 / Number(values["per-second"]) };
  const folder = mkdtempSync(join(tmpdir(), "petrel-bench-touched-"));
  const rounds = { pipeline: [] as Round[], petrel: [] as Round[], "petrel, no settling": [] as Round[] };
  try {
    for (let n = 0; n < Number(values.repetitions); n++) {
      const watched = (name: string) => {
        const path = join(folder, `${name}-${n}`);
        mkdirSync(path);
        return path;
      };
      const measure = async (
        to: keyof typeof rounds,
        burst: number,
        start: (path: string) => Promise<TouchedSide>,
      ) => {
        const path = watched(to.replaceAll(/\W+/g, "-"));
        const side = await start(path);
        try {
          rounds[to].push(await measured(side, path, { ...load, burst }));
        } finally {
          await side.stop();
        }
      };
      const burst = Number(values.burst);
      await measure("pipeline", pipelineBurst, (path) => startPipeline(folder, path));
      await measure("petrel", burst, (path) => startFleet(folder, path, {}));
      await measure("petrel, no settling", burst, (path) => startFleet(folder, path, { settle_ms: 0 }));
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  console.log(
    `\nfile made → action ran: ${values["per-second"]} a second, then ${values.burst} at once (${pipelineBurst} for the pipeline)`,
  );
  for (const [name, each] of Object.entries(rounds)) {
    const shown = (of: (round: Round) => number) => spread(each.map(of));
    console.log(
      `${name.padEnd(20)} p50 ${shown((r) => r.p50)} ms, p99 ${shown((r) => r.p99)} ms; ` +
        `${shown((r) => r.perSecond)} a second; ${each.reduce((sum, r) => sum + r.missed, 0)} never ran`,
    );
  }
  const ratios = rounds.petrel.map((r, n) => r.perSecond / (rounds.pipeline[n]?.perSecond ?? Number.NaN));
  const net = rounds.petrel.map((r) => r.p50 - settleMs);
  console.log(`rate of the pipeline's: ${spread(ratios, 1)}x (bar ${bar})`);
  console.log(`p50 net of settling (${settleMs} ms): ${spread(net)} ms (goal: below the pipeline's)`);
  return 0;
}

async function measured(
  side: TouchedSide,
  folder: string,
  { events, everyMs, burst }: { readonly events: number; readonly everyMs: number; readonly burst: number },
): Promise<Round> {
  const made = new Map<string, number>();
  const make = (name: string) => {
    const path = join(folder, name);
    made.set(path, Date.now());
    writeFileSync(path, "");
  };
  make("unmeasured");
  await allRan(side, made);
  const first = performance.now();
  for (let n = 0; n < events; n++) {
    make(`calm-${n}`);
    await sleep(Math.max(0, first + (n + 1) * everyMs - performance.now()));
  }
  await allRan(side, made);
  const began = Date.now();
  for (let n = 0; n < burst; n++) make(`burst-${n}`);
  const ran = await allRan(side, made);
  const calm = [...made].flatMap(([path, at]) =>
    path.includes("/calm-") ? [(ran.get(path) ?? Number.NaN) - at] : [],
  );
  const late = calm.filter((ms) => !Number.isNaN(ms)).sort((a, b) => a - b);
  const at = (share: number) => late[Math.floor((late.length - 1) * share)] ?? Number.NaN;
  const burstEnds = [...ran].flatMap(([path, end]) => (path.includes("/burst-") ? [end] : []));
  const seconds = (burstEnds.reduce((a, b) => Math.max(a, b), began) - began) / 1_000;
  return { p50: at(0.5), p99: at(0.99), perSecond: burstEnds.length / seconds, missed: made.size - ran.size };
}

/** When each first ran; ends when all have, or nothing more comes. */
async function allRan(
  side: TouchedSide,
  made: ReadonlyMap<string, number>,
): Promise<ReadonlyMap<string, number>> {
  let [count, since] = [-1, performance.now()];
  const began = since;
  for (;;) {
    const now = performance.now();
    const counted = await side.count();
    if (counted > count) [count, since] = [counted, now];
    if (count >= made.size || now - since > quietMs || now - began > patienceMs) break;
    await sleep(200);
  }
  const ran = new Map<string, number>();
  for (const { path, at } of await side.ran()) {
    if (made.has(path)) ran.set(path, Math.min(at, ran.get(path) ?? Number.POSITIVE_INFINITY));
  }
  return ran;
}

/** `npm run chaos -- …`: kills hub, agents, sensors and broker all over the place, and says which promise broke. */
import { parseArgs } from "node:util";
import { cleanedUpAfter } from "../support/at-end.ts";
import { type CampaignOptions, campaign, type Verdict } from "./campaign.ts";

const usage = `usage: npm run chaos -- [options]

Starts a hub, agents and a stream of numbered triggers, kills processes at named points and from outside, stops them,
cuts and slows their wires and their disks, lets everything settle, and checks every promise of docs/ARCHITECTURE.md.

  --seed S          plan of the campaign; the same seed makes the same plan (default: from the clock)
  --kills N         deaths to cause (default 200: each point five times)
  --broker B        embedded | external (needs mosquitto) | both (default embedded)
  --agents N        agents (default 3)
  --settle SECONDS  for everything to come to rest in the end (default 120)
  --patience SECONDS  for a process to pass its point before it is killed from outside (default 20)
  --help

Exit code 0: every promise was kept. 1: one was broken, or a point was never reached. 2: wrong options.`;

/** Below this many kills not every point can be hit often. */
const fullKills = 200;
const fullHits = 5;

async function run(args: readonly string[]): Promise<number> {
  const read = readOptions(args);
  if (typeof read === "number") return read;
  let failed = false;
  for (const broker of read.brokers) {
    const verdict = await cleanedUpAfter(() =>
      Promise.race([campaign({ ...read.options, broker }), interrupted()]),
    );
    failed = !report(verdict, read.options) || failed;
  }
  if (failed)
    console.log(`\nagain: npm run chaos -- --seed ${read.options.seed} --kills ${read.options.kills}`);
  return failed ? 1 : 0;
}

/** Ctrl-C leaves no process behind: what was started is cleaned up on the way out. */
async function interrupted(): Promise<never> {
  const signal = await new Promise((resolve) => {
    for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => resolve(name));
  });
  throw new Error(`ended by ${signal}`);
}

function readOptions(args: readonly string[]) {
  const text = { type: "string" } as const;
  const options = {
    seed: text,
    kills: text,
    broker: text,
    agents: text,
    settle: text,
    patience: text,
    help: { type: "boolean" },
  } as const;
  try {
    const { values } = parseArgs({ args: [...args], options });
    if (values.help === true) {
      console.log(usage);
      return 0;
    }
    const { broker = "embedded" } = values;
    if (broker !== "embedded" && broker !== "external" && broker !== "both")
      throw new Error(`--broker ${broker}`);
    const brokers: CampaignOptions["broker"][] = broker === "both" ? ["embedded", "external"] : [broker];
    const made: Omit<CampaignOptions, "broker"> = {
      seed: whole("seed", values.seed, Date.now() % 1_000_000, 0),
      kills: whole("kills", values.kills, fullKills, 1),
      agents: whole("agents", values.agents, 3, 1),
      settleMs: 1_000 * whole("settle", values.settle, 120, 1),
      awaitResults: true,
      patienceMs: 1_000 * whole("patience", values.patience, 20, 1),
      tries: 2,
      say: (line) => console.log(`${clear}${line}`),
      progress: (line) => (process.stdout.isTTY ? process.stdout.write(`${clear}${line}`) : everyTen(line)),
    };
    return { brokers, options: made };
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${usage}`);
    return 2;
  }
}

const clear = process.stdout.isTTY ? "\r\x1b[K" : "";
let lines = 0;
/** A log file needs no line for each kill. */
function everyTen(line: string): void {
  if (lines++ % 10 === 0) console.log(line);
}

function whole(name: string, text: string | undefined, otherwise: number, least: number): number {
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < least)
    throw new Error(`--${name} takes a whole number from ${least} on`);
  return value;
}

/** True when all is well. */
function report(verdict: Verdict, { kills }: { readonly kills: number }): boolean {
  const rare = [...verdict.hits].filter(([, hits]) => kills >= fullKills && hits < fullHits);
  console.log("\nkilled at                hits  missed");
  for (const [point, hits] of verdict.hits) {
    console.log(`${point.padEnd(24)} ${String(hits).padStart(4)}  ${verdict.missed.get(point) ?? ""}`);
  }
  table("killed from outside", verdict.killed);
  table("weather", verdict.weather);
  table("refused requests", verdict.refused);
  table("in the end", new Map(Object.entries(verdict.figures)));
  for (const [point, hits] of rare) console.log(`\nRARE: ${point} was hit ${hits} times`);
  for (const finding of verdict.findings) console.log(`\nBROKEN: ${finding}`);
  const isWell = verdict.findings.length === 0 && rare.length === 0;
  console.log(
    `\n${verdict.kills} kills: ${isWell ? "every promise was kept" : "NOT all is well, see above"}`,
  );
  return isWell;
}

function table(title: string, counts: ReadonlyMap<string, number>): void {
  if (counts.size === 0) return;
  console.log(`\n${title}`);
  for (const [what, count] of counts) console.log(`${what.padEnd(24)} ${String(count).padStart(6)}`);
}

process.exit(
  await run(process.argv.slice(2)).catch((error: unknown) => {
    console.error(error);
    return 1;
  }),
);

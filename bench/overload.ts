/** `bench overload`: what others' backlogs, a hub's slow disk, and bad neighbours cost an agent. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { openAgentStore } from "../agent/store/agent-store.ts";
import { timestamp } from "../shared/clock.ts";
import { ulidSource } from "../shared/ids.ts";
import { createLogger } from "../shared/log.ts";
import { systemClock, systemRandom } from "../shared/system-process.ts";
import { startLoadProcess } from "./child-process.ts";
import { triggerOf } from "./fleet-pack.ts";
import { startHub } from "./hub-process.ts";
import { besideNeighbours } from "./neighbours.ts";
import { type SimulatedAgent, startSimulatedAgent } from "./simulated-agent.ts";
import { slowFsync } from "./slow-fsync-process.ts";

export const overloadUsage =
  "[--only backlog|slow|neighbours] [--backlog 100000] [--behind 1] [--slow-ms 5000] [--agents 500] [--each 40]" +
  " [--healthy 50] [--per-second 100] [--seconds 10] [--profile DIR]";

const log = createLogger({
  level: "error",
  format: "text",
  write: (line) => process.stderr.write(`${line}\n`),
  now: () => Date.now(),
});
const newId = ulidSource(systemClock, systemRandom);
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Resolves to the exit code. */
export async function overload(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      backlog: { type: "string", default: "100000" },
      "slow-ms": { type: "string", default: "5000" },
      agents: { type: "string", default: "500" },
      each: { type: "string", default: "40" },
      healthy: { type: "string", default: "50" },
      "per-second": { type: "string", default: "100" },
      seconds: { type: "string", default: "10" },
      behind: { type: "string", default: "1" },
      profile: { type: "string" },
      only: { type: "string" },
    },
  });
  const execArgv = values.profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${values.profile}`];
  const wants = (name: string) => values.only === undefined || values.only === name;
  if (wants("backlog")) {
    const backlog = { entries: Number(values.backlog), agents: Number(values.behind) };
    await inFolder((folder) => besideBacklog(folder, backlog, execArgv));
  }
  if (wants("slow")) {
    const slow = { ms: Number(values["slow-ms"]), agents: Number(values.agents), each: Number(values.each) };
    await inFolder((folder) => slowDisk(folder, slow));
  }
  if (wants("neighbours")) {
    const { healthy, "per-second": perSecond, seconds } = values;
    const load = { agents: Number(healthy), perSecond: Number(perSecond), seconds: Number(seconds) };
    await inFolder((folder) => besideNeighbours(folder, load, execArgv));
  }
  return 0;
}

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "petrel-bench-"));
  try {
    await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function entryOf(n: number) {
  return { id: newId(), at: timestamp(Date.now()), kind: "trigger" as const, sensor: null, ...triggerOf(n) };
}

/** Fills an agent's outbox while there is no hub. */
async function fill(folder: string, count: number, first = 0): Promise<void> {
  const store = await openAgentStore({ data: folder, newId, now: () => Date.now(), log });
  for (let n = 0; n < count; n += 500)
    await store.outbox.append(
      Array.from({ length: Math.min(500, count - n) }, (_, i) => entryOf(first + n + i)),
    );
  await store.close();
}

/** Chains of one agent, some each second, while the backlog of one or more others drains; and before it. */
async function besideBacklog(
  folder: string,
  { entries, agents: count }: { readonly entries: number; readonly agents: number },
  execArgv: readonly string[],
): Promise<void> {
  const each = Math.ceil(entries / count);
  const backlog = each * count;
  const hub = await startHub({ folder, brokerUrl: null, env: {}, execArgv });
  // Elsewhere: what these agents compute must not delay the clock here.
  const behind = startLoadProcess("./agents-main.ts");
  const began = new Map<number, number>();
  const took: number[] = [];
  let other: SimulatedAgent | null = null;
  let next = backlog;
  const live = async (agent: SimulatedAgent, isOver: () => boolean) => {
    took.length = 0;
    while (!isOver()) {
      const { trigger, payload } = triggerOf(next);
      began.set(next++, performance.now());
      await agent.trigger(trigger, payload);
      await sleep(50);
    }
    while (began.size > 0) await sleep(20);
    return took.toSorted((a, b) => a - b);
  };
  try {
    for (let n = 0; n < count; n++) await fill(join(folder, `load-${n}`), each, each * n);
    other = await startSimulatedAgent({
      ...{ id: "other", folder: join(folder, "other"), hub: hub.mqtt, log },
      ended: (seq) => {
        const at = began.get(seq);
        if (at !== undefined) took.push(performance.now() - at);
        began.delete(seq);
      },
    });
    const until = performance.now() + 10_000;
    const quiet = await live(other, () => performance.now() > until);
    const from = performance.now();
    let isDrained = false;
    const drained = (async () => {
      await behind.ask({ op: "start", hub: hub.mqtt, folder, agents: count });
      while ((await behind.ask<number>({ op: "held" })) > 0) await sleep(200);
      isDrained = true;
    })();
    const beside = await live(other, () => isDrained);
    await drained;
    const seconds = (performance.now() - from) / 1_000;
    console.log(`another agent's chains, 20/s, alone:           ${shown(quiet)}`);
    console.log(
      `beside a backlog of ${backlog} on ${count} (${seconds.toFixed(0)} s to drain): ${shown(beside)}`,
    );
    await hub.verify(next);
    console.log(`all ${next} chains have all their records`);
  } finally {
    await behind.stop();
    await other?.stop();
    await hub.stop();
  }
}

function shown(sorted: readonly number[]): string {
  const at = (part: number) => (sorted[Math.floor(sorted.length * part)] ?? Number.NaN).toFixed(0);
  return `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, most ${at(0.9999)} ms of ${sorted.length}`;
}

/** Bytes that agents send in packets of their up ledgers, in terms of the entries' own bytes. */
async function slowDisk(
  folder: string,
  { ms, agents: count, each }: { ms: number; agents: number; each: number },
): Promise<void> {
  const env = await slowFsync(folder, ms);
  const hub = await startHub({ folder, brokerUrl: null, env, execArgv: [] });
  const agents: SimulatedAgent[] = [];
  try {
    for (let i = 0; i < count; i++) await fill(join(folder, `slow-${i}`), each);
    const from = performance.now();
    agents.push(
      ...(await Promise.all(
        Array.from({ length: count }, (_, i) =>
          startSimulatedAgent({
            id: `slow-${i}`,
            folder: join(folder, `slow-${i}`),
            hub: hub.mqtt,
            log,
            ended: () => {},
          }),
        ),
      )),
    );
    const held = () => agents.reduce((sum, agent) => sum + agent.link().held, 0);
    while (held() > 0) await sleep(200);
    const sent = agents.reduce((sum, agent) => sum + agent.link().upBytes, 0);
    const payload = agents.reduce((sum, agent) => sum + agent.link().upEntryBytes, 0);
    const seconds = (performance.now() - from) / 1_000;
    console.log(
      `a hub whose syncs take ${ms} ms, ${count} agents with ${each} triggers each: all receipted in`,
      `${seconds.toFixed(0)} s; ${sent} bytes sent, ${(sent / payload).toFixed(2)}x the entries' own`,
    );
    await hub.verify(count * each);
  } finally {
    for (const agent of agents) await agent.stop();
    await hub.stop();
  }
}

/** Two hub processes on one store: one owner for each agent, one of them killed or frozen, nothing lost or doubled. */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, onTestFinished, test } from "vitest";
import { openSqliteStore } from "../../hub/store/sqlite/sqlite-store.ts";
import type { Store } from "../../hub/store/store.ts";
import { silentLogger } from "../../shared/log.ts";
import { allPages, id } from "../contract/store/world.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { waitUntil } from "../support/wait-until.ts";

const program = join(import.meta.dirname, "../fixtures/programs/shared-hub.ts");
const leaseMs = 1_500;
const agents = Array.from({ length: 6 }, (_, n) => `host-${n}`);
const jobs = Array.from({ length: 40 }, (_, n) => `job-${n}`);

interface Taken {
  readonly agent: string;
  readonly fence: number;
  readonly from: number;
  readonly to: number;
}

interface HubProcess {
  readonly child: ChildProcess;
  /** Everything it has said, one line each. */
  readonly said: string[];
  taken(): Taken[];
  lines(word: string): string[][];
}

function startHub(file: string, name: string, target: number): HubProcess {
  const args = [program, file, name, agents.join(","), String(target), String(leaseMs)];
  const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "pipe"] });
  const said: string[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => said.push(line));
  createInterface({ input: child.stderr }).on("line", (line) => said.push(`error ${line}`));
  onTestFinished(() => kill(child));
  const lines = (word: string) =>
    said.map((line) => line.split(" ")).flatMap(([first, ...rest]) => (first === word ? [rest] : []));
  const taken = () =>
    lines("taken").map(([agent = "", fence, from, to]) => {
      return { agent, fence: Number(fence), from: Number(from), to: Number(to) };
    });
  return { child, said, lines, taken };
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
}

async function ended(hub: HubProcess): Promise<void> {
  await waitUntil(
    `a hub ends by itself (it said: ${hub.said.slice(-3).join("; ")})`,
    () => hub.child.exitCode !== null,
  );
  expect(hub.lines("error")).toEqual([]);
  expect(hub.child.exitCode).toBe(0);
}

async function openStore(file: string) {
  const store = await openSqliteStore({
    file,
    clock: { now: () => Date.now(), monotonic: () => performance.now() },
    random: randomBytes,
    logger: silentLogger,
  });
  onTestFinished(() => store.close());
  return store;
}

/** Each number of each agent once, with its whole family; each entry numbered once, each request among them. */
async function expectWhole(store: Store, hubs: readonly HubProcess[], target: number): Promise<void> {
  const page = { limit: 1000, ascending: true };
  const ofAll = agents.length * target;
  expect(await store.counts()).toEqual({ instances: ofAll, pending: 0, dead_letters: 0 });
  const sentNotes = hubs.flatMap((hub) => hub.lines("sent"));
  const endedRuns = new Set(hubs.flatMap((hub) => hub.lines("ended").map(([run]) => run)));
  for (const [index, agent] of agents.entries()) {
    const numbers = Array.from({ length: target }, (_, n) => index * 100_000 + n + 1);
    const instances = await allPages((cursor) => store.instances({ agent }, { ...page, cursor }));
    expect(instances.map((each) => each.id)).toEqual(numbers.map(id));
    const executions = await allPages((cursor) => store.executions({ agent }, { ...page, cursor }));
    expect(executions.map((each) => each.trigger_instance).sort()).toEqual(numbers.map(id).sort());
    for (const { id: run, status } of executions) if (endedRuns.has(run)) expect(status).toBe("succeeded");
    expect(await store.marks(agent, ["E"])).toEqual(new Map([["E", target]]));
    const entries: string[] = [];
    for (const { id: epoch, first, last } of await store.downEpochs(agent)) {
      const read = await store.readDown(agent, epoch, first, 100_000, 1e9);
      expect(read.map(({ n }) => n)).toEqual(Array.from({ length: last - first + 1 }, (_, n) => first + n));
      entries.push(...read.map(({ entry }) => ("execution" in entry ? entry.execution : entry.id)));
    }
    expect(new Set(entries).size).toBe(entries.length);
    expect(entries).toEqual(expect.arrayContaining(executions.map((each) => each.id)));
    const notes = sentNotes.filter(([to]) => to === agent).map(([, n]) => id(Number(n)));
    expect(entries).toEqual(expect.arrayContaining(notes));
  }
  const enforcements = await allPages((cursor) => store.enforcements({}, { ...page, cursor }));
  expect(enforcements).toHaveLength(ofAll);
  expect(new Set(enforcements.map((each) => each.trigger_instance)).size).toBe(ofAll);
}

/**
 * What each fence was promised lies behind what all lower ones were: nobody wrote after being replaced. And nobody was
 * replaced by another hub before the end of a lease that it had been promised.
 */
function expectFencesHeld(hubs: readonly HubProcess[]): void {
  const claims = hubs.flatMap((hub) =>
    hub.lines("claimed").map(([agent, fence, at]) => ({ hub, agent, fence: Number(fence), at: Number(at) })),
  );
  expect(new Set(claims.map(({ agent, fence }) => `${agent} ${fence}`)).size).toBe(claims.length);
  for (const { hub, agent, fence, at } of claims) {
    for (const [of, lower, until] of hubs.flatMap((each) => (each === hub ? [] : each.lines("lease")))) {
      if (of === agent && Number(lower) < fence) expect(at, agent).toBeGreaterThanOrEqual(Number(until));
    }
  }
  for (const agent of agents) {
    const taken = hubs.flatMap((hub) => hub.taken().filter((each) => each.agent === agent));
    const byMark = taken.toSorted((a, b) => a.from - b.from);
    for (const [index, each] of byMark.entries()) {
      const next = byMark[index + 1];
      if (next === undefined) continue;
      expect(next.from, agent).toBeGreaterThan(each.to);
      expect(next.fence, agent).toBeGreaterThanOrEqual(each.fence);
    }
  }
}

async function twoHubs(target: number) {
  const file = join(await tempFolder("two-hubs"), "hub.sqlite");
  const store = await openStore(file);
  for (const job of jobs) await store.schedule({ id: job, dueAt: Date.now(), kind: "tick", data: {} });
  const hubs = ["hub-a", "hub-b"].map((name) => startHub(file, name, target));
  const [a, b] = hubs;
  if (a === undefined || b === undefined) throw new Error("two hubs");
  await waitUntil("both hubs have the store open", () => {
    const errors = hubs.flatMap((hub) => hub.lines("error"));
    if (errors.length > 0) throw new Error(errors.map((words) => words.join(" ")).join("; "));
    return hubs.every((hub) => hub.said.includes("open"));
  });
  for (const hub of hubs) hub.child.stdin?.write("go\n");
  await waitUntil("all agents are claimed", () => {
    return (
      new Set(hubs.flatMap((hub) => hub.lines("claimed").map(([agent]) => agent))).size === agents.length
    );
  });
  const served = (hub: HubProcess) => new Set(hub.taken().map(({ agent }) => agent));
  await waitUntil("much has been taken in", () => a.taken().length + b.taken().length > 60);
  const [victim, other] = served(a).size >= served(b).size ? [a, b] : [b, a];
  return { store, victim, other, served };
}

test("a hub takes over the agents of one that was killed, after their lease, and nothing is lost or doubled", async () => {
  const target = 420;
  const { store, victim, other, served } = await twoHubs(target);
  const orphans = served(victim);
  await kill(victim.child);
  expect(victim.taken().some(({ to }) => to === target)).toBe(false);
  const firstOrphan = () => other.taken().some(({ agent, fence }) => orphans.has(agent) && fence > 1);
  await waitUntil("the other hub serves an agent of the killed one", firstOrphan);
  await ended(other);
  expect(other.lines("over")).toEqual([["ordered"]]);
  await expectWhole(store, [victim, other], target);
  expectFencesHeld([victim, other]);
  // What the killed one had taken up comes back after its lease; what had ended does not.
  const twice = new Set(victim.lines("job-ended").map(([job]) => job));
  expect(other.lines("job-ended").filter(([job]) => twice.has(job))).toEqual([]);
  await waitUntil(
    "no job is left",
    async () => (await store.claimDue(Date.now() + 60_000, 10, 1)).length === 0,
  );
});

test("a hub that stood still longer than its leases finds its agents taken, and writes nothing more for them", async () => {
  const target = 420;
  const { store, victim, other, served } = await twoHubs(target);
  const lost = served(victim);
  victim.child.stdin?.write(`${leaseMs * 3}\n`);
  await waitUntil("the hub stands still", () => victim.said.includes("blocked"));
  await waitUntil("the other hub serves its agents", () =>
    [...lost].every((agent) => other.taken().some((each) => each.agent === agent && each.fence > 1)),
  );
  await Promise.all([ended(victim), ended(other)]);
  const refused = victim.lines("lost").map(([agent]) => agent);
  expect(refused).toEqual(expect.arrayContaining([...lost]));
  await expectWhole(store, [victim, other], target);
  expectFencesHeld([victim, other]);
});

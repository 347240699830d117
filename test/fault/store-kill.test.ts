/**
 * The hub's store under kill -9: what was promised is there with all that belongs to it, nothing is half there, and the
 * audit's chain speaks of all of it.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes, randomInt } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, onTestFinished, test } from "vitest";
import { openLevelStore } from "../../hub/store/level-store.ts";
import type { Store } from "../../hub/store/store.ts";
import { silentLogger } from "../../shared/log.ts";
import { allPages, id } from "../contract/store/world.ts";
import { faultsOf, verifyAll } from "../support/audit.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { waitUntil } from "../support/wait-until.ts";

const program = join(import.meta.dirname, "../fixtures/programs/store-writer.ts");
const rounds = 8;

interface Promised {
  readonly kind: "taken" | "pending" | "ended";
  readonly n: number;
}

/** Runs the writer until it has been promised `count` things, then kills it in the middle of the next. */
async function runUntilKilled(folder: string, round: number, count: number): Promise<Promised[]> {
  const child = spawn(process.execPath, [program, folder, String(round)], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const killed = () => kill(child);
  onTestFinished(killed);
  const promised: Promised[] = [];
  let errors = "";
  child.stderr.on("data", (text: Buffer) => {
    errors += text.toString();
  });
  const lines = createInterface({ input: child.stdout });
  const ended = once(lines, "close");
  lines.on("line", (line) => {
    const [kind = "", n = ""] = line.split(" ");
    promised.push({ kind: kind as Promised["kind"], n: Number(n) });
  });
  await waitUntil(`${count} promises (${errors})`, () => {
    if (child.exitCode !== null) throw new Error(`the writer ended by itself: ${errors}`);
    return promised.length >= count;
  });
  await killed();
  await ended;
  expect(child.signalCode).toBe("SIGKILL");
  return promised;
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
}

async function expectPromisesKept(store: Store, promised: readonly Promised[]): Promise<void> {
  const ended = new Set(promised.filter(({ kind }) => kind === "ended").map(({ n }) => n));
  const taken = new Set(promised.filter(({ kind }) => kind === "taken").map(({ n }) => n));
  for (const { n } of promised) {
    const found = await store.instance(id(n));
    expect(found, `instance ${n}`).not.toBeNull();
    if (!taken.has(n)) continue;
    expect(found?.status).toBe("processed");
    const family = { trigger_instance: id(n) };
    const [enforcements, executions] = await Promise.all([
      store.enforcements(family, { limit: 10 }),
      store.executions(family, { limit: 10 }),
    ]);
    expect([enforcements.items.length, executions.items.length], `family of ${n}`).toEqual([1, 1]);
    if (ended.has(n)) expect(executions.items[0]?.status).toBe("succeeded");
  }
}

/** Holds for everything in the store, promised or not. */
async function expectNothingHalf(store: Store, epochs: readonly string[]): Promise<void> {
  const page = { limit: 1000, ascending: true };
  const instances = await allPages((cursor) => store.instances({}, { ...page, cursor }));
  const enforcements = await allPages((cursor) => store.enforcements({}, { ...page, cursor }));
  const executions = await allPages((cursor) => store.executions({}, { ...page, cursor }));
  const processed = instances.filter(({ status }) => status === "processed");
  const ids = processed.map((found) => found.id).sort();
  expect(enforcements.map((each) => each.trigger_instance).sort()).toEqual(ids);
  expect(executions.map((each) => each.trigger_instance).sort()).toEqual(ids);
  expect(await store.counts()).toEqual({
    instances: instances.length,
    pending: instances.length - processed.length,
    dead_letters: 0,
  });
  const sent = new Set<string>();
  for (const agent of new Set(instances.map(({ origin }) => origin.agent ?? ""))) {
    const own = instances.filter(({ origin }) => origin.agent === agent);
    const marks = await store.marks(agent, epochs);
    expect([...marks.values()].reduce((sum, mark) => sum + mark, 0)).toBe(own.length);
    for (const { id: epoch, first, last } of await store.downEpochs(agent)) {
      const entries = await store.readDown(agent, epoch, first, 100_000, 1e9);
      expect(entries.map(({ n }) => n)).toEqual(
        Array.from({ length: last - first + 1 }, (_, i) => first + i),
      );
      for (const { entry } of entries) if ("execution" in entry) sent.add(entry.execution);
    }
  }
  const known = new Set(executions.map((each) => each.id));
  expect([...sent].filter((execution) => !known.has(execution))).toEqual([]);
}

test("what a killed hub had promised is there with its whole family, and nothing is half written", async () => {
  const folder = await tempFolder("store-kill");
  const promised: Promised[] = [];
  const epochs = Array.from({ length: rounds }, (_, round) => `R${round}`);
  for (let round = 0; round < rounds; round++) {
    promised.push(...(await runUntilKilled(folder, round, randomInt(1, 600))));
    const store = await openLevelStore({
      folder,
      clock: { now: () => Date.now(), monotonic: () => performance.now() },
      random: randomBytes,
      logger: silentLogger,
    });
    try {
      await expectPromisesKept(store, promised);
      await expectNothingHalf(store, epochs);
      expect(faultsOf(await verifyAll(store))).toEqual([]);
    } finally {
      await store.close();
    }
  }
  expect(promised.length).toBeGreaterThan(rounds);
});

/** One instance that led to an execution on each of many agents: its story is read once, not once for each of them. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { parseRow } from "../../../hub/audit/row-text.ts";
import { createAuditStore } from "../../../hub/store/audit-store.ts";
import { createChainPurge } from "../../../hub/store/chain-purge-store.ts";
import { appendToChain, type ChainState, openChain } from "../../../hub/store/chain-stamp.ts";
import { ChainStories } from "../../../hub/store/chain-story-store.ts";
import type { Draft } from "../../../hub/store/draft.ts";
import { keys, placeOf, within } from "../../../hub/store/keys.ts";
import type { Rows } from "../../../hub/store/records.ts";
import { Writer } from "../../../hub/store/writer-store.ts";
import { ulidSource } from "../../../shared/ids.ts";
import { createLogger, silentLogger } from "../../../shared/log.ts";
import type { Commit } from "../../../shared/storage/committer-store.ts";
import { openDatabase } from "../../../shared/storage/database-store.ts";
import { enforcement, execution, instance } from "../../contract/store/world.ts";
import { faultsOf, verifyAll } from "../../support/audit.ts";
import { noon } from "../../support/records.ts";
import { tempFolder } from "../../support/temp-folder.ts";

/** A chain alone, without syncs, and how many rows of it were read. */
async function chained() {
  const clock = { at: noon, now: () => clock.at };
  const database = await openDatabase({
    folder: join(await tempFolder("many"), "db"),
    format: 1,
    newId: ulidSource(clock, randomBytes),
  });
  const state: ChainState = { head: null };
  const committer = {
    commit: ({ ops }: Commit) => database.level.batch([...ops]),
  } as unknown as typeof database.committer;
  const writer = new Writer({
    database: { level: database.level, committer },
    logger: silentLogger,
    stamp: (draft, batch) => appendToChain(draft, batch, state, clock.at),
  });
  onTestFinished(async () => {
    await writer.close();
    await database.close();
  });
  const reads = { rows: 0 };
  const counting: Rows = {
    getMany: (wanted) => {
      reads.rows += wanted.filter((key) => key.startsWith("ac/")).length;
      return database.level.getMany(wanted);
    },
    iterator: (range) => {
      const cursor = database.level.iterator(range);
      const nextv = async (size: number) => {
        const rows = await cursor.nextv(size);
        reads.rows += rows.filter(([key]) => key.startsWith("ac/")).length;
        return rows;
      };
      return new Proxy(cursor, {
        get: (target, name) => {
          if (name === "nextv") return nextv;
          const value: unknown = Reflect.get(target, name);
          return typeof value === "function" ? value.bind(target) : value;
        },
      });
    },
    keys: (range) => database.level.keys(range),
    values: (range) => database.level.values(range),
  };
  await openChain({ level: counting, writer, state }, "one");
  const logged: string[] = [];
  const write = (line: string) => logged.push(line);
  const logger = createLogger({ level: "info", format: "json", write, now: clock.now });
  return {
    clock,
    database,
    writer,
    logger,
    logged,
    level: counting,
    reads,
    write: (plan: (draft: Draft) => void) => writer.submit({ source: "", plan }),
    audit: createAuditStore({ level: counting, writer }),
  };
}

/** One row for all that is made, then one for each step of each execution. */
async function fanOut({ write }: Awaited<ReturnType<typeof chained>>, count: number) {
  const of = instance(1);
  const fired = enforcement(of);
  const runs = Array.from({ length: count }, (_, n) =>
    execution(n + 10, { trigger_instance: of.id, enforcement: fired.id, agent: `web-${n}` }),
  );
  await write((draft) => {
    draft.put(keys.instance(placeOf(noon, 1)), of);
    draft.put(keys.enforcement(fired.id), fired);
    for (const run of runs) draft.put(keys.execution(run.id), run);
  });
  for (const status of ["running", "succeeded"] as const) {
    for (const run of runs) await write((draft) => draft.put(keys.execution(run.id), { ...run, status }));
  }
  return { of, runs, rows: 2 * count + 2 };
}

test("a fan-out over 1,000 agents is verified, traced and dropped by reading its rows a few times", async () => {
  const chain = await chained();
  const { of, rows } = await fanOut(chain, 1_000);
  chain.reads.rows = 0;
  expect(faultsOf(await verifyAll(chain.audit))).toEqual([]);
  expect(chain.reads.rows).toBeLessThan(5 * rows);
  chain.reads.rows = 0;
  expect((await chain.audit.traceAudit(of.id))?.verified).toBe(true);
  expect(chain.reads.rows).toBeLessThan(10 * rows);
  chain.clock.at += 10 * 86_400_000;
  await chain.write((draft) => draft.put(keys.instance(placeOf(chain.clock.at, 1)), instance(2)));
  chain.reads.rows = 0;
  await createChainPurge(chain)(noon + 86_400_000);
  expect((await chain.audit.auditHead()).first).toBeGreaterThan(900);
  expect(chain.reads.rows).toBeLessThan(5 * rows);
  expect(faultsOf(await verifyAll(chain.audit))).toEqual([]);
}, 60_000);

test("what one batch says of very many records is told in several rows, none of them long", async () => {
  const chain = await chained();
  await fanOut(chain, 1_200);
  const texts = await chain.level.values(within("ac/")).all();
  const counts = texts.map((text) => parseRow(text)?.items.length ?? 0);
  expect(counts.slice(0, 4)).toEqual([1, 500, 500, 202]);
  expect(faultsOf(await verifyAll(chain.audit))).toEqual([]);
});

test("of two hubs that drop rows at once, the later one does not take back what the earlier one said", async () => {
  const chain = await chained();
  await fanOut(chain, 60);
  chain.clock.at += 10 * 86_400_000;
  await chain.write((draft) => draft.put(keys.instance(placeOf(chain.clock.at, 1)), instance(2)));
  const before = noon + 86_400_000;
  let release = () => {};
  const isDropped = new Promise<void>((resolve) => {
    release = resolve;
  });
  const late: Rows = {
    ...chain.level,
    getMany: async (wanted) => {
      const texts = await chain.level.getMany(wanted);
      await isDropped;
      return texts;
    },
  };
  const second = createChainPurge({ ...chain, level: late })(before);
  expect(await createChainPurge(chain)(before)).toBeGreaterThan(0);
  const { first } = await chain.audit.auditHead();
  release();
  expect(await second).toBe(0);
  expect((await chain.audit.auditHead()).first).toBe(first);
  expect(faultsOf(await verifyAll(chain.audit))).toEqual([]);
});

test("a row that cannot be read ends what can be dropped, and the log says so once", async () => {
  const chain = await chained();
  await fanOut(chain, 20);
  await chain.database.level.put(keys.chainRow(5), "[]");
  chain.clock.at += 10 * 86_400_000;
  await chain.write((draft) => draft.put(keys.instance(placeOf(chain.clock.at, 1)), instance(2)));
  const purge = createChainPurge(chain);
  expect(await Promise.all([purge(noon + 1_000), purge(noon + 1_000)])).toEqual([expect.any(Number), 0]);
  expect((await chain.audit.auditHead()).first).toBe(5);
  expect(faultsOf(await verifyAll(chain.audit))).toContain("row-edited row 5");
  expect(chain.logged).toEqual([expect.stringContaining('"row":5')]);
});

test("a story of more records than are held is still answered", async () => {
  const chain = await chained();
  const { of, runs } = await fanOut(chain, 20);
  const stories = new ChainStories(chain.level, 5);
  const keysOf = runs.map(({ id }) => keys.execution(id));
  // Made in row 2; `running` in 3 to 22, ended in 23 to 42.
  const sayings = [2, 22, 30, 42].flatMap((seq) => keysOf.map((key) => ({ key, seq })));
  const outdated = await stories.outdated(of.id, sayings);
  const expected = sayings.filter(({ key, seq }) => seq < 23 + keysOf.indexOf(key));
  expect([...outdated]).toEqual(expect.arrayContaining(expected));
  expect(outdated.size).toBe(expected.length);
});

import { describe, expect, it, onTestFinished } from "vitest";
import type { Draft } from "../../../../hub/store/draft.ts";
import { Writer } from "../../../../hub/store/writer-store.ts";
import { PetrelError } from "../../../../shared/errors.ts";
import { silentLogger } from "../../../../shared/log.ts";
import type { Commit, Committer } from "../../../../shared/storage/committer-store.ts";
import { openDatabase } from "../../../../shared/storage/database-store.ts";
import { guardWrites } from "../../../support/guarded-writes.ts";
import { tempFolder } from "../../../support/temp-folder.ts";

async function openWriter() {
  const folder = await tempFolder("writer");
  const database = await openDatabase({ folder, format: 1, newId: () => "incarnation" });
  onTestFinished(() => database.close());
  return { database, writer: new Writer({ database, logger: silentLogger }) };
}

/** Adds one to a counter; rests on every write before it. */
const increment = (key: string, source = "a", reads: string[] = [key]) => ({
  source,
  reads,
  plan: (draft: Parameters<Parameters<Writer["submit"]>[0]["plan"]>[0]) => {
    const next = (draft.get<number>(key) ?? 0) + 1;
    draft.put(key, next);
    return next;
  },
});

describe("the single writer", () => {
  it("lets each plan see what those before it wrote, in shared batches", async () => {
    const { database, writer } = await openWriter();
    const results = await Promise.all(
      Array.from({ length: 200 }, (_, n) => writer.submit(increment("e/n", `${n % 7}`))),
    );
    expect(results.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, n) => n + 1));
    expect(database.committer.figures().batches).toBeLessThan(10);
    expect(await writer.read("e/n")).toBe(200);
    expect(JSON.parse((await database.level.get("e/n")) ?? "")).toBe(200);
  });

  it("fetches what a plan turns out to need, and runs it again from the start", async () => {
    const { database, writer } = await openWriter();
    await database.level.put("e/n", "41");
    expect(await writer.submit(increment("e/n", "a", []))).toBe(42);
  });

  it("says of a record that cannot be read that nothing was written, and writes what others asked for", async () => {
    const { database, writer } = await openWriter();
    await database.level.put("e/damaged", "{nope");
    const [damaged, good] = await Promise.allSettled([
      writer.submit({ source: "a", plan: (draft) => draft.get("e/damaged") }),
      writer.submit(increment("e/n")),
    ]);
    expect(damaged).toMatchObject({ reason: { code: "STORE_WRITE", where: "e/damaged" } });
    expect(good).toMatchObject({ value: 1 });
  });

  it("fails only the request whose plan fails, with nothing of it written", async () => {
    const { writer } = await openWriter();
    const [good, bad, after] = await Promise.allSettled([
      writer.submit(increment("e/n")),
      writer.submit({
        source: "a",
        plan: (draft) => {
          draft.put("e/n", 99);
          draft.put("e/other", 1);
          throw new Error("a mistake");
        },
      }),
      writer.submit(increment("e/n")),
    ]);
    expect(good).toMatchObject({ value: 1 });
    expect(bad).toMatchObject({ status: "rejected" });
    expect(after).toMatchObject({ value: 2 });
    expect(await writer.read("e/other")).toBeNull();
  });

  it("gives up a plan that asks for other records each time; meanwhile others run, and its batch is written", async () => {
    const { writer } = await openWriter();
    let asked = 0;
    let turns = 0;
    const turn = () => {
      turns += 1;
      pending = setImmediate(turn);
    };
    let pending = setImmediate(turn);
    const [good, restless, after] = await Promise.allSettled([
      writer.submit(increment("e/n")),
      writer.submit({
        source: "agent-1",
        plan: (draft) => {
          draft.put("e/other", 1);
          // More than are read on the way.
          const round = asked++;
          draft.need(Array.from({ length: 300 }, (_, n) => `e/${round}-times-${n}`));
        },
      }),
      writer.submit(increment("e/n")),
    ]);
    clearImmediate(pending);
    expect(good).toMatchObject({ value: 1 });
    expect(restless).toMatchObject({
      reason: { code: "INTERNAL", message: expect.stringMatching(/"agent-1".*e\/\d+-times-0/) },
    });
    expect(after).toMatchObject({ value: 2 });
    expect(await writer.read("e/other")).toBeNull();
    expect(turns).toBeGreaterThan(50);
  });

  // A batch that was called failed is on disk: what is in memory is older.
  const whileOpening = async (during: (writer: Writer) => Promise<unknown>) => {
    const { database, writer } = await openWriter();
    const { level, committer } = database;
    committer.onResume(async () => writer.forget());
    await writer.submit(increment("x/n"));
    const stop = guardWrites(level, async (write) => {
      await write();
      throw new Error("no space left on device");
    });
    await expect(writer.submit(increment("x/n"))).rejects.toMatchObject({ code: "STORE_WRITE" });
    stop();
    const open = level.open.bind(level);
    let asked: Promise<unknown> = Promise.resolve();
    Object.assign(level, {
      open: () => {
        const opened = open();
        // Its plans run with what is in memory, and wait for the rest.
        asked = during(writer).catch((error) => error);
        return opened;
      },
    });
    await committer.resume();
    expect(await asked).toMatchObject({ code: "STORE_WRITE" });
    expect(await writer.read("x/n")).toBe(2);
    expect(await writer.submit(increment("x/n"))).toBe(3);
    expect(JSON.parse((await level.get("x/n")) ?? "")).toBe(3);
  };

  it("keeps nothing of what a plan saw while the database was opened again", async () => {
    await whileOpening((writer) =>
      writer.submit({ source: "a", reads: ["x/n"], plan: (draft) => draft.get("f/absent") }),
    );
  });

  it("writes nothing that a plan has made while the database was opened again", async () => {
    await whileOpening(async (writer) => {
      const [counted] = await Promise.allSettled([
        writer.submit(increment("x/n")),
        writer.submit({ source: "b", plan: (draft) => draft.get("f/absent") }),
      ]);
      if (counted.status === "rejected") throw counted.reason;
    });
  });

  it("writes what exceeds 4 MiB in several batches, in order", async () => {
    const { database, writer } = await openWriter();
    const text = "x".repeat(1024 * 1024);
    const order: number[] = [];
    await Promise.all(
      Array.from({ length: 12 }, async (_, n) => {
        await writer.submit({ source: "a", plan: (draft) => draft.put(`i/${n}`, text) });
        order.push(n);
      }),
    );
    expect(order).toEqual(Array.from({ length: 12 }, (_, n) => n));
    expect(database.committer.figures().batches).toBeGreaterThanOrEqual(3);
    expect(await writer.readMany([0, 11].map((n) => `i/${n}`))).toEqual([text, text]);
  });

  it("gives up only the requests of a batch that failed, not one that had no room in it", async () => {
    const { database } = await openWriter();
    let failing = true;
    const committer = {
      commit: async (commit: Commit) => {
        if (failing) {
          failing = false;
          throw new PetrelError("STORE_WRITE", "no space left on device");
        }
        await database.committer.commit(commit);
      },
    } as unknown as Committer;
    const writer = new Writer({ database: { level: database.level, committer }, logger: silentLogger });
    const large = "x".repeat(5 * 1024 * 1024);
    const [first, second] = await Promise.allSettled([
      writer.submit({ source: "a", plan: (draft) => draft.put("i/1", large) }),
      writer.submit(increment("e/n")),
    ]);
    expect(first).toMatchObject({ status: "rejected", reason: { code: "STORE_WRITE" } });
    expect(second).toMatchObject({ status: "fulfilled", value: 1 });
    expect(await database.level.getMany(["i/1", "e/n"])).toEqual([undefined, "1"]);
  });

  it("writes nothing, not even its stamp, for requests that change nothing", async () => {
    const { database } = await openWriter();
    const stamp = (draft: Draft) => draft.put("x/stamp", 1);
    const writer = new Writer({ database, logger: silentLogger, stamp });
    expect(await writer.submit({ source: "a", plan: (draft) => draft.refuse("no") })).toBe("no");
    expect(database.committer.figures().batches).toBe(0);
    await writer.submit(increment("e/n"));
    expect(await database.level.get("x/stamp")).toBe("1");
  });

  it("finishes what was handed in before it closes, and refuses what comes after", async () => {
    const { writer } = await openWriter();
    const waiting = writer.submit(increment("e/n"));
    const closed = writer.close();
    await expect(writer.submit(increment("e/n"))).rejects.toMatchObject({ code: "STORE_WRITE" });
    await closed;
    expect(await waiting).toBe(1);
  });

  it("reads back what is in memory and what is not, in one go", async () => {
    const { database, writer } = await openWriter();
    await database.level.put("e/disk", "1");
    await writer.submit(increment("e/memory"));
    expect(await writer.readMany(["e/disk", "e/none", "e/memory"])).toEqual([1, null, 1]);
    expect([writer.peek("e/disk"), writer.peek("e/memory")]).toEqual([undefined, 1]);
  });
});

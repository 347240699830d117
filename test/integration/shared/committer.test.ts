/** Group commit on a real database: order, turns, failure, resumption. */
import { spawnSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ClassicLevel } from "classic-level";
import fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";
import type { PetrelError } from "../../../shared/errors.ts";
import { Committer, type StoreOp } from "../../../shared/storage/committer-store.ts";
import { tempFolder } from "../../support/temp-folder.ts";

async function openDb(folder?: string): Promise<ClassicLevel<string, string>> {
  const db = new ClassicLevel<string, string>(folder ?? (await tempFolder("committer")));
  await db.open();
  onTestFinished(() => db.close());
  return db;
}
const put = (key: string, value = ""): StoreOp => ({ type: "put", key, value });

/** The same database, writing down the keys of each batch. */
function watched(db: ClassicLevel<string, string>) {
  const batches: string[][] = [];
  const real = db.batch.bind(db) as () => ReturnType<typeof db.batch>;
  const whole = db.batch.bind(db) as unknown as (ops: StoreOp[], options: object) => Promise<void>;
  db.batch = ((ops?: StoreOp[], options: object = {}) => {
    if (ops !== undefined) {
      batches.push(ops.map(({ key }) => key));
      expect(options).toEqual({ sync: true });
      return whole(ops, options);
    }
    const keys: string[] = [];
    const batch = real();
    const { put, write } = { put: batch.put.bind(batch), write: batch.write.bind(batch) };
    return Object.assign(batch, {
      put: (key: string, value: string) => {
        keys.push(key);
        return put(key, value);
      },
      write: (options: object) => {
        batches.push(keys);
        expect(options).toEqual({ sync: true });
        return write(options);
      },
    });
  }) as never;
  return batches;
}

describe("batches", () => {
  test("one that was gathered and is refused at once keeps none from being written after a resume", async () => {
    const db = await openDb();
    const committer = new Committer({ db });
    const commit = (key: string) =>
      committer.commit({ ops: [put(key)], bytes: 1, source: "s", isGathered: true });
    await db.close();
    await expect(commit("a")).rejects.toMatchObject({ code: "STORE_WRITE" });
    await committer.resume();
    await commit("b");
    expect(await db.get("b")).toBe("");
  });

  test("what was gathered goes at once, and what comes meanwhile in the next one", async () => {
    const db = await openDb();
    const batches = watched(db);
    const committer = new Committer({ db });
    const first = committer.commit({ ops: [put("a")], bytes: 1, source: "s", isGathered: true });
    expect(batches).toEqual([["a"]]);
    const others = ["b", "c"].map((key) =>
      committer.commit({ ops: [put(key)], bytes: 1, source: "s", isGathered: true }),
    );
    await Promise.all([first, ...others]);
    expect(batches).toEqual([["a"], ["b", "c"]]);
  });

  test("what is queued goes in one batch, and what comes meanwhile in the next", async () => {
    const db = await openDb();
    const batches = watched(db);
    const committer = new Committer({ db });
    const first = [1, 2, 3].map((n) => committer.commit({ ops: [put(`a${n}`)], bytes: 1, source: "s" }));
    const second = first[0]?.then(() => committer.commit({ ops: [put("b")], bytes: 1, source: "s" }));
    await Promise.all([...first, second]);
    expect(batches).toEqual([["a1", "a2", "a3"], ["b"]]);
    expect(committer.figures()).toMatchObject({ batches: 2, commits: 4, queued: 0, failed: false });
  });

  test("commits that come one by one go one by one, from whatever source", async () => {
    const db = await openDb();
    const batches = watched(db);
    const committer = new Committer({ db });
    for (const n of [1, 2, 3, 4])
      await committer.commit({ ops: [put(`k${n}`)], bytes: 1, source: `s${n % 2}` });
    const all = [5, 6, 7, 8].map((n) =>
      committer.commit({ ops: [put(`k${n}`)], bytes: 1, source: `s${n % 2}` }),
    );
    await Promise.all(all);
    expect(batches).toEqual([["k1"], ["k2"], ["k3"], ["k4"], ["k5", "k6", "k7", "k8"]]);
    expect(committer.figures()).toMatchObject({ batches: 5, commits: 8, queued: 0 });
  });

  test("callers are told in the order they were written", async () => {
    const committer = new Committer({ db: await openDb() });
    const told: number[] = [];
    await Promise.all(
      Array.from({ length: 1_200 }, async (_, i) => {
        await committer.commit({ ops: [put(`k${i}`)], bytes: 1, source: "s" });
        told.push(i);
      }),
    );
    expect(told).toEqual(Array.from({ length: 1_200 }, (_, i) => i));
  });

  test("hold at most 500 commits and 4 MiB, and one commit in any case", async () => {
    const db = await openDb();
    const batches = watched(db);
    const committer = new Committer({ db });
    const many = Array.from({ length: 501 }, (_, i) =>
      committer.commit({ ops: [put(`m${i}`)], bytes: 1, source: "s" }),
    );
    await Promise.all(many);
    expect(batches.splice(0).map(({ length }) => length)).toEqual([500, 1]);
    const large = [3, 3, 9].map((mib) =>
      committer.commit({ ops: [put(`l${mib}`)], bytes: mib * 1024 * 1024, source: "s" }),
    );
    await Promise.all(large);
    expect(batches.map(({ length }) => length)).toEqual([1, 1, 1]);
  });

  test("a source that floods does not keep another waiting", async () => {
    const db = await openDb();
    const batches = watched(db);
    const committer = new Committer({ db });
    const all = Array.from({ length: 1_000 }, (_, i) =>
      committer.commit({ ops: [put(`flood${i}`)], bytes: 1, source: "flood" }),
    );
    all.push(committer.commit({ ops: [put("quiet")], bytes: 1, source: "quiet" }));
    await Promise.all(all);
    expect(batches[0]).toContain("quiet");
  });

  test("more sources than a batch takes have their turns as well", async () => {
    const db = await openDb();
    const batches = watched(db);
    const committer = new Committer({ db });
    const sources = Array.from({ length: 600 }, (_, i) => `s${i}`);
    await Promise.all(
      [1, 2].flatMap((turn) =>
        sources.map((source) => committer.commit({ ops: [put(`${source}.${turn}`)], bytes: 1, source })),
      ),
    );
    const firsts = batches.flat().slice(0, sources.length);
    expect(firsts).toEqual(sources.map((source) => `${source}.1`));
  });

  test("whatever the sources, each one's commits are written in its order", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom("a", "b", "c"), { maxLength: 700 }), async (sources) => {
        const db = new ClassicLevel<string, string>(await tempFolder("committer"));
        await db.open();
        const batches = watched(db);
        const committer = new Committer({ db });
        await Promise.all(
          sources.map((source, i) =>
            committer.commit({ ops: [put(`${source}${i}`)], bytes: 10_000, source }),
          ),
        );
        const written = batches.flat();
        for (const source of ["a", "b", "c"]) {
          const own = sources.flatMap((each, i) => (each === source ? [`${source}${i}`] : []));
          expect(written.filter((key) => key.startsWith(source))).toEqual(own);
        }
        await db.close();
      }),
      { numRuns: 10 },
    );
  });
});

test("what is written is there, whether its values are small or large", async () => {
  const db = await openDb();
  const committer = new Committer({ db });
  const large = "x".repeat(100_000);
  await committer.commit({ ops: [put("small", "1"), put("gone", "1")], bytes: 10, source: "s" });
  const ops: StoreOp[] = [put("large", large), { type: "del", key: "gone" }];
  await committer.commit({ ops, bytes: large.length, source: "s" });
  await committer.commit({ ops: [{ type: "del", key: "small" }, put("last")], bytes: 4, source: "s" });
  expect(await db.iterator().all()).toEqual([
    ["large", large],
    ["last", ""],
  ]);
});

describe("a batch that fails", () => {
  test("rejects its commits and those behind it, stops the committer, and tells the owner once", async () => {
    const db = await openDb();
    const failures: PetrelError[] = [];
    const committer = new Committer({ db, onFailure: (error) => failures.push(error) });
    await committer.commit({ ops: [put("before")], bytes: 1, source: "s" });
    await db.close();
    const outcomes = await Promise.allSettled(
      Array.from({ length: 600 }, (_, i) =>
        committer.commit({ ops: [put(`k${i}`)], bytes: 1, source: `s${i % 3}` }),
      ),
    );
    expect(
      new Set(outcomes.map((each) => (each.status === "rejected" ? each.reason.code : "resolved"))),
    ).toEqual(new Set(["STORE_WRITE"]));
    await expect(committer.commit({ ops: [put("after")], bytes: 1, source: "s" })).rejects.toMatchObject({
      code: "STORE_WRITE",
    });
    expect(failures).toHaveLength(1);
    expect(committer.figures()).toMatchObject({ failed: true, queued: 0 });
  });

  test.each([1, 2, 3])("rejects what came while it was being written, if only %i", async (count) => {
    const db = await openDb();
    const committer = new Committer({ db });
    const behind: Promise<unknown>[] = [];
    const real = db.batch.bind(db) as () => ReturnType<typeof db.batch>;
    db.batch = (() => {
      const batch = real();
      const write = batch.write.bind(batch);
      const closeFirst = async (options: object) => {
        for (let i = 0; i < count; i++)
          behind.push(committer.commit({ ops: [put(`behind${i}`)], bytes: 1, source: `s${i % 2}` }));
        await db.close();
        return write(options);
      };
      return Object.assign(batch, { write: closeFirst });
    }) as never;
    const first = committer.commit({ ops: [put("first")], bytes: 1, source: "s" });
    await expect(first).rejects.toMatchObject({ code: "STORE_WRITE" });
    const codes = await Promise.all(behind.map((each) => each.catch(({ code }: PetrelError) => code)));
    expect(codes).toEqual(Array.from({ length: count }, () => "STORE_WRITE"));
    expect(committer.figures()).toMatchObject({ failed: true, queued: 0 });
  });

  test("is over after resume, once every part has read its figures again", async () => {
    const db = await openDb();
    const committer = new Committer({ db });
    const order: string[] = [];
    committer.onResume(async () => {
      order.push(`reads ${await db.get("before")}`);
      await expect(committer.commit({ ops: [put("early")], bytes: 1, source: "s" })).rejects.toMatchObject({
        code: "STORE_WRITE",
      });
    });
    await committer.commit({ ops: [put("before", "1")], bytes: 1, source: "s" });
    await db.close();
    await committer.commit({ ops: [put("lost")], bytes: 1, source: "s" }).catch(() => order.push("failed"));
    await Promise.all([committer.resume(), committer.resume()]);
    expect(order).toEqual(["failed", "reads 1"]);
    await committer.commit({ ops: [put("after", "2")], bytes: 1, source: "s" });
    expect(await db.get("after")).toBe("2");
    expect(await db.get("early")).toBe(undefined);
  });

  test("for want of space loses nothing that was promised", async (context) => {
    const folder = await tempFolder("full");
    const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=6m", "tmpfs", folder]);
    if (mounted.status !== 0) {
      console.warn("SKIPPED: a full disk needs the right to mount a tmpfs");
      context.skip();
    }
    onTestFinished(() => void spawnSync("umount", ["-l", folder]));
    const filler = join(folder, "filler");
    const db = await openDb(join(folder, "db"));
    const committer = new Committer({ db });
    await writeFile(filler, Buffer.alloc(1024 * 1024));
    const promised: string[] = [];
    let failed = false;
    for (let i = 0; !failed && i < 10_000; i++) {
      const value = Array.from({ length: 20 }, () => Math.random().toString(36)).join("");
      const ops = Array.from({ length: 50 }, (_, k) => put(`k${i}-${k}`, value));
      await committer.commit({ ops, bytes: 10_000, source: "s" }).then(
        () => promised.push(`k${i}-0`),
        () => {
          failed = true;
        },
      );
    }
    expect(failed).toBe(true);
    await writeFile(filler, "");
    await committer.resume();
    await committer.commit({ ops: [put("after")], bytes: 1, source: "s" });
    await db.close();
    await db.open();
    const found = await db.getMany([...promised, "after"]);
    expect(found.filter((value) => value === undefined)).toEqual([]);
  });
});

test("closing writes what is queued and takes no more", async () => {
  const db = await openDb();
  const committer = new Committer({ db });
  const last = committer.commit({ ops: [put("last")], bytes: 1, source: "s" });
  await committer.close();
  await last;
  expect(await db.get("last")).toBe("");
  await expect(committer.commit({ ops: [put("late")], bytes: 1, source: "s" })).rejects.toMatchObject({
    code: "STORE_WRITE",
  });
});

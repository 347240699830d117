import { join } from "node:path";
import { ClassicLevel } from "classic-level";
import { expect, test } from "vitest";
import { BaselineStore } from "../../../../agent/watch/baseline-store.ts";
import { judgeRows } from "../../../../agent/watch/integrity/tampering.ts";
import type { BaselineRecord } from "../../../../agent/watch/record.ts";
import { tempFolder } from "../../../support/temp-folder.ts";

const record = (version: number): BaselineRecord => ({
  stat: {
    ...{ kind: "file", mode: 0o644, links: 1, uid: 0, gid: 0, size: 5n, ino: 7n },
    ...{ mtimeNs: 1n, ctimeNs: 2n, birthNs: 3n },
  },
  extras: { digest: null },
  version,
});

test("its sum is that of its rows, whatever is read, written and moved at the same time", async () => {
  const folder = await tempFolder("baseline");
  const places = { folder: join(folder, "baseline"), key: join(folder, "key"), anchor: null };
  const fits = { wrong: [], wrongCount: 0, firstWrong: null, missing: 0, missingSum: 0n };
  let store = await BaselineStore.open(places);
  let state = 1;
  const below = (limit: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state >>> 8) % limit;
  };
  for (let round = 0; round < 20; round++) {
    const work: Promise<unknown>[] = [];
    for (let step = 0; step < 30; step++) {
      const path = () => `/${"abc"[below(3)]}/${below(20)}`;
      const changes = Array.from({ length: 1 + below(5) }, () => ({
        path: path(),
        record: below(3) === 0 ? null : record(round * 100 + step),
      }));
      for (let n = 0; n < 3; n++) store.get(path());
      for (const change of changes) store.get(change.path);
      work.push(store.write(changes, { sync: false }));
      if (below(10) === 0) work.push(store.move("/a", "/b"));
      if (below(10) === 0)
        work.push(store.check(async () => {}).then((found) => expect(found).toEqual(fits)));
      if (below(4) === 0) await Promise.race(work);
      store.get(path());
    }
    await Promise.all(work);
    expect(await store.check(async () => {})).toEqual(fits);
    if (round % 5 === 0) {
      await store.close();
      store = await BaselineStore.open(places);
      expect(store.summary.untold).toEqual([]);
    }
  }
  await store.close();
});

test("what was found is told by the next life when this one ends before it is told, and the record stays void", async () => {
  const folder = await tempFolder("baseline");
  const places = { folder: join(folder, "baseline"), key: join(folder, "key"), anchor: null };
  const first = await BaselineStore.open(places);
  const changes = ["/there", "/gone", "/right"].map((path) => ({ path, record: record(1) }));
  await first.write(changes, { sync: true });
  await first.close();
  const level = new ClassicLevel<Buffer, Buffer>(places.folder, {
    keyEncoding: "buffer",
    valueEncoding: "buffer",
  });
  for (const name of ["b\0there", "b\0gone"]) await level.put(Buffer.from(name), Buffer.from("of others"));
  await level.close();

  const second = await BaselineStore.open(places);
  const checked = await second.check(async () => {});
  expect([...checked.wrong].sort()).toEqual(["/gone", "/there"]);
  const found = judgeRows(checked);
  await second.mend(checked, found);
  const voided: string[] = [];
  const turn = async () => {};
  await second.voidWrong(checked.firstWrong ?? "", turn, (paths) => void voided.push(...paths));
  expect(voided).toEqual(["/gone", "/there"]);
  await second.close();

  const third = await BaselineStore.open(places);
  expect(third.summary.untold).toEqual(found);
  expect(await third.check(async () => {})).toMatchObject({ wrongCount: 0, missing: 0, missingSum: 0n });
  expect(
    ["/there", "/gone", "/right"].map((path) => [third.get(path)?.version ?? null, third.isVoid(path)]),
  ).toEqual([
    [null, true],
    [null, true],
    [1, false],
  ]);
  await third.told();
  await third.close();
  const fourth = await BaselineStore.open(places);
  expect(fourth.summary.untold).toEqual([]);
  await fourth.close();
});

test("a record of others is taken for none at once, is not sealed by a move, and memory does not grow with their number", async () => {
  const folder = await tempFolder("baseline");
  const places = { folder: join(folder, "baseline"), key: join(folder, "key"), anchor: null };
  const first = await BaselineStore.open(places);
  const paths = Array.from({ length: 3_000 }, (_, n) => `/d/f${String(n).padStart(4, "0")}`);
  await first.write(
    paths.map((path) => ({ path, record: record(1) })),
    { sync: true },
  );
  await first.close();
  const level = new ClassicLevel<Buffer, Buffer>(places.folder, {
    keyEncoding: "buffer",
    valueEncoding: "buffer",
  });
  for (const [key, row] of await level.iterator({ gte: Buffer.from("b"), lt: Buffer.from("c") }).all()) {
    row[8] = (row[8] ?? 0) ^ 1;
    await level.put(key, row);
  }
  await level.close();

  const store = await BaselineStore.open(places);
  const [path = ""] = paths;
  expect([store.get(path), store.isVoid(path)]).toEqual([null, true]);
  await store.move("/d/f0001", "/e");
  expect([store.get("/e"), store.isVoid("/e")]).toEqual([null, true]);
  const checked = await store.check(async () => {});
  expect(checked.wrong).toHaveLength(100);
  expect(checked).toMatchObject({ wrongCount: 3_000, missing: 3_000 });
  await store.mend(checked, judgeRows(checked));
  let voided = 0;
  await store.voidWrong(
    checked.firstWrong ?? "",
    async () => {},
    (some) => {
      voided += some.length;
    },
  );
  expect(voided).toBe(2_999);
  expect(await store.check(async () => {})).toMatchObject({ wrongCount: 0, missing: 0, missingSum: 0n });
  await store.close();
});

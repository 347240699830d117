/** Others write into the baseline while the sensor is stopped: it is found, told and mended; nothing else is. */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { cp, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ClassicLevel } from "classic-level";
import { describe, expect, test } from "vitest";
import { BaselineStore } from "../../../../agent/watch/baseline-store.ts";
import { BaselineGuard } from "../../../../agent/watch/integrity/guard.ts";
import { Unrecorded } from "../../../../agent/watch/integrity/unrecorded.ts";
import type { JsonObject } from "../../../../shared/json.ts";
import { systemClock, systemTimers } from "../../../../shared/system-process.ts";
import { bytePath } from "../../../../shared/watch/paths.ts";
import { fileWatch } from "../../../support/file-watch.ts";
import { tempFolder } from "../../../support/temp-folder.ts";
import { waitUntil } from "../../../support/wait-until.ts";
import { agentSide } from "../../../support/watch-desk.ts";

type Level = ClassicLevel<Buffer, Buffer>;

async function bench(names: readonly string[] = ["a", "b", "c"]) {
  const [root, folder] = [await tempFolder("guarded"), await tempFolder("agent")];
  const at = (name: string) => join(root, name);
  for (const name of names) await writeFile(at(name), name);
  const agent = agentSide();
  const told = (trigger: string) =>
    agent.told.filter((one) => one.trigger === trigger).map(({ payload }) => payload);
  const level = join(folder, "sensors/watch/baseline");
  return {
    at,
    folder,
    level,
    agent,
    changes: () => told("watch.file_changed").map(({ status, path }) => `${String(status)} ${String(path)}`),
    tampered: () => told("watch.baseline_tampered"),
    /** A whole life of the sensor, until all rows have been checked and what was found is looked at. */
    async life(during: () => Promise<void> = async () => {}): Promise<void> {
      // One as the baseline was found, where something was known of it.
      const before = agent.anchors.length + (agent.notes.has("baseline_anchor") ? 1 : 0);
      const { sensor, close } = fileWatch(folder, { paths: [{ path: root }] }, agent);
      await sensor.setup();
      await waitUntil("all rows are checked", () => agent.anchors.length > before, 20_000, 5);
      await during();
      await close();
    },
    async edit(work: (level: Level) => Promise<void>): Promise<void> {
      const db: Level = new ClassicLevel(level, { keyEncoding: "buffer", valueEncoding: "buffer" });
      await work(db);
      await db.close();
    },
    key: (name: string) => Buffer.from(`b${bytePath(at(name)).replaceAll("/", "\0")}`, "latin1"),
  };
}

test("a check ends with what it has read let go of, and behind the word to the hub", async () => {
  const folder = await tempFolder("guard");
  const baseline = await BaselineStore.open({
    folder: join(folder, "baseline"),
    key: join(folder, "key"),
    anchor: null,
  });
  const done: string[] = [];
  const guard = new BaselineGuard({
    baseline,
    dispatch: async (trigger) => void done.push(trigger),
    look: () => {},
    withoutRecord: () => new Unrecorded().take(),
    toldSeq: () => 0,
    letGo: (isOver) => void done.push(isOver ? "let go of all" : "let go of rows"),
    newPace: () => async () => {},
    clock: systemClock,
    timers: systemTimers,
    log: { info: () => {}, warn: () => {}, error: () => {}, debug: () => {} },
  });
  await guard.check();
  expect(done).toEqual(["watch.baseline_anchor", "let go of all"]);
  await guard.stop();
  await baseline.close();
});

type Bench = Awaited<ReturnType<typeof bench>>;
const brief = (found: readonly JsonObject[]) =>
  found.map(({ cause, path = null, count = null }) => ({ cause, path, count }));

async function edited(level: Level, key: Buffer, at: number): Promise<void> {
  const row = await level.get(key);
  if (row === undefined) throw new Error("there is no such record");
  row[at] = (row[at] ?? 0) ^ 1;
  await level.put(key, row);
}

describe("a record", () => {
  test("that was edited is named and made anew, and its next change is told", async () => {
    const one = await bench();
    await one.life();
    // The digest: lstat(2) says that nothing has changed.
    await one.edit((level) => edited(level, one.key("b"), 70));
    await one.life();
    await one.life();
    expect(brief(one.tampered())).toEqual([{ cause: "edited", path: one.at("b"), count: 1 }]);
    // What was there is not known; what is there now is told.
    expect(one.changes()).toEqual([`unverified ${one.at("b")}`]);
    const payload = one.agent.told.find(({ trigger }) => trigger === "watch.file_changed")?.payload;
    const digest = `sha256:${createHash("sha256").update("b").digest("hex")}`;
    expect(payload).toMatchObject({ before: null, after: { digest } });
    await writeFile(one.at("b"), "other");
    await one.life();
    expect(one.changes().slice(1)).toEqual([`modified ${one.at("b")}`]);
    expect(one.tampered()).toHaveLength(1);
  });

  test("that was edited and differs from its file is named, too, although it is written over", async () => {
    const one = await bench();
    await one.life();
    await one.edit((level) => edited(level, one.key("b"), 2));
    await one.life();
    expect(brief(one.tampered())).toEqual([{ cause: "edited", path: one.at("b"), count: 1 }]);
    // Not as a change from what others have written.
    expect(one.changes()).toEqual([`unverified ${one.at("b")}`]);
    await one.life();
    expect(one.tampered()).toHaveLength(1);
  });

  test("that was removed, added, copied to another path or put back is found", async () => {
    const one = await bench();
    // Long enough that the file is older than the last sign of life, as exactly as that is known.
    await one.life(() => sleep(150));
    await one.edit((level) => level.del(one.key("a")));
    await one.life();
    expect(brief(one.tampered())).toEqual([{ cause: "removed", path: one.at("a"), count: 1 }]);
    expect(one.changes()).toEqual([`created ${one.at("a")}`]);

    let old: Buffer = Buffer.alloc(0);
    await one.edit(async (level) => {
      old = (await level.get(one.key("c"))) ?? old;
      await level.put(one.key("d"), old);
    });
    await one.life();
    expect(brief(one.tampered()).at(-1)).toEqual({ cause: "added", path: one.at("d"), count: 1 });
    expect(one.changes().at(-1)).toBe(`unverified ${one.at("d")}`);

    await writeFile(one.at("c"), "changed");
    await one.life();
    await one.edit((level) => level.put(one.key("c"), old));
    await one.life();
    expect(brief(one.tampered()).slice(2)).toEqual([{ cause: "rolled-back", path: null, count: null }]);
    const { length } = one.tampered();
    await one.life();
    expect(one.tampered()).toHaveLength(length);
  });
});

describe("the whole baseline", () => {
  test("put back as it was is found by what the hub was told", async () => {
    const one = await bench();
    await one.life();
    const copy = join(await tempFolder("copy"), "baseline");
    await cp(one.level, copy, { recursive: true });
    await writeFile(one.at("a"), "changed");
    await one.life();
    expect(one.changes()).toEqual([`modified ${one.at("a")}`]);
    await rm(one.level, { recursive: true });
    await cp(copy, one.level, { recursive: true });
    await one.life();
    expect(brief(one.tampered())).toEqual([{ cause: "rolled-back", path: null, count: null }]);
    await one.life();
    expect(one.tampered()).toHaveLength(1);
  });

  test("is told to the hub as a life leaves it", async () => {
    const one = await bench();
    let before = 0;
    await one.life(async () => {
      await writeFile(one.at("a"), "changed");
      await waitUntil("it is told", () => one.changes().length === 1);
      before = one.agent.anchors.length;
    });
    expect(one.agent.anchors).toHaveLength(before + 1);
    const [earlier, last] = one.agent.anchors.slice(-2);
    expect(last?.digest).not.toBe(earlier?.digest);
  });

  test("that has gone is told with its size, and built again", async () => {
    const one = await bench();
    await one.life();
    await rm(one.level, { recursive: true });
    await one.life();
    // Three files and their folder.
    expect(brief(one.tampered())).toEqual([{ cause: "removed", path: null, count: 4 }]);
    expect(one.changes()).toEqual([]);
    await one.life();
    expect(one.tampered()).toHaveLength(1);
  });

  test("whose key has gone is told once, and goes on with another", async () => {
    const one = await bench();
    await one.life();
    const key = join(one.folder, "watch-baseline.key");
    expect((await stat(key)).mode & 0o777).toBe(0o600);
    await rm(key);
    await writeFile(one.at("a"), "changed");
    await one.life();
    expect(brief(one.tampered())).toEqual([{ cause: "key-missing", path: null, count: null }]);
    expect(one.changes()).toEqual([`modified ${one.at("a")}`]);
    await one.life();
    expect(one.tampered()).toHaveLength(1);
  });

  test("takes nothing from notes that others have written", async () => {
    const one = await bench();
    await one.life();
    const path = Buffer.from(bytePath(one.at("a")), "latin1").toString("base64");
    // Says that what is there now had been told already, so that the record can go.
    const forged = JSON.stringify({ seq: 1, changes: [[path, null]] });
    for (const note of [forged, "0".repeat(32) + forged]) {
      one.agent.notes.set("note:0001", note);
      await one.life();
      expect(one.changes()).toEqual([]);
    }
  });

  test("that is said to know no selection does not hide a new file", async () => {
    const one = await bench();
    await one.life();
    await one.edit((level) => level.del(Buffer.from("mselection")));
    await writeFile(one.at("planted"), "");
    await one.life();
    expect(brief(one.tampered())).toEqual([{ cause: "edited", path: null, count: null }]);
    expect(one.changes()).toEqual([`created ${one.at("planted")}`]);
  });

  test("of a version without seals gets them, and nothing is told", async () => {
    const one = await bench();
    await one.life();
    await unsealed(one);
    await rm(join(one.folder, "watch-baseline.key"));
    one.agent.notes.delete("baseline_anchor");
    await one.life();
    expect([one.tampered(), one.changes()]).toEqual([[], []]);
    await one.edit((level) => edited(level, one.key("b"), 70));
    await one.life();
    expect(brief(one.tampered())).toEqual([{ cause: "edited", path: one.at("b"), count: 1 }]);
  });

  test("of a version without seals takes that version's notes along", async () => {
    const one = await bench();
    await one.life();
    await unsealed(one);
    await rm(join(one.folder, "watch-baseline.key"));
    one.agent.notes.delete("baseline_anchor");
    const path = Buffer.from(bytePath(one.at("a")), "latin1").toString("base64");
    await rm(one.at("a"));
    one.agent.notes.set("note:0001", JSON.stringify({ seq: 1, changes: [[path, null]] }));
    await one.life();
    expect([one.tampered(), one.changes()]).toEqual([[], []]);
  });
});

/** As the version before this one left it. */
async function unsealed({ edit }: Bench): Promise<void> {
  await edit(async (level) => {
    for (const [key, row] of await level.iterator().all()) {
      if (key[0] !== "b".charCodeAt(0)) continue;
      const record = Buffer.from(row.subarray(0, row.length - 16));
      record[60] = (record[60] ?? 0) & ~8;
      await level.put(key, record);
    }
    await level.del(Buffer.from("s"));
  });
}

test("a writer that is killed at any point leaves nothing that looks like tampering", async () => {
  const folder = await tempFolder("killed");
  const places = { folder: join(folder, "baseline"), key: join(folder, "key"), anchor: null };
  const writer = join(import.meta.dirname, "../../../fixtures/programs/baseline-writer.ts");
  for (let life = 0; life < 8; life++) {
    const child = spawn(process.execPath, [writer, places.folder, places.key], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const gone = new Promise((resolve) => child.once("exit", resolve));
    // The first lives end while seals are made, the others between any two writes.
    let lines = 0;
    child.stdout.on("data", (data: Buffer) => {
      lines += data.length;
      if (lines >= 1 + life * 40) child.kill("SIGKILL");
    });
    await gone;
    const store = await BaselineStore.open(places);
    expect(store.summary.untold).toEqual([]);
    expect(await store.check(async () => {})).toMatchObject({ wrongCount: 0, missing: 0, missingSum: 0n });
    await store.close();
  }
}, 60_000);

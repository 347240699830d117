/**
 * Any row of operations on a tree, with settling, restarts, crashes and lost events in between: in the end the baseline
 * is the tree, and so is what somebody knows who only reads what was told. `PETREL_WATCH_SEEDS` says how many rows (6).
 */
import {
  appendFileSync,
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { expect, test } from "vitest";
import { lookStat } from "../../../../agent/watch/look-fs.ts";
import { isSameLook } from "../../../../agent/watch/record.ts";
import { bytePath } from "../../../../shared/watch/paths.ts";
import { tempFolder } from "../../../support/temp-folder.ts";
import { ToldTree, treeAt } from "../../../support/told-tree.ts";
import { waitUntil } from "../../../support/wait-until.ts";
import { type AgentSide, agentSide, openWatchDesk, type WatchDesk } from "../../../support/watch-desk.ts";

const seeds = Number(process.env.PETREL_WATCH_SEEDS ?? 6);
const firstSeed = Number(process.env.PETREL_WATCH_SEED ?? 1);
const steps = 150;
const isRoot = process.getuid?.() === 0;

/** mulberry32: the same numbers for the same seed. */
function numbersOf(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

type Operation = (a: string, b: string, number: number) => void;

/** Each on paths that may or may not be there: what the file system refuses is no operation. */
const operations: Readonly<Record<string, Operation>> = {
  write: (a, _, number) => writeFileSync(a, `content ${number}`),
  append: (a, _, number) => appendFileSync(a, `${number}`),
  rewrite: (a, _, number) => {
    // The same size and the same time: only ctime and content differ.
    const { size, atime, mtime } = lstatSync(a);
    writeFileSync(a, String(number).padEnd(size, "x").slice(0, size), { flag: "r+" });
    utimesSync(a, atime, mtime);
  },
  mkdir: (a) => mkdirSync(a),
  deep: (a, _, number) => {
    mkdirSync(join(a, "x/y"), { recursive: true });
    writeFileSync(join(a, "x/y/z"), `${number}`);
  },
  rename: (a, b) => renameSync(a, b),
  move: (a, b) => renameSync(a, b),
  save: (a, b, number) => {
    writeFileSync(`${b}.tmp`, `saved ${number}`);
    renameSync(`${b}.tmp`, a);
  },
  swap: (a, b) => {
    renameSync(a, `${a}.swap`);
    renameSync(b, a);
    renameSync(`${a}.swap`, b);
  },
  link: (a, b) => linkSync(a, b),
  symlink: (a, b) => symlinkSync(b, a),
  chmod: (a, _, number) => {
    if (!lstatSync(a).isSymbolicLink()) chmodSync(a, [0o700, 0o750, 0o777][number % 3] ?? 0o700);
  },
  unlink: (a) => unlinkSync(a),
  rmdir: (a) => rmdirSync(a),
  rm: (a) => rmSync(a, { recursive: true }),
};

const refusals = new Set(
  "ENOENT EEXIST ENOTDIR EISDIR ENOTEMPTY EINVAL ELOOP EPERM EMLINK EXDEV ERR_FS_EISDIR".split(" "),
);

interface World {
  readonly root: string;
  readonly outside: string;
  readonly log: string[];
  readonly number: (below: number) => number;
  readonly hasLinks: boolean;
  /** Seldom is everything looked at: what is not heard of stays unknown. */
  readonly isCalm: boolean;
  readonly agent: AgentSide & { isStuck: boolean };
  desk: WatchDesk;
  readonly open: () => Promise<WatchDesk>;
}

function operate({ root, outside, log, number, hasLinks }: World): void {
  const names = Object.keys(operations);
  const name = names[number(names.length)] ?? "write";
  const there = number(3) === 0 ? [] : pathsBelow(root);
  const some = () => {
    const chosen = number(3) === 0 ? undefined : there[number(there.length + 1)];
    if (chosen !== undefined) return chosen;
    // Names sort differently by their bytes and in a walk.
    const parts = Array.from({ length: 1 + number(3) }, () => ["a", "b", "a!", "c", "d"][number(5)] ?? "a");
    // Things leave what is watched and come back.
    return join(number(12) === 0 ? outside : root, ...parts);
  };
  const [a, b] = [some(), some()];
  if (name === "link" && !hasLinks) return;
  try {
    operations[name]?.(a, b, number(1_000_000));
    log.push(`${name} ${a} ${b}`);
  } catch (error) {
    if (!refusals.has(String((error as NodeJS.ErrnoException).code))) throw error;
  }
}

function pathsBelow(root: string): readonly string[] {
  return readdirSync(root, { recursive: true, encoding: "utf8" }).map((path) => join(root, path));
}

/** Between two operations, seldom; most follow each other at once. */
async function pause(world: World): Promise<void> {
  const { desk, number, log, agent, isCalm } = world;
  const what = number(isCalm ? 400 : 40);
  if (what === 0) {
    log.push("settle");
    await desk.told();
  } else if (what === 1) {
    log.push("restart");
    await desk.close();
    // Some happens while nobody watches.
    for (let n = number(8); n > 0; n--) operate(world);
    world.desk = await world.open();
  } else if (what === 2) {
    log.push("crash");
    // Half of the times with something stored that the baseline does not have yet.
    if (number(2) === 0) {
      await desk.told();
      agent.isStuck = true;
      for (let n = 0; n < 4; n++) operate(world);
      await waitUntil("something is told", () => desk.count() > 0, 200, 1).catch(() => {});
    }
    await desk.crash();
    agent.isStuck = false;
    for (let n = number(8); n > 0; n--) operate(world);
    world.desk = await world.open();
  } else if (what === 3) {
    log.push("overflow");
    desk.engine.blind("overflow", "/", "as the test wants it");
  } else if (what === 4) {
    log.push("sweep");
    await desk.engine.sweep(number(2) === 0, async () => operate(world));
  } else if (isCalm ? what < 60 : what < 12) await sleep(number(60));
}

const rows = Array.from({ length: seeds }, (_, n) => firstSeed + n).map((seed) => ({
  seed,
  backend: seed % 2 === 0 || !isRoot ? ("inotify" as const) : ("fanotify" as const),
  hasLinks: seed % 3 === 0,
  isCalm: seed % 4 < 2,
}));

test.each(rows)(
  "row $seed, heard by $backend, ends with the tree",
  async ({ seed, backend, hasLinks, isCalm }) => {
    const number = numbersOf(seed);
    const [root, outside, state] = [
      await tempFolder("random"),
      await tempFolder("outside"),
      await tempFolder("random-state"),
    ];
    for (const name of ["a", "b/c", "d/a/b"]) {
      mkdirSync(join(root, name, ".."), { recursive: true });
      writeFileSync(join(root, name), name);
    }
    const agent = {
      ...agentSide(),
      isStuck: false,
      get gate() {
        if (agent.isStuck) return new Promise<void>(() => {});
        return number(4) === 0 ? sleep(number(4)) : Promise.resolve();
      },
    };
    const begin = treeAt(root);
    const open = () =>
      openWatchDesk(state, { paths: [{ path: root }], burst_per_second: 100_000 }, agent, {
        observe: { backend },
      });
    const world: World = {
      root,
      outside,
      log: [],
      number,
      hasLinks,
      isCalm,
      agent,
      open,
      desk: await open(),
    };
    for (let n = 0; n < steps; n++) {
      operate(world);
      await pause(world);
    }
    const there = treeAt(root);
    const why = () => `${world.log.join("\n")}\n--- told\n${agent.told.map(shortly).join("\n")}`;
    const known = () => {
      const tree = new ToldTree(root, begin);
      for (const { trigger, payload } of agent.told) if (trigger === "watch.file_changed") tree.take(payload);
      expect(tree.surprises, why()).toEqual([]);
      return sorted(tree.lines);
    };
    if (!hasLinks) {
      // Everything is known without another look.
      await waitUntil("what was told is what is there", async () => {
        await world.desk.told();
        return isDeepStrictEqual(known(), sorted(there));
      }).catch(() => expect(known(), why()).toEqual(sorted(there)));
    }
    const found = await world.desk.engine.sweep(false, async () => {});
    await world.desk.told();
    // What no event tells: that a file was changed by another of its names.
    if (!hasLinks) expect(found, why()).toBe(0);
    expect(known(), why()).toEqual(sorted(there));
    const { baseline } = world.desk;
    const rest = baseline.within(bytePath(root));
    const kept: string[] = [];
    for (let batch = await rest.next(); batch.length > 0; batch = await rest.next()) {
      kept.push(...batch.map(({ path }) => path));
    }
    await rest.close();
    expect(kept.toSorted(), why()).toEqual(
      [root, ...[...there.keys()].map((path) => join(root, path))].toSorted(),
    );
    for (const path of kept) {
      const [record, look] = [baseline.get(path), lookStat(path)];
      const isSame =
        record !== null && "found" in look && look.found !== null && isSameLook(record, look.found);
      expect(isSame, `${path}: ${why()}`).toBe(true);
    }
  },
);

function sorted(lines: ReadonlyMap<string, string>): readonly string[] {
  return [...lines].map(([path, line]) => `${path} ${line}`).sort();
}

function shortly({ trigger, payload }: { trigger: string; payload: Record<string, unknown> }): string {
  const { status = "", path = "", old_path = "", detected_by = "" } = payload;
  return [trigger.slice("watch.".length), status, path, old_path, detected_by].map(String).join(" ");
}

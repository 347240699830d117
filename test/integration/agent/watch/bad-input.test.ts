/** What a host may hold against a watcher, with the outcome that is promised for it. */
import { execFileSync } from "node:child_process";
import { closeSync, openSync, statfsSync, truncateSync, writeSync } from "node:fs";
import { chmod, mkdir, rename, rm, stat, symlink, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import type { JsonObject } from "../../../../shared/json.ts";
import { systemClock } from "../../../../shared/system-process.ts";
import { bytePath } from "../../../../shared/watch/paths.ts";
import { atEnd } from "../../../support/at-end.ts";
import { tempFolder } from "../../../support/temp-folder.ts";
import { waitUntil } from "../../../support/wait-until.ts";
import { agentSide, openWatchDesk, type WatchDesk } from "../../../support/watch-desk.ts";
import { brief, desk } from "../../../support/watched-folder.ts";

const isRoot = process.geteuid?.() === 0;
const backends = [...(isRoot ? (["fanotify"] as const) : []), "inotify" as const];

/** Mounts a tmpfs for one test; false, and said aloud, where that is not allowed. */
function mountTmpfs(at: string, size: string): boolean {
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", at], { stdio: "pipe" });
  } catch (error) {
    console.warn(`skipped: a file system cannot be mounted here: ${String(error)}`);
    return false;
  }
  atEnd(() => {
    try {
      execFileSync("umount", ["-l", at], { stdio: "pipe" });
    } catch {
      // The test has done it.
    }
  });
  return true;
}

/** Waits for a line of what is told, beside others. */
async function heard(watch: WatchDesk, root: string, line: string, seen: JsonObject[] = []) {
  return waitUntil(line, async () => {
    seen.push(...(await watch.told()));
    const lines = brief(seen, root);
    if (!lines.includes(line)) throw new Error(lines.slice(-10).join("; "));
    return lines;
  });
}

describe.each(backends)("heard by %s", (backend) => {
  const observe = { backend, lookEveryMs: 50 } as const;

  test("a watched path that is not there is told when it comes, goes and comes back", async () => {
    const place = await tempFolder("missing");
    const root = join(place, "not/yet");
    const watch = await openWatchDesk(await tempFolder("state"), { paths: [{ path: root }] }, agentSide(), {
      observe,
    });
    expect(await watch.told()).toEqual([]);
    for (const round of ["comes", "comes back"]) {
      await mkdir(root, { recursive: true });
      await writeFile(join(root, "a"), round);
      await heard(watch, root, "created a");
      await writeFile(join(root, "a"), `${round} for good`);
      await heard(watch, root, "modified a [digest size mtime ctime]");
      await rm(join(place, "not"), { recursive: true });
      await heard(watch, root, "deleted a");
    }
  });

  test("a file system may be unmounted: a gap, its files gone; mounted again: a gap, and they are back", async ({
    skip,
  }) => {
    const root = await tempFolder("mounted");
    const mount = join(root, "mnt");
    await mkdir(mount);
    if (!mountTmpfs(mount, "1m")) return skip();
    await writeFile(join(mount, "a"), "1");
    const watch = await openWatchDesk(await tempFolder("state"), { paths: [{ path: root }] }, agentSide(), {
      observe,
    });
    const seen: JsonObject[] = [];
    await writeFile(join(mount, "b"), "2");
    await heard(watch, root, "created mnt/b", seen);
    // The watcher is not in its way.
    execFileSync("umount", [mount]);
    await heard(watch, root, "deleted mnt/a", seen);
    await heard(watch, root, "deleted mnt/b", seen);
    await heard(watch, root, "watch.gap mnt", seen);
    expect(seen.find(({ trigger }) => trigger === "watch.gap")).toMatchObject({
      cause: "mount-changed",
      path: mount,
    });
    seen.length = 0;
    expect(mountTmpfs(mount, "1m")).toBe(true);
    await heard(watch, root, "watch.gap mnt", seen);
    await writeFile(join(mount, "c"), "3");
    await heard(watch, root, "created mnt/c", seen);
    expect(watch.observer?.coverage()).toContainEqual(expect.objectContaining({ mount, state: "live" }));
  });
});

describe("a path that may not be read", () => {
  const own = process.geteuid?.() ?? 0;
  // Root may read everything.
  const asNobody = () => void (own === 0 && process.seteuid?.(65_534));
  afterEach(() => void (own === 0 && process.seteuid?.(0)));

  test("is told without a digest, which says why, and is not told as deleted", async () => {
    asNobody();
    const { root, at, watch } = await desk({ a: "1", "d/b": "2" });
    await chmod(at("a"), 0o000);
    watch.hint(at("a"));
    const told = await watch.told();
    expect(told).toMatchObject([{ status: "attributes", after: { digest_missing: "unreadable" } }]);
    await chmod(at("d"), 0o000);
    watch.hint(at("d/b"));
    watch.hint(root, { deep: true });
    expect(brief(await watch.told(), root)).toEqual(["attributes d [mode]"]);
    expect([...watch.engine.unreadable.entries()].map(([, code]) => code)).toContain("EACCES");
    await chmod(at("d"), 0o700);
    watch.hint(at("d"));
    expect(brief(await watch.told(), root)).toEqual(["attributes d [mode]"]);
    expect(watch.engine.figures().unreadable).toBe(0);
  });
});

test("a FIFO, a socket and a device are told, and never opened", async () => {
  const { root, at, watch } = await desk();
  // A FIFO that were opened would wait for its writer, for ever.
  execFileSync("mkfifo", [at("fifo")]);
  const special = ["fifo"];
  if (isRoot) {
    execFileSync("mknod", [at("device"), "c", "1", "5"]);
    special.unshift("device");
  } else console.warn("skipped: a device needs root");
  for (const name of special) watch.hint(at(name));
  const told = await watch.told();
  expect(brief(told, root)).toEqual(special.map((name) => `created ${name}`));
  expect(told.map(({ kind }) => kind)).toEqual(special.map(() => "other"));
});

describe("symbolic links in a circle", () => {
  test("are what they are: links", async () => {
    const { root, at, watch } = await desk();
    await symlink("b", at("a"));
    await symlink("a", at("b"));
    await symlink(".", at("here"));
    watch.hint(root, { deep: true });
    expect(brief(await watch.told(), root)).toEqual(["created a", "created b", "created here"]);
  });

  test("that took a folder's place lead to nothing that was in the folder, or is where they lead", async () => {
    const { root, at, watch } = await desk({ "c/old": "1", "elsewhere/old": "1", "elsewhere/new/x": "" });
    await rename(at("c"), at("moved"));
    await symlink("elsewhere", at("c"));
    // Both are there by these names, behind the link.
    watch.hint(at("c/new"));
    watch.hint(at("c/old"));
    expect(brief(await watch.told(), root)).toEqual(["deleted c/old"]);
    watch.hint(root, { deep: true });
    expect(brief(await watch.told(), root)).toEqual([
      expect.stringMatching(/^modified c \[kind/),
      "created moved",
      "created moved/old",
    ]);
  });

  test("have no digest where links are followed", async () => {
    const root = await tempFolder("circle");
    const { at, watch } = await desk({}, { paths: [{ path: root, symlinks: "follow" }] }, { root });
    await symlink("b", at("a"));
    await symlink("a", at("b"));
    watch.hint(root, { deep: true });
    const told = await watch.told();
    expect(told.map(({ kind, after }) => [kind, (after as JsonObject).digest ?? null])).toEqual([
      ["symlink", null],
      ["symlink", null],
    ]);
  });

  test("on the way to a watched path: it cannot be read, and is watched when the circle is broken", async () => {
    const place = await tempFolder("circle");
    await symlink("b", join(place, "a"));
    await symlink("a", join(place, "b"));
    const root = join(place, "a/watched");
    const watch = await openWatchDesk(await tempFolder("state"), { paths: [{ path: root }] }, agentSide(), {
      observe: { backend: "auto", lookEveryMs: 50 },
    });
    expect([...watch.engine.unreadable.entries()]).toEqual([[bytePath(root), "ELOOP"]]);
    await unlink(join(place, "b"));
    await mkdir(join(place, "b/watched"), { recursive: true });
    await writeFile(join(place, "b/watched/x"), "");
    await heard(watch, root, "created x");
    expect(watch.engine.figures().unreadable).toBe(0);
  });
});

test("of a file larger than the cap, here of 10 GB, nothing but the digest is missing", async () => {
  const { at, watch } = await desk();
  closeSync(openSync(at("huge"), "w"));
  truncateSync(at("huge"), 10 * 1024 ** 3);
  watch.hint(at("huge"));
  expect(await watch.told()).toMatchObject([
    { status: "created", after: { size: 10 * 1024 ** 3, digest_missing: "too-large" } },
  ]);
  const descriptor = openSync(at("huge"), "r+");
  writeSync(descriptor, "x", 5 * 1024 ** 3);
  closeSync(descriptor);
  watch.hint(at("huge"));
  expect(await watch.told()).toMatchObject([{ status: "modified", changed: ["mtime", "ctime"] }]);
});

test("a clock that is set back changes neither what is told nor the order of its times", async () => {
  let back = 0;
  const clock = { ...systemClock, now: () => systemClock.now() - back };
  const { root, at, watch, open } = await desk({ a: "1" }, {}, { clock });
  back = 3_600_000;
  await writeFile(at("a"), "22");
  watch.hint(at("a"));
  const [told] = await watch.told();
  expect(brief([told as JsonObject], root)).toEqual(["modified a [digest size mtime ctime]"]);
  // The file's own time lies an hour ahead of that clock: when it was heard of is nearer to the truth.
  expect(Date.parse(String(told?.time))).toBeLessThanOrEqual(Date.parse(String(told?.detected_at)));
  watch.hint(at("a"));
  expect(await watch.told()).toEqual([]);
  await watch.close();
  await writeFile(at("a"), "333");
  const again = await open();
  expect(brief(await again.told(), root)).toEqual(["modified a [digest size mtime ctime]"]);
});

test("a full disk under the baseline ends the sensor; with room again each change has been told once", async ({
  skip,
}) => {
  const state = await tempFolder("full");
  if (!mountTmpfs(state, "4m")) return skip();
  const root = await tempFolder("watched");
  const config = { paths: [{ path: root }], burst_per_second: 10_000 };
  const agent = agentSide();
  const watch = await openWatchDesk(state, config, agent);
  const filler = join(state, "filler");
  const { bavail, bsize } = statfsSync(state);
  await writeFile(filler, Buffer.alloc(bavail * bsize));
  const names = Array.from(
    { length: 400 },
    (_, n) => `a file with a long name, so that its record needs room ${n}`,
  );
  for (const name of names) await writeFile(join(root, name), name);
  watch.hint(root, { deep: true });
  await expect(watch.told()).rejects.toThrow(/ENOSPC|No space left/i);
  await watch.crash();
  await rm(filler);
  const again = await openWatchDesk(state, config, agent);
  await again.told();
  expect(agent.told.map(({ payload }) => payload.path).sort()).toEqual(
    names.map((name) => join(root, name)).sort(),
  );
  expect((await stat(join(state, "baseline"))).isDirectory()).toBe(true);
});

test("an agent that takes nothing for a long time: a gap from the first change on, and everything is found", async () => {
  const { root, at, watch, agent } = await desk({ "d/a": "1", "d/b": "2" });
  let release = () => {};
  agent.gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  atEnd(() => release());
  await writeFile(at("first"), "");
  watch.hint(at("first"));
  await waitUntil("the agent is asked to take one", () => agent.told.length === 1);
  const since = Date.now();
  await writeFile(at("d/a"), "other");
  await rename(at("d/b"), at("d/c"));
  for (let n = 0; n < 80_000; n++) watch.hint(at(`d${n % 20_000}/${n}`));
  watch.hint(at("d/a"));
  // Far fewer than what was heard of.
  expect(watch.engine.figures().dirty).toBeLessThan(50_001);
  const until = Date.now();
  release();
  const told = await watch.told();
  expect(brief(told, root)).toEqual([
    "created first",
    "watch.gap .",
    "renamed d/c from d/b",
    "modified d/a [digest size mtime ctime]",
  ]);
  expect(told[1]).toMatchObject({ cause: "backpressure" });
  const [from, to] = [Date.parse(String(told[1]?.since)), Date.parse(String(told[1]?.until))];
  expect([from >= since - 1, from <= until, to >= until - 1]).toEqual([true, true, true]);
  expect(told.slice(2).map(({ detected_by }) => detected_by)).toEqual(["reconcile", "reconcile"]);
});

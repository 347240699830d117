/** What a sweep counts, and what is said of paths that cannot be read. */
import { createHash } from "node:crypto";
import { chmodSync } from "node:fs";
import { chmod, mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { partOf } from "../../../../agent/watch/part.ts";
import { bytePath } from "../../../../shared/watch/paths.ts";
import { tempFolder } from "../../../support/temp-folder.ts";
import { type AgentSide, agentSide, openWatchDesk } from "../../../support/watch-desk.ts";

const pace = async () => {};

test("counts what it found itself, whatever is told of meanwhile", async () => {
  const [root, state] = [await tempFolder("swept"), await tempFolder("state")];
  const first = join(root, "first");
  await mkdir(join(root, "many"));
  // Three chunks: between two of them comes what has priority.
  for (let n = 0; n < 600; n++) await writeFile(join(root, "many", String(n)), "");
  await writeFile(first, "");
  let meanwhile: (() => void) | null = null;
  const agent: AgentSide = {
    ...agentSide(),
    get gate() {
      meanwhile?.();
      return Promise.resolve();
    },
  };
  const paths = [{ path: root }, { path: first, priority: true }];
  const watch = await openWatchDesk(state, { paths, settle_ms: 0, burst_per_second: 10_000 }, agent);
  for (let n = 0; n < 600; n++) await chmod(join(root, "many", String(n)), 0o600);
  meanwhile = () => {
    meanwhile = null;
    chmodSync(first, 0o600);
    watch.hint(first);
  };
  expect(await watch.engine.sweep(false, pace)).toBe(600);
  const told = await watch.told();
  expect(told).toHaveLength(601);
  expect(told.findIndex(({ path }) => path === first)).toBeLessThan(600);
  expect(watch.engine.figures().told).toBe(601);
});

test("of a part finds what is in it, and takes digests only there", async () => {
  const [root, state] = [await tempFolder("swept"), await tempFolder("state")];
  await mkdir(join(root, "a/b"), { recursive: true });
  await mkdir(join(root, "c"));
  for (const name of ["a/1", "a/b/2", "c/3"]) await writeFile(join(root, name), "");
  const watch = await openWatchDesk(state, { paths: [{ path: root }] }, agentSide());
  await chmod(join(root, "a/b/2"), 0o600);
  await chmod(join(root, "c/3"), 0o600);
  await rm(join(root, "a/1"));
  const seen = { looked: 0, told: 0 };
  const scope = {
    ...partOf(join(root, "a")),
    looked: () => seen.looked++,
    told: (count: number) => {
      seen.told += count;
    },
    unreadable: () => {},
  };
  expect(await watch.engine.sweep(true, pace, scope)).toBe(2);
  const told = await watch.told();
  expect(told.map(({ status, path, detected_by }) => [status, path, detected_by])).toEqual([
    ["deleted", join(root, "a/1"), "sweep"],
    ["attributes", join(root, "a/b/2"), "sweep"],
  ]);
  // a, a/b, a/b/2
  expect(seen).toEqual({ looked: 3, told: 2 });
  expect(await watch.engine.sweep(false, pace)).toBe(1);
});

test("with digests finds content that changed behind every time and size; one without does not", async () => {
  const [root, state] = [await tempFolder("swept"), await tempFolder("state")];
  const path = bytePath(join(root, "a"));
  await writeFile(path, "1");
  const watch = await openWatchDesk(state, { paths: [{ path: root }] }, agentSide());
  await watch.told();
  const record = watch.baseline.get(path);
  if (record === null) throw new Error("it has no record");
  // As after decay on the device: the digest is another one than the record's, and nothing else is.
  const other = { ...record, extras: { ...record.extras, digest: "0".repeat(64) } };
  await watch.baseline.write([{ path, record: other }], { sync: false });
  expect(await watch.engine.sweep(false, pace)).toBe(0);
  expect(await watch.engine.sweep(true, pace)).toBe(1);
  expect(await watch.told()).toMatchObject([
    { path, status: "modified", changed: ["digest"], detected_by: "sweep" },
  ]);
  expect(await watch.engine.sweep(true, pace)).toBe(0);
});

describe("a folder that cannot be read", () => {
  const nobody = 65_534;
  const own = process.geteuid?.();
  // Root may read everything.
  beforeAll(() => {
    if (own === 0) process.seteuid?.(nobody);
  });
  afterAll(() => {
    if (own === 0) process.seteuid?.(0);
  });

  async function closed() {
    const [root, state] = [await tempFolder("watched"), await tempFolder("state")];
    const folder = join(root, "closed");
    await mkdir(folder);
    await writeFile(join(folder, "a"), "");
    const watch = await openWatchDesk(state, { paths: [{ path: root }] }, agentSide());
    await chmod(folder, 0o000);
    watch.hint(folder, { deep: true });
    await watch.told();
    expect([...watch.engine.unreadable.entries()]).toEqual([[bytePath(folder), "EACCES"]]);
    return { root, folder, watch };
  }

  test("is looked at again once it can be, with what happened in it meanwhile", async () => {
    const { folder, watch } = await closed();
    await chmod(folder, 0o700);
    await writeFile(join(folder, "b"), "");
    watch.hint(folder);
    const told = await watch.told();
    expect(told.map(({ status, path }) => [status, path])).toEqual([
      ["attributes", folder],
      ["created", join(folder, "b")],
    ]);
    expect([...watch.engine.unreadable.entries()]).toEqual([]);
  });

  test("is forgotten by a sweep that could read it, and when it is gone", async () => {
    const { folder, watch } = await closed();
    await watch.engine.sweep(false, pace);
    expect(watch.engine.figures().unreadable).toBe(1);
    await chmod(folder, 0o700);
    await watch.engine.sweep(false, pace);
    expect(watch.engine.figures().unreadable).toBe(0);

    await chmod(folder, 0o000);
    await watch.engine.sweep(false, pace);
    expect(watch.engine.figures().unreadable).toBe(1);
    await chmod(folder, 0o700);
    await rm(folder, { recursive: true });
    watch.hint(folder);
    await watch.told();
    expect(watch.engine.figures().unreadable).toBe(0);
  });
});

test("finds what changed in a file that a followed link leads to, though nothing tells of it", async () => {
  const [root, state, outside] = [
    await tempFolder("swept"),
    await tempFolder("state"),
    await tempFolder("outside"),
  ];
  const target = join(outside, "f");
  await writeFile(target, "one");
  await symlink(target, join(root, "link"));
  await symlink(target, join(root, "other"));
  const paths = [{ path: root, symlinks: "follow" }];
  const watch = await openWatchDesk(state, { paths }, agentSide());
  expect(await watch.engine.sweep(false, pace)).toBe(0);
  await writeFile(target, "two");
  expect(await watch.engine.sweep(false, pace)).toBe(2);
  const digest = `sha256:${createHash("sha256").update("two").digest("hex")}`;
  expect(await watch.told()).toMatchObject(
    ["link", "other"].map((name) => ({
      path: join(root, name),
      status: "modified",
      changed: ["digest"],
      detected_by: "sweep",
      after: { digest },
    })),
  );
  expect(await watch.engine.sweep(false, pace)).toBe(0);
});

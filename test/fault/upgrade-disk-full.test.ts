/** An upgrade on a disk that takes nothing more once it is prepared: the old version is in force again, and goes on. */
import { execFile, spawnSync } from "node:child_process";
import { chmod, mkdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, type TestContext, test } from "vitest";
import { agentHealth } from "../../agent/install/health-http.ts";
import { agentProduct } from "../../agent/install/product.ts";
import { layoutOf } from "../../shared/install/layout.ts";
import {
  currentVersion,
  endPendingBySpare,
  lastOutcome,
  reserveWayBack,
  switchBack,
  switchTo,
} from "../../shared/install/releases-fs.ts";
import { systemctl } from "../../shared/install/service-process.ts";
import { carryOut } from "../../shared/install/upgrade-process.ts";
import { atEnd } from "../support/at-end.ts";
import { installedProgram, programFile } from "../support/installed-program.ts";
import { tempFolder } from "../support/temp-folder.ts";

function mount(context: TestContext, words: readonly string[], path: string): void {
  if (spawnSync("mount", [...words, path]).status !== 0) {
    console.warn("NOT TESTED: an upgrade on a full disk needs the right to mount");
    context.skip();
  }
  atEnd(() => void spawnSync("umount", ["-l", path]));
}

/** A running 1.0.0 whose versions, records and units are on a small disk of their own. */
async function onSmallDisk(context: TestContext) {
  const root = await tempFolder("installed");
  const disk = join(root, "opt");
  await mkdir(disk);
  mount(context, ["-t", "tmpfs", "-o", "size=1m,mode=755", "tmpfs"], disk);
  const layout = layoutOf(agentProduct, root);
  await mkdir(join(disk, "etc/systemd/system"), { recursive: true });
  await symlink("opt/etc", join(root, "etc"));
  await writeFile(layout.unit, "old");
  const host = await installedProgram({}, root);
  const filler = join(disk, "filler");
  const fill = () => promisify(execFile)("dd", ["if=/dev/zero", `of=${filler}`, "bs=4096"]).catch(() => {});
  return { host, layout, filler, fill, unit: () => readFile(layout.unit, "utf8") };
}

const calls = async (root: string) => (await readFile(join(root, "calls"), "utf8")).split("\n");

test("that is full at the switch: nothing of the new version has run, and nothing of it is started later", async (context) => {
  const { host, filler, fill, unit } = await onSmallDisk(context);
  const file = await programFile(host.root, "1.1.0", { unit: "new" });
  expect((await host.upgrade(file, { killAt: "pending" })).signal).toBe("SIGKILL");
  const before = await calls(host.root);
  await fill();
  const run = await host.upgrade("-", { args: ["--carry-out"] });
  expect([run.code, run.stderr]).toEqual([1, expect.stringContaining("UPGRADE_ROLLED_BACK")]);
  expect(run.stderr).toContain("no space left");
  expect(run.stderr).toContain("how it ended could not be written down");
  expect([await host.current(), await unit(), await host.answers()]).toEqual(["1.0.0", "old", "1.0.0"]);
  expect((await calls(host.root)).slice(before.length).filter((line) => /^(?:re)?start/.test(line))).toEqual(
    [],
  );
  await host.boot();
  await expect.poll(() => host.answers()).toBe("1.0.0");
  await rm(filler);
  expect((await host.upgrade(file)).code).toBe(0);
  expect([await host.answers(), await unit(), await host.read("pending")]).toEqual(["1.1.0", "new", null]);
});

test("that the new version has filled: it is taken back, and the old one runs", async (context) => {
  const { host, filler } = await onSmallDisk(context);
  const file = await programFile(host.root, "1.1.0");
  await rename(file, `${file}.whole`);
  const atStart = `[ "$1" != run ] || { [ -e '${filler}' ] || dd if=/dev/zero of='${filler}' bs=512 2> /dev/null; exit 1; }`;
  await writeFile(file, `#!/bin/sh\n${atStart}\nexec '${file}.whole' "$@"\n`);
  await chmod(file, 0o755);
  const run = await host.upgrade(file, { args: ["--within", "2"] });
  expect([run.code, run.stderr]).toEqual([1, expect.stringContaining("UPGRADE_ROLLED_BACK")]);
  expect(run.stderr).toContain("that it goes back could not be written down");
  expect(await host.current()).toBe("1.0.0");
  await expect.poll(() => host.answers()).toBe("1.0.0");
  // Whoever has asked for it hears how it ended, and does not begin again.
  expect(await host.read("last-upgrade")).toMatch(/^from=1\.0\.0\nto=1\.1\.0\nresult=rolled-back\n/);
  expect(await host.read("pending")).toBeNull();
});

test("that has no inode left takes no link, and the one that was reserved is there", async (context) => {
  const root = await tempFolder("inodes");
  mount(context, ["-t", "tmpfs", "-o", "size=1m,nr_inodes=40,mode=755", "tmpfs"], root);
  const layout = layoutOf(agentProduct, root);
  for (const version of ["1.0.0", "1.1.0"]) await mkdir(join(layout.versions, version), { recursive: true });
  await switchTo(layout, "1.0.0");
  await reserveWayBack(layout, {
    from: "1.0.0",
    to: "1.1.0",
    result: "rolled-back",
    why: "unwell",
    at: "now",
  });
  await switchTo(layout, "1.1.0");
  let files = 0;
  await expect(async () => {
    for (;;) await writeFile(join(root, `file-${files++}`), "");
  }).rejects.toThrow("ENOSPC");
  await expect(switchTo(layout, "1.0.0")).rejects.toThrow("ENOSPC");
  await expect(switchBack(layout, "0.9.0")).rejects.toThrow("ENOSPC");
  expect(await currentVersion(layout)).toBe("1.1.0");
  await switchBack(layout, "1.0.0");
  expect(await currentVersion(layout)).toBe("1.0.0");
  await endPendingBySpare(layout, { from: "0.9.0", to: "1.0.0" });
  expect(await lastOutcome(layout)).toBeNull();
  await endPendingBySpare(layout, { from: "1.0.0", to: "1.1.0" });
  expect(await lastOutcome(layout)).toMatchObject({ to: "1.1.0", result: "rolled-back", why: "unwell" });
});

test("that has become read-only: nothing is switched, and that is what is said", async (context) => {
  const { host, layout } = await onSmallDisk(context);
  const file = await programFile(host.root, "1.1.0", { unit: "new" });
  await host.upgrade(file, { killAt: "pending" });
  const news: string[] = [];
  const outcome = await carryOut({
    product: agentProduct,
    layout,
    service: systemctl(host.systemctl),
    health: () => agentHealth(layout.state),
    limits: { withinMs: 2_000, steadyMs: 100 },
    now: () => 0,
    // From the switch on; until then whoever upgrades has opened its lock.
    told: (text) => {
      if (news.push(text) === 1)
        mount(context, ["--bind", "-o", "ro", join(host.root, "opt")], join(host.root, "opt"));
    },
    pass: () => {},
  });
  expect(news[0]).toContain("switching");
  expect(outcome).toMatchObject({ result: "rolled-back", why: expect.stringMatching(/EROFS/) });
  expect([await host.current(), await host.answers()]).toEqual(["1.0.0", "1.0.0"]);
});

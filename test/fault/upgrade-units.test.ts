/** What becomes of the units on a host, whichever way an upgrade ends: they go with their version, there and back. */
import { execFile } from "node:child_process";
import { chmod, mkdir, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { agentProduct } from "../../agent/install/product.ts";
import { installedUpgrade } from "../../agent/upgrade/installed-process.ts";
import { layoutOf, programOf } from "../../shared/install/layout.ts";
import { digestOf } from "../../shared/install/releases-fs.ts";
import { silentLogger } from "../../shared/log.ts";
import { commandPath } from "../support/command-path.ts";
import { type InstalledProgram, installedProgram, programFile } from "../support/installed-program.ts";
import { runPetrel } from "../support/run-petrel.ts";
import { waitUntil } from "../support/wait-until.ts";

/** A running 1.0.0 whose unit has this text. */
async function withUnit(text: string) {
  const host = await installedProgram();
  const layout = layoutOf(agentProduct, host.root);
  await mkdir(dirname(layout.unit), { recursive: true });
  await writeFile(layout.unit, text);
  return { host, layout, unit: () => readFile(layout.unit, "utf8") };
}

/** How often systemd was told to read its units. */
async function reloads({ root }: InstalledProgram): Promise<number> {
  const calls = await readFile(join(root, "calls"), "utf8");
  return calls.split("\n").filter((line) => line === "daemon-reload").length;
}

/** Nothing can be put in the place of the unit any more. */
const block = (unit: string) => mkdir(join(`${unit}.new`, "in the way"), { recursive: true });

/** It does this when it is started, and then ends. */
async function changed(file: string, atStart: string): Promise<string> {
  await rename(file, `${file}.whole`);
  await writeFile(file, `#!/bin/sh\n[ "$1" != run ] || { ${atStart}; exit 1; }\nexec '${file}.whole' "$@"\n`);
  await chmod(file, 0o755);
  return file;
}

const back = { args: ["--within", "2"] };

test("what somebody has changed in a unit comes back with its version, also after another way back", async () => {
  const { host, layout, unit } = await withUnit("old");
  for (const [to, text] of [
    ["1.1.0", "old"],
    ["1.2.0", "edited"],
  ] as const) {
    await writeFile(layout.unit, text);
    const run = await host.upgrade(await programFile(host.root, to, { linked: false, unit: to }), back);
    expect([run.code, await unit()]).toEqual([1, text]);
  }
});

test("where a package is, a unit of `systemctl edit --full` stays, there and back, by whoever goes back", async () => {
  const { host, layout, unit } = await withUnit("edited");
  await mkdir(dirname(layout.packaged), { recursive: true });
  await writeFile(layout.packaged, "the package's");
  for (const [to, traits] of [
    ["1.1.0", {}],
    ["1.2.0", { linked: false }],
    ["1.3.0", { exits: 1 }],
  ] as const) {
    await host.upgrade(await programFile(host.root, to, { ...traits, unit: to }), back);
    expect([to, await unit()]).toEqual([to, "edited"]);
  }
  expect([await host.current(), await reloads(host)]).toEqual(["1.1.0", 0]);
});

describe("an upgrade ends", () => {
  test.each([true, false])(
    "where a unit cannot be put: nothing of it has run, and nothing is started (runs: %s)",
    async (runs) => {
      const { host, layout, unit } = await withUnit("old");
      if (!runs) await host.stop();
      await block(layout.unit);
      const before = await readFile(join(host.root, "calls"), "utf8");
      const run = await host.upgrade(await programFile(host.root, "1.1.0", { unit: "new" }));
      expect([run.code, run.stderr]).toEqual([1, expect.stringContaining("UPGRADE_ROLLED_BACK")]);
      expect([await host.current(), await host.read("pending"), await unit()]).toEqual([
        "1.0.0",
        null,
        "old",
      ]);
      expect(await host.read("last-upgrade")).toContain("result=rolled-back");
      expect(await host.answers()).toBe(runs ? "1.0.0" : null);
      const calls = (await readFile(join(host.root, "calls"), "utf8")).slice(before.length);
      expect(calls.split("\n").filter((line) => /^(?:re)?start/.test(line))).toEqual([]);
    },
  );

  test("where a unit cannot be put, and somebody has started the new version before that", async () => {
    const { host, layout, unit } = await withUnit("old");
    const file = await programFile(host.root, "1.1.0", { unit: "new" });
    await host.upgrade(file, { killAt: "pending" });
    // Whoever reads it waits until somebody writes: after the switch, and before the unit is put.
    const kept = join(layout.versions, "1.1.0/units", agentProduct.unit);
    await rm(kept);
    await promisify(execFile)("mkfifo", [kept]);
    await block(layout.unit);
    const running = host.upgrade("-", { args: ["--carry-out"] });
    await waitUntil("the switch", async () => (await host.current()) === "1.1.0");
    await host.boot();
    await waitUntil("the new version to run", async () => (await host.answers()) === "1.1.0");
    await writeFile(kept, "new");
    const run = await running;
    expect([run.code, run.stderr]).toEqual([1, expect.stringContaining("UPGRADE_ROLLED_BACK")]);
    expect([await host.current(), await host.read("pending"), await unit()]).toEqual(["1.0.0", null, "old"]);
    await waitUntil("the old version to run", async () => (await host.answers()) === "1.0.0");
  });

  test("where the unit of the old version cannot be put back, and says so", async () => {
    const { host, layout } = await withUnit("old");
    const file = await programFile(host.root, "1.1.0", { unit: "new" });
    const run = await host.upgrade(await changed(file, `mkdir -p '${layout.unit}.new/in the way'`), back);
    expect([run.code, run.stderr]).toEqual([1, expect.stringContaining("UPGRADE_ROLLED_BACK")]);
    expect(run.stderr).toContain("the unit of 1.0.0 could not be put back");
    expect([await host.current(), await host.read("pending")]).toEqual(["1.0.0", null]);
  });

  test("where it was cut off before its unit came, and that cannot be put", async () => {
    const { host, layout } = await withUnit("old");
    const file = await programFile(host.root, "1.1.0", { unit: "new" });
    expect((await host.upgrade(file, { killAt: "pending" })).signal).toBe("SIGKILL");
    await rm(layout.current);
    await symlink("versions/1.1.0", layout.current);
    await host.boot();
    await block(layout.unit);
    const run = await host.upgrade("-", { args: ["--judge"] });
    expect([run.code, run.stderr]).toEqual([1, expect.stringContaining("UPGRADE_ROLLED_BACK")]);
    expect([await host.current(), await host.read("pending")]).toEqual(["1.0.0", null]);
  });

  test("well, where systemd does not read its units, and says what to do", async () => {
    const { host, unit } = await withUnit("old");
    await rename(host.systemctl, `${host.systemctl}.whole`);
    const words = `#!/bin/sh\n[ "$1" != daemon-reload ] || exit 1\nexec '${host.systemctl}.whole' "$@"\n`;
    await writeFile(host.systemctl, words, { mode: 0o755 });
    const run = await host.upgrade(await programFile(host.root, "1.1.0", { unit: "new" }));
    expect([run.code, await host.answers(), await unit()]).toEqual([0, "1.1.0", "new"]);
    expect(run.stderr).toContain("systemctl daemon-reload");
  });
});

test("systemd reads a unit that somebody put there and was killed before he said so", async () => {
  const { host, layout } = await withUnit("old");
  const file = await programFile(host.root, "1.1.0", { unit: "new" });
  await host.upgrade(file, { killAt: "pending" });
  await rm(layout.current);
  await symlink("versions/1.1.0", layout.current);
  await writeFile(layout.unit, "new");
  await host.boot();
  expect(await reloads(host)).toBe(0);
  expect((await host.upgrade("-", { args: ["--judge"] })).code).toBe(0);
  expect(await reloads(host)).toBe(1);
});

test("an agent that mends its host on its hub's wish has systemd read the unit", async () => {
  const { host, layout, unit } = await withUnit("old");
  await mkdir(join(layout.versions, "1.0.0/units"));
  await writeFile(join(layout.versions, "1.0.0/units", agentProduct.unit), "of 1.0.0");
  await rm(layout.current);
  await symlink("versions/0.9.0", layout.current);
  const env = {
    PETREL_PROGRAM: programOf(layout, agentProduct, "1.0.0"),
    PETREL_SYSTEMCTL: host.systemctl,
  };
  const clocks = { now: () => 0, monotonic: () => 0 };
  const upgrade = installedUpgrade({ env, health: async () => null, ...clocks, log: silentLogger });
  const path = await programFile(host.root, "1.1.0");
  const asked = { path, version: "1.2.0", sha256: await digestOf(path), allowDowngrade: false };
  // Prepared is all that it may be here.
  await expect(upgrade.start(asked)).rejects.toMatchObject({ code: "UPGRADE_UNFIT" });
  expect([await host.current(), await unit(), await reloads(host)]).toEqual(["1.0.0", "of 1.0.0", 1]);
});

test("units may be read by everybody, whatever the umask is of who puts them there", async () => {
  const { host, layout } = await withUnit("old");
  const closed = (env: Readonly<Record<string, string>>, ...words: readonly string[]) =>
    promisify(execFile)("sh", ["-c", 'umask 077; exec "$@"', "sh", ...words], { env }).catch(() => {});
  const found = async () => [await readFile(layout.unit, "utf8"), (await stat(layout.unit)).mode & 0o777];
  const file = await programFile(host.root, "1.1.0", { unit: "new" });
  const env = { PATH: process.env.PATH ?? "", PETREL_KILL_AT: "switched" };
  const place = ["--root", host.root, "--systemctl", host.systemctl];
  await closed(env, commandPath("petrel-agent"), "upgrade", file, ...place);
  expect(await found()).toEqual(["new", 0o644]);
  // Kept by a version that did not see to it.
  await chmod(join(layout.versions, "1.0.0/units", agentProduct.unit), 0o600);
  await writeFile(layout.starts, "3\n");
  await closed(env, layout.guard);
  expect(await found()).toEqual(["old", 0o644]);
});

test("the guard has units on disk before their names are, and systemd read them before it says how it ended", async () => {
  const { host, layout, unit } = await withUnit("old");
  const file = await programFile(host.root, "1.1.0", { unit: "new" });
  await host.upgrade(file, { killAt: "switched" });
  await host.stop();
  // What stands for a host with systemd: each says what it is called with, and what was there at that time.
  const bin = join(host.root, "bin");
  await mkdir(bin);
  const calls = join(host.root, "said");
  for (const name of ["sync", "systemctl"]) {
    const words = `#!/bin/sh\necho "${name} $* $(cat '${layout.unit}') $(ls '${layout.outcome}')" >> '${calls}'\n`;
    await writeFile(join(bin, name), words, { mode: 0o755 });
  }
  const text = await readFile(layout.guard, "utf8");
  await writeFile(layout.guard, text.replaceAll("/run/systemd/system", bin));
  const env = { PATH: `${bin}:${process.env.PATH}` };
  const said = async () => {
    await rm(calls, { force: true });
    await promisify(execFile)(layout.guard, { env });
    return (await readFile(calls, "utf8")).split("\n").map((line) => line.trim());
  };
  const pending = (await host.read("pending")) ?? "";
  await writeFile(layout.starts, "3\n");
  const first = await said();
  expect(first).toContain(`sync ${layout.unit}.new new`);
  expect(first).toContain(`sync ${dirname(layout.unit)} old`);
  expect(first).toContain("systemctl --no-block daemon-reload old");
  expect(await unit()).toBe("old");
  // Killed before systemd was told: the file is as it should be already.
  await writeFile(layout.pending, `${pending}back=unwell\n`);
  await rm(layout.outcome);
  expect(await said()).toContain("systemctl --no-block daemon-reload old");
});

describe("install of a newer version", () => {
  const install = async (host: InstalledProgram, file: string, ...more: readonly string[]) => {
    const place = ["--root", host.root, "--systemctl", host.systemctl, "--within", "2", "--steady", "0.5"];
    return runPetrel(["install", ...place, "--no-start", "--binary", file, ...more], {
      command: "petrel-agent",
    });
  };

  test("leaves the unit when it is refused", async () => {
    const { host, layout, unit } = await withUnit("edited");
    await mkdir(join(layout.versions, "1.1.0"));
    await writeFile(programOf(layout, agentProduct, "1.1.0"), "another content", { mode: 0o755 });
    const run = await install(host, await programFile(host.root, "1.1.0", { unit: "new" }));
    expect(run.stderr).toContain("UPGRADE_VERSION_TAKEN");
    expect(await unit()).toBe("edited");
  });

  test("takes the unit with it, and leaves it as it was when it goes back", async () => {
    const { host, unit } = await withUnit("edited");
    const unwell = await programFile(host.root, "1.1.0", { linked: false, unit: "new" });
    expect((await install(host, unwell)).stderr).toContain("UPGRADE_ROLLED_BACK");
    expect(await unit()).toBe("edited");
    const run = await install(host, await programFile(host.root, "1.2.0", { unit: "new" }));
    expect([run.code, await unit()]).toEqual([0, "new"]);
  });
});

test("a program that fails when it is asked for its units is refused, and one that does not know the question is not", async () => {
  const { host, unit } = await withUnit("old");
  for (const [version, answer, code] of [
    ["1.1.0", "exit 1", 4],
    ["1.2.0", "kill -9 $$", 4],
    ["1.3.0", "echo what", 4],
    ["1.4.0", "exit 2", 0],
  ] as const) {
    const file = await programFile(host.root, version);
    await rename(file, `${file}.whole`);
    const words = `#!/bin/sh\n[ "$2" != --units ] || { ${answer}; exit; }\nexec '${file}.whole' "$@"\n`;
    await writeFile(file, words, { mode: 0o755 });
    const run = await host.upgrade(file);
    expect([version, run.code]).toEqual([version, code]);
    if (code !== 0) expect(run.stderr).toContain("UPGRADE_UNFIT");
    expect([await host.read("pending"), await unit()]).toEqual([null, "old"]);
  }
});

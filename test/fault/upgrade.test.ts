/**
 * An upgrade of an installed program, killed at each of its steps. Real processes, a folder for a root, and a supervisor
 * that stands for systemd: it runs the guard and the program as the unit has it.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmod,
  cp,
  mkdir,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { agentProduct } from "../../agent/install/product.ts";
import { lastUpgradeFound } from "../../shared/doctor/last-upgrade.ts";
import { lastUpgrade } from "../../shared/doctor/last-upgrade-fs.ts";
import { layoutOf } from "../../shared/install/layout.ts";
import { leaveWhenTakenBack } from "../../shared/install/own-trial-process.ts";
import { digestOf } from "../../shared/install/releases-fs.ts";
import { inTurn, isTaken } from "../../shared/install/turn-process.ts";
import { upgradePoints } from "../../shared/install/upgrade-host.ts";
import { atEnd } from "../support/at-end.ts";
import { installedProgram, type ProgramTraits, programFile, type Run } from "../support/installed-program.ts";
import { waitUntil } from "../support/wait-until.ts";

/** Of the error that a command has ended with. */
const codeOf = ({ stderr }: Run) => /^(?:error: )?([A-Z_]+): /m.exec(stderr)?.[1] ?? stderr;

describe("an upgrade, beside a supervisor that stands for systemd", () => {
  test("takes what is well, verified by its digest, and keeps two versions", async () => {
    const host = await installedProgram();
    for (const [from, to] of [
      ["1.0.0", "1.1.0"],
      ["1.1.0", "1.2.0"],
    ] as const) {
      const file = await programFile(host.root, to);
      await writeFile(join(host.root, "SHA256SUMS"), `${await digestOf(file)}  program-${to}\n`);
      const run = await host.upgrade(file, { args: ["--sums", join(host.root, "SHA256SUMS"), "--json"] });
      expect([run.code, run.stderr]).toEqual([0, ""]);
      expect(JSON.parse(run.stdout)).toMatchObject({ from, to, result: "upgraded" });
      expect([await host.current(), await host.answers(), await host.read("pending")]).toEqual([
        to,
        to,
        null,
      ]);
    }
    expect(await host.read("versions/1.0.0/petrel-agent")).toBeNull();
    expect(await host.read("versions/1.1.0/petrel-agent")).not.toBeNull();
  });

  test.each([
    ["ends at each start", { exits: 1 }, "3 starts of 1.1.0 ended"],
    ["has no link, and the one before had", { linked: false }, "it has no link to the hub"],
    ["does not run a sensor", { sensors: [] }, "watch.FileWatch"],
  ] as const)("goes back from a version that %s", async (_, traits: ProgramTraits, why) => {
    const host = await installedProgram();
    const file = await programFile(host.root, "1.1.0", traits);
    const run = await host.upgrade(file, { args: ["--within", "2", "--json"] });
    expect(run.code).toBe(1);
    expect(JSON.parse(run.stderr.trim().split("\n").at(-1) ?? "")).toMatchObject({
      error: { code: "UPGRADE_ROLLED_BACK", message: expect.stringContaining(why) },
    });
    expect([await host.current(), await host.read("pending")]).toEqual(["1.0.0", null]);
    expect(await host.read("last-upgrade")).toContain("result=rolled-back");
    await waitUntil("1.0.0 answers again", async () => (await host.answers()) === "1.0.0");
  });

  test.each([
    ["as its version stays", {}, "new"],
    ["and goes with a version that has no link", { linked: false }, "old"],
    ["and goes with a version that ends at each start", { exits: 1 }, "old"],
  ] as const)("renews a unit that was installed, %s", async (_, traits, unit) => {
    const host = await installedProgram();
    const path = join(host.root, "etc/systemd/system/petrel-agent.service");
    await mkdir(join(host.root, "etc/systemd/system"), { recursive: true });
    await writeFile(path, "old");
    // What systemd goes by is what the unit was when it last read it.
    const read = join(host.root, "read");
    await rename(host.systemctl, `${host.systemctl}.whole`);
    const words = `[ "$1" != daemon-reload ] || { cat '${path}' && echo; } >> '${read}'\nexec '${host.systemctl}.whole' "$@"`;
    await writeFile(host.systemctl, `#!/bin/sh\n${words}\n`, { mode: 0o755 });
    const file = await programFile(host.root, "1.1.0", { ...traits, unit: "new" });
    const run = await host.upgrade(file, { args: ["--within", "2"] });
    expect(run.code).toBe(unit === "new" ? 0 : 1);
    expect(await readFile(path, "utf8")).toBe(unit);
    const texts = (await readFile(read, "utf8")).trimEnd().split("\n");
    expect([texts[0], texts.at(-1)]).toEqual(["new", unit]);
  });

  test("puts no unit where a package or somebody else has", async () => {
    const host = await installedProgram();
    const folder = join(host.root, "etc/systemd/system");
    const { packaged } = layoutOf(agentProduct, host.root);
    for (const each of [folder, dirname(packaged)]) await mkdir(each, { recursive: true });
    await writeFile(packaged, "the package's");
    const upgraded = async (version: string) =>
      (await host.upgrade(await programFile(host.root, version, { unit: "new" }))).code;
    expect(await upgraded("1.1.0")).toBe(0);
    expect([await readdir(folder), await readFile(packaged, "utf8")]).toEqual([[], "the package's"]);
    await rm(packaged);
    await symlink("/dev/null", join(folder, "petrel-agent.service"));
    expect(await upgraded("1.2.0")).toBe(0);
    expect(await readlink(join(folder, "petrel-agent.service"))).toBe("/dev/null");
  });

  test("keeps one version of those that it went back from", async () => {
    const host = await installedProgram();
    for (const [to, traits] of [
      ["1.1.0", { linked: false }],
      ["1.2.0", { linked: false }],
      ["1.3.0", { exits: 1 }],
    ] as const) {
      const run = await host.upgrade(await programFile(host.root, to, traits), { args: ["--within", "2"] });
      expect([run.code, codeOf(run)]).toEqual([1, "UPGRADE_ROLLED_BACK"]);
      expect((await readdir(join(host.base, "versions"))).sort()).toEqual(["1.0.0", to]);
    }
  });

  test("changes nothing for a file that is not what it should be", async () => {
    const host = await installedProgram();
    const good = await programFile(host.root, "1.1.0");
    const elf = join(host.root, "elf");
    const head = Buffer.alloc(64);
    head.write("\x7fELF\x02\x01\x01", "latin1");
    head.writeUInt16LE(process.arch === "x64" ? 183 : 62, 18);
    await writeFile(elf, head, { mode: 0o755 });
    const broken = join(host.root, "broken");
    await writeFile(broken, "#!/bin/sh\necho out of order >&2\nexit 3\n", { mode: 0o755 });
    const rows: readonly (readonly [string, string, readonly string[]])[] = [
      ["UPGRADE_DIGEST", good, ["--sha256", "0".repeat(64)]],
      ["CLI_USAGE", good, ["--sha256", "abc"]],
      ["UPGRADE_ARCHITECTURE", elf, []],
      ["UPGRADE_UNFIT", broken, []],
      ["UPGRADE_UNFIT", await programFile(host.root, "1.1.1", { program: "petrel" }), []],
      ["UPGRADE_UNFIT", await programFile(host.root, "1.1.2", { storeFormat: 0 }), []],
      ["UPGRADE_OLDER", await programFile(host.root, "0.9.0"), []],
      ["UPGRADE_FORMAT", await programFile(host.root, "1.1.3", { storeFormat: 2 }), []],
      ["FILE_UNREADABLE", join(host.root, "nowhere"), []],
    ];
    const codes: string[] = [];
    for (const [, file, args] of rows) codes.push(codeOf(await host.upgrade(file, { args })));
    expect(codes).toEqual(rows.map(([code]) => code));
    expect(await readdir(join(host.base, "versions"))).toEqual(["1.0.0"]);
    // What is in a folder of somebody else's is verified as a copy, and is never run.
    const asked = (await readFile(join(host.root, "asked"), "utf8")).trim().split("\n");
    expect(asked.filter((path) => !path.startsWith(`${host.base}/versions/`))).toEqual([]);
    expect([await host.current(), await host.read("pending"), await host.read("last-upgrade")]).toEqual([
      "1.0.0",
      null,
      null,
    ]);
    expect(await host.answers()).toBe("1.0.0");
  });

  test("runs nothing from a folder that others may write", async () => {
    const host = await installedProgram();
    const file = await programFile(host.root, "1.1.0");
    for (const folder of [host.base, join(host.base, "versions"), join(host.base, "versions/1.0.0")]) {
      await chmod(folder, 0o775);
      expect([folder, codeOf(await host.upgrade(file))]).toEqual([folder, "INSTALL_UNSAFE"]);
      await chmod(folder, 0o755);
    }
    expect(await host.read("../agent/versions/1.1.0/petrel-agent")).toBeNull();
  });

  test("switches a program that is stopped, and neither starts nor judges it", async () => {
    const host = await installedProgram();
    await host.stop();
    const file = await programFile(host.root, "1.1.0", { exits: 1 });
    const run = await host.upgrade(file, { args: ["--json"] });
    expect(JSON.parse(run.stdout)).toMatchObject({
      result: "upgraded",
      why: expect.stringMatching(/not running/),
    });
    expect([await host.current(), await host.read("pending"), await host.answers()]).toEqual([
      "1.1.0",
      null,
      null,
    ]);
  });

  test("is refused while nobody can see how the old version is, and says when a link could not be judged", async () => {
    const host = await installedProgram();
    const config = join(host.root, "etc/petrel/agent.yaml");
    await mkdir(join(host.root, "etc/petrel"), { recursive: true });
    await writeFile(config, "data: /srv/agent\n");
    const file = await programFile(host.root, "1.1.0", { linked: false });
    expect(codeOf(await host.upgrade(file, { args: ["--within", "0.5"] }))).toBe("UPGRADE_UNSEEN");
    await rm(config);
    const [away, back] = [
      await installedProgram({ linked: false }),
      await programFile(host.root, "1.2.0", { linked: false }),
    ];
    const run = await away.upgrade(back, { args: ["--json"] });
    expect(JSON.parse(run.stdout)).toMatchObject({ why: expect.stringMatching(/could not be judged/) });
  });

  test.each([
    ["ends at each start", { exits: 1 }],
    ["has no link", { linked: false }],
  ] as const)("keeps a version that %s once it has changed the database", async (_, traits) => {
    const host = await installedProgram();
    const file = await programFile(host.root, "1.1.0", { ...traits, storeFormat: 2 });
    const args = ["--within", "2", "--allow-format-change"];
    expect(codeOf(await host.upgrade(file, { args }))).toBe("UPGRADE_UNWELL");
    expect([await host.current(), await host.read("pending")]).toEqual(["1.1.0", null]);
    expect(await host.read("last-upgrade")).toContain("result=kept");
    // What mends it can be installed.
    await host.stop();
    expect((await host.upgrade(await programFile(host.root, "1.2.0", { storeFormat: 2 }))).code).toBe(0);
    expect(await host.current()).toBe("1.2.0");
  });
});

describe("the way back over a format", () => {
  test("is the one that is said when the new version is not well: stop, restore, upgrade, start", async () => {
    const host = await installedProgram();
    const store = join(host.root, "var/lib/petrel-agent/store");
    const fixture = (format: number) =>
      cp(resolve(import.meta.dirname, `../fixtures/stores/agent-format-${format}`), store, {
        recursive: true,
      });
    await fixture(1);
    const file = await programFile(host.root, "1.1.0", { linked: false, storeFormat: 2 });
    const kept = await host.upgrade(file, { args: ["--within", "1", "--allow-format-change"] });
    expect(codeOf(kept)).toBe("UPGRADE_UNWELL");
    const words = /petrel-agent upgrade (\S+) (--allow-downgrade) (--allow-format-change) --root \S+/.exec(
      kept.stderr,
    );
    const [, old = "", ...allowed] = words ?? [];
    expect(old).toBe(join(host.base, "versions/1.0.0/petrel-agent"));
    // What the new version has made of the database.
    await rm(store, { recursive: true });
    await fixture(2);

    const plain = await host.upgrade(old);
    expect(codeOf(plain)).toBe("UPGRADE_UNFIT");
    const steps = [
      /stop petrel-agent\.service below/,
      /store and secrets\.key/,
      words?.[0] ?? "?",
      /start petrel-agent\.service below/,
    ];
    for (const step of steps) expect(plain.stderr).toMatch(step);
    // It runs, and would write while it is looked at.
    const runs = await host.upgrade(old, { args: allowed });
    expect([codeOf(runs), runs.stderr]).toEqual(["UPGRADE_UNFIT", expect.stringContaining("service runs")]);
    await host.stop();
    const before = await contentsOf(store);
    const late = await host.upgrade(old, { args: allowed });
    expect([codeOf(late), late.stderr]).toEqual([
      "UPGRADE_UNFIT",
      expect.stringContaining("this host's has 2"),
    ]);
    expect([await contentsOf(store), await host.current()]).toEqual([before, "1.1.0"]);

    await rm(store, { recursive: true });
    await fixture(1);
    const restored = await contentsOf(store);
    expect((await host.upgrade(old, { args: allowed })).stdout).toContain("upgraded from 1.1.0 to 1.0.0");
    expect([await contentsOf(store), await host.current()]).toEqual([restored, "1.0.0"]);
    await host.boot();
    await waitUntil("1.0.0 answers", async () => (await host.answers()) === "1.0.0");
    expect((await readdir(host.base)).sort()).toEqual(
      ["current", "guard", "last-upgrade", "upgrade.lock", "versions"].sort(),
    );
  });

  test("is open where there is no database any more", async () => {
    const host = await installedProgram({ storeFormat: 2 });
    await host.stop();
    const older = await programFile(host.root, "0.9.0");
    const args = ["--allow-downgrade", "--allow-format-change"];
    expect((await host.upgrade(older, { args })).code).toBe(0);
    expect(await host.current()).toBe("0.9.0");
  });
});

/** Names and bytes. */
async function contentsOf(folder: string) {
  const names = (await readdir(folder)).sort();
  return Promise.all(names.map(async (name) => [name, await readFile(join(folder, name), "base64")]));
}

describe("whose turn it is", () => {
  test("is one's alone, also right after the one who had it was killed", async () => {
    const host = await installedProgram();
    const lock = join(host.base, "upgrade.lock");
    const turn = resolve(import.meta.dirname, "../../shared/install/turn-process.ts");
    const program = `import { inTurn } from ${JSON.stringify(turn)};
      await inTurn(${JSON.stringify(lock)}, () => new Promise(() => { console.log("mine"); setInterval(() => {}, 1000); }));`;
    const holder = spawn(process.execPath, ["--input-type=module", "-e", program], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    atEnd(() => void holder.kill("SIGKILL"));
    await once(holder.stdout, "data");
    expect(isTaken(lock)).toBe(true);
    const file = await programFile(host.root, "1.1.0");
    expect(codeOf(await host.upgrade(file))).toBe("UPGRADE_RUNNING");
    const ended = once(holder, "exit");
    holder.kill("SIGKILL");
    await ended;
    expect(isTaken(lock)).toBe(false);
    const turns = await Promise.allSettled(Array.from({ length: 20 }, () => inTurn(lock, () => sleep(20))));
    expect(turns.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  });

  test("is kept for who has just prepared an upgrade, and who prepares the same goes on with it", async () => {
    const host = await installedProgram();
    const file = await programFile(host.root, "1.1.0");
    expect((await host.upgrade(file, { killAt: "pending" })).signal).toBe("SIGKILL");
    expect(codeOf(await host.upgrade(await programFile(host.root, "1.2.0")))).toBe("UPGRADE_RUNNING");
    expect(await host.read("pending")).toContain("to=1.1.0\n");
    expect((await host.upgrade(file)).code).toBe(0);
    expect(await host.answers()).toBe("1.1.0");
  });
});

describe("an upgrade that is killed at each step, and then the power goes, beside a supervisor that stands for systemd", () => {
  const wellPoints = upgradePoints.filter((point) => point !== "marked" && point !== "back");
  test.each(wellPoints)("%s: a version answers, and the upgrade can be done again", async (point) => {
    const host = await installedProgram();
    const file = await programFile(host.root, "1.1.0");
    expect((await host.upgrade(file, { killAt: point })).signal).toBe("SIGKILL");
    await host.boot();
    const inForce = await host.current();
    expect(inForce).toBe(["staged", "pending"].includes(point) ? "1.0.0" : "1.1.0");
    await waitUntil(`${inForce} answers`, async () => (await host.answers()) === inForce);
    // What the program does itself when it is on trial; this one only answers.
    const carried = await host.upgrade(file, { args: ["--carry-out", "--json"] });
    expect(carried.code, carried.stderr).toBe(0);
    const again = await host.upgrade(file, { args: ["--json"] });
    expect([again.code, await host.current(), await host.answers()]).toEqual([0, "1.1.0", "1.1.0"]);
    expect(await host.read("pending")).toBeNull();
  });

  test.each(["switched", "restarted", "judged", "marked", "back", "ended"])(
    "%s, with a version that does not start: the old one answers, by the guard alone",
    async (point) => {
      const host = await installedProgram();
      const file = await programFile(host.root, "1.1.0", { exits: 1 });
      const run = await host.upgrade(file, { killAt: point, args: ["--within", "0.2"] });
      // The guard may be faster than who upgrades; then there is nothing left to be killed at.
      expect([1, null], JSON.stringify(run)).toContain(run.code);
      await host.boot();
      await waitUntil("1.0.0 answers", async () => (await host.answers()) === "1.0.0");
      expect(await host.current()).toBe("1.0.0");
    },
  );

  test.each(["marked", "back"])(
    "%s, on the way back from a version that runs on: the next start ends it, and says so",
    async (point) => {
      const host = await installedProgram();
      const file = await programFile(host.root, "1.1.0", { linked: false });
      const run = await host.upgrade(file, { killAt: point, args: ["--within", "1"] });
      expect(run.signal).toBe("SIGKILL");
      expect(await host.answers()).toBe("1.1.0");
      await host.boot();
      await waitUntil("1.0.0 answers", async () => (await host.answers()) === "1.0.0");
      expect([await host.current(), await host.read("pending")]).toEqual(["1.0.0", null]);
      expect(lastUpgradeFound(await lastUpgrade(agentProduct, host.root), agentProduct)).toMatchObject([
        {
          level: "warning",
          what: expect.stringMatching(
            /^the upgrade to 1\.1\.0 was taken back at .*: it has no link to the hub/,
          ),
          fix: expect.stringContaining("journalctl -u petrel-agent.service"),
        },
      ]);
      expect(await host.read("last-upgrade")).toMatch(
        /^from=1\.0\.0\nto=1\.1\.0\nresult=rolled-back\nwhy=it has no link to the hub, and the version before had\nat=.+\n$/,
      );
    },
  );

  test.each(["marked", "back"])(
    "%s: who upgrades next ends it first, and the program that runs knows that it is to leave",
    async (point) => {
      const host = await installedProgram();
      const file = await programFile(host.root, "1.1.0", { linked: false });
      await host.upgrade(file, { killAt: point, args: ["--within", "1"] });
      const layout = layoutOf(agentProduct, host.root);
      const marked = await readFile(layout.pending, "utf8");
      // It was started before that.
      await writeFile(layout.pending, marked.replace(/^back=.*\n/m, ""));
      const left = await new Promise<string>((end) => {
        const told = { end, unended: () => end("stays"), unseen: () => end("cannot see") };
        const at = { product: agentProduct, layout, version: "1.1.0", signal: new AbortController().signal };
        const pause = async () => {
          await writeFile(layout.pending, marked);
          await sleep(50);
        };
        void leaveWhenTakenBack({ ...at, ...told, graceMs: 200, pause });
      });
      expect(left).toMatch(/no link to the hub/);
      const next = await host.upgrade(await programFile(host.root, "1.2.0"), { args: ["--json"] });
      expect(JSON.parse(next.stdout)).toMatchObject({ from: "1.0.0", to: "1.2.0", result: "upgraded" });
      expect(await host.answers()).toBe("1.2.0");
    },
  );

  test("once it has gone back, the old version runs, and nobody has to start it", async () => {
    const host = await installedProgram();
    const file = await programFile(host.root, "1.1.0", { linked: false });
    const run = await host.upgrade(file, { killAt: "ended", args: ["--within", "1"] });
    expect(run.signal).toBe("SIGKILL");
    expect([await host.current(), await host.read("pending")]).toEqual(["1.0.0", null]);
    await waitUntil("1.0.0 answers", async () => (await host.answers()) === "1.0.0");
  });

  test("with a version that has changed the database: the guard alone lets it stay, and says so", async () => {
    const host = await installedProgram();
    const file = await programFile(host.root, "1.1.0", { exits: 1, storeFormat: 2 });
    await host.upgrade(file, { killAt: "restarted", args: ["--within", "1", "--allow-format-change"] });
    await host.boot();
    await waitUntil("the trial has ended", async () => (await host.read("pending")) === null);
    expect(await host.current()).toBe("1.1.0");
    expect(await host.read("last-upgrade")).toContain("result=kept");
  });
});

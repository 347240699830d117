/**
 * An upgrade of an installed program, killed at each of its steps. Real processes, a folder for a root, and a supervisor
 * that stands for systemd: it runs the guard and the program as the unit has it.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { digestOf } from "../../shared/install/releases-fs.ts";
import { upgradePoints } from "../../shared/install/upgrade-process.ts";
import { installedProgram, type ProgramTraits, programFile } from "../support/installed-program.ts";
import { waitUntil } from "../support/wait-until.ts";

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
    const codes = await Promise.all(
      rows.map(async ([, file, args]) => {
        const { stderr } = await host.upgrade(file, { args: [...args, "--json"] });
        return JSON.parse(stderr.trim().split("\n").at(-1) ?? "").error.code;
      }),
    );
    expect(codes).toEqual(rows.map(([code]) => code));
    expect([await host.current(), await host.read("pending"), await host.read("last-upgrade")]).toEqual([
      "1.0.0",
      null,
      null,
    ]);
    expect(await host.answers()).toBe("1.0.0");
  });
});

describe("an upgrade that is killed at each step, and then the power goes, beside a supervisor that stands for systemd", () => {
  const wellPoints = upgradePoints.filter((point) => point !== "back");
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

  test.each(["switched", "restarted", "judged", "back", "ended"])(
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
});

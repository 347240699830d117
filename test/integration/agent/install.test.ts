/** `petrel-agent install` below a folder: what it puts there, that a second time changes nothing, and what it leaves. */
import { mkdir, readFile, readlink, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { withBinaries } from "../../support/command-path.ts";
import { newToken } from "../../support/enrolled-agent.ts";
import { createHub } from "../../support/fleet.ts";
import { programFile } from "../../support/installed-program.ts";
import { runPetrel } from "../../support/run-petrel.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const json = (...args: readonly string[]) => told("", ...args);
/** With `input` on standard input. */
const told = async (input: string, ...args: readonly string[]) => {
  const { code, stdout, stderr } = await runPetrel([...args, "--json"], { command: "petrel-agent", input });
  return { code, stderr, record: JSON.parse(stdout === "" ? stderr : stdout) };
};

test("an agent is installed and enrolled once, upgraded by the same command, and goes without a trace but its own", async () => {
  const hub = await createHub({ args: [], dev: false });
  await hub.start();
  const token = await newToken(hub, {});
  const root = await tempFolder("image");
  const first = await programFile(root, "1.0.0");
  const flags = ["--root", root, "--hub", hub.mqtt, "--token", "-", "--id", "web-1", "--label", "role=web"];

  const wouldBe = await told(`${token}\n`, "install", ...flags, "--binary", first, "--dry-run");
  expect(wouldBe.record).toMatchObject({ version: "1.0.0", before: null, enrolled: false });
  expect(await stat(join(root, "opt")).catch(() => null)).toBeNull();

  const made = await told(`${token}\n`, "install", ...flags, "--binary", first);
  expect([made.code, made.record]).toMatchObject([
    0,
    { before: null, enrolled: true, started: false, linked: false },
  ]);
  const base = join(root, "opt/petrel/agent");
  expect(await readlink(join(base, "current"))).toBe("versions/1.0.0");
  expect(await readlink(join(root, "usr/local/bin/petrel-agent"))).toBe(
    "/opt/petrel/agent/current/petrel-agent",
  );
  expect((await stat(join(root, "var/lib/petrel-agent"))).mode & 0o777).toBe(0o711);
  const config = join(root, "etc/petrel/agent.yaml");
  expect(await readFile(config, "utf8")).toContain(`hub: "${hub.mqtt}"`);

  const again = await told(`${token}\n`, "install", ...flags, "--binary", first);
  expect([again.code, again.record.changes, again.record.before]).toEqual([0, [], "1.0.0"]);

  await writeFile(config, "# ours\nid: web-1\n");
  const kept = await told(`${token}\n`, "install", ...flags, "--binary", first);
  expect(kept.record.changes).toEqual([
    {
      path: config,
      step: "keep",
      missing: expect.arrayContaining([`hub: "${hub.mqtt}"`, '  "role": "web"']),
    },
  ]);
  expect(await readFile(config, "utf8")).toBe("# ours\nid: web-1\n");

  const newer = await json("install", "--root", root, "--binary", await programFile(root, "1.1.0"));
  expect([newer.code, newer.record.upgraded_from, await readlink(join(base, "current"))]).toEqual([
    0,
    "1.0.0",
    "versions/1.1.0",
  ]);
  const older = await json("install", "--root", root, "--binary", first);
  expect([older.code, older.record.error.code]).toEqual([4, "UPGRADE_OLDER"]);

  // Neither on disk nor in a unit.
  const found = await runGrep(token, root);
  expect(found).toBe("");

  const gone = await json("uninstall", "--root", root);
  expect(gone.record.kept).toEqual([config, join(root, "var/lib/petrel-agent")]);
  expect((await json("uninstall", "--root", root)).record.removed).toEqual([]);
  const purged = await json("uninstall", "--root", root, "--purge");
  expect(purged.record).toEqual({ removed: [config, join(root, "var/lib/petrel-agent")], kept: [] });
});

// A binary installs itself: test/binaries.
test.skipIf(withBinaries)("the sources are no program to install", async () => {
  const sources = await json("install", "--root", await tempFolder("image"));
  expect([sources.code, sources.record.error.code]).toEqual([2, "INSTALL_BINARY"]);
});

test("what is in the way is named", async () => {
  const root = await tempFolder("image");
  await mkdir(join(root, "etc/petrel/agent.yaml"), { recursive: true });
  const blocked = await json("install", "--root", root, "--binary", await programFile(root, "1.0.0"));
  expect([blocked.code, blocked.record.error]).toMatchObject([
    1,
    { code: "INSTALL_PATH", where: join(root, "etc/petrel/agent.yaml") },
  ]);
});

async function runGrep(word: string, folder: string): Promise<string> {
  const { spawnSync } = await import("node:child_process");
  return spawnSync("grep", ["-rlF", word, folder], { encoding: "utf8" }).stdout;
}

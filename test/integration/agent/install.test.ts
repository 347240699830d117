/** `petrel-agent install` below a folder: what it puts there, that a second time changes nothing, and what it leaves. */
import { spawnSync } from "node:child_process";
import { mkdir, readFile, readlink, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { installedData } from "../../../agent/install/health-http.ts";
import { agentProduct } from "../../../agent/install/product.ts";
import { startOf } from "../../../agent/install/start-fs.ts";
import { layoutOf } from "../../../shared/install/layout.ts";
import { commandPath, withBinaries } from "../../support/command-path.ts";
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

  const second = await newToken(hub, {});
  const other = ["--root", root, "--hub", "mqtts://192.0.2.1", "--id", "web-2", "--token", second];
  const same = await runPetrel(["install", ...other, "--binary", first], { command: "petrel-agent" });
  expect(same.stderr).toContain(`enrolled already, as web-1 at ${hub.mqtt}`);
  expect(same.stderr).toContain("--id and --hub and --token were not used");
  expect(same.stderr).toContain(`write \`hub: "mqtts://192.0.2.1"\` into ${config}`);
  // Its hub may have moved: what the agent would go by is written. With another name it would not start.
  await rm(config);
  const rewritten = await json("install", ...other, "--enroll-at", "mqtts://192.0.2.2", "--binary", first);
  expect(rewritten.record).toMatchObject({ enrolled: true, not_used: ["--id", "--token", "--enroll-at"] });
  expect(await readFile(config, "utf8")).toContain('hub: "mqtts://192.0.2.1"\n');
  expect(await readFile(config, "utf8")).not.toMatch(/web-2|192\.0\.2\.2/);
  const moved = await json("install", ...other.slice(0, 4), "--binary", first);
  expect(moved.record).toMatchObject({ changes: [], not_used: [] });

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
  expect([older.code, older.record.error]).toMatchObject([
    4,
    { code: "UPGRADE_OLDER", fix: expect.stringContaining("petrel-agent upgrade FILE --allow-downgrade") },
  ]);
  // Before anything is changed: the unit, say, of which the old version has another text.
  const unit = layoutOf(agentProduct, root).unit;
  await writeFile(unit, "# of 1.1.0\n");
  const changing = await programFile(root, "1.2.0", { storeFormat: 2 });
  for (const more of [[], ["--dry-run"]]) {
    const refused = await json("install", "--root", root, "--binary", changing, ...more);
    expect([refused.code, refused.record.error]).toMatchObject([
      4,
      {
        code: "UPGRADE_FORMAT",
        fix: expect.stringContaining("petrel-agent upgrade FILE --allow-format-change"),
      },
    ]);
  }
  expect(await readFile(unit, "utf8")).toBe("# of 1.1.0\n");

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

test("modes are the same whatever the umask is, and what is secret is closed", async () => {
  const root = await tempFolder("umask");
  const program = await programFile(root, "1.0.0");
  const image = join(root, "image");
  const bin = commandPath("petrel-agent");
  const words = `umask 077; exec '${bin}' install --root '${image}' --binary '${program}' --no-start`;
  const clean = Object.entries(process.env).filter(([name]) => !/^(PETREL|VITEST|NODE)/.test(name));
  const run = spawnSync("sh", ["-c", words], { encoding: "utf8", env: Object.fromEntries(clean) });
  expect([run.status, run.stderr]).toEqual([0, ""]);
  const mode = async (path: string) => ((await stat(join(image, path))).mode & 0o777).toString(8);
  const versions = "opt/petrel/agent/versions";
  const open = ["opt", "opt/petrel", "opt/petrel/agent", versions, `${versions}/1.0.0`];
  const others = ["usr", "usr/local/bin", "etc", "etc/petrel", "var/lib", "etc/systemd/system"];
  for (const folder of [...open, ...others]) expect([folder, await mode(folder)]).toEqual([folder, "755"]);
  expect(await mode(`${versions}/1.0.0/petrel-agent`)).toBe("755");
  expect([await mode("var/lib/petrel-agent"), await mode("etc/petrel/agent.yaml")]).toEqual(["711", "600"]);

  const layout = layoutOf(agentProduct, image);
  expect(await installedData(layout)).toBe(join(image, "var/lib/petrel-agent"));
  await writeFile(layout.config, "data: /srv/agent\n");
  expect(await installedData(layout)).toBe(join(image, "srv/agent"));
});

test("what a package has put there is the package's to upgrade and remove; a service without its unit file is stopped too", async () => {
  const root = await tempFolder("packaged");
  const packaged = join(root, "usr/lib/systemd/system");
  await mkdir(packaged, { recursive: true });
  await writeFile(join(packaged, "petrel-agent.service"), "");
  const refused = await json("uninstall", "--root", root);
  expect([refused.code, refused.record.error.code]).toEqual([4, "INSTALL_PACKAGE"]);
  const program = await programFile(root, "1.0.0");
  for (const more of [[], ["--dry-run"]]) {
    const over = await json("install", "--root", root, "--binary", program, ...more);
    expect([over.code, over.record.error]).toMatchObject([
      4,
      {
        code: "INSTALL_PACKAGE",
        fix: expect.stringMatching(
          /petrel-agent upgrade FILE.*which leave \S+\/var\/lib\/petrel-agent and \S+\/etc\/petrel\/agent\.yaml$/,
        ),
      },
    ]);
  }
  expect(await stat(join(root, "opt")).catch(() => null)).toBeNull();
  await rm(join(packaged, "petrel-agent.service"));
  const systemctl = join(root, "systemctl");
  await writeFile(systemctl, `#!/bin/sh\necho "$*" >> '${root}/calls'\n`, { mode: 0o755 });
  expect((await json("uninstall", "--root", root, "--systemctl", systemctl)).code).toBe(0);
  expect(await readFile(join(root, "calls"), "utf8")).toContain("disable --now petrel-agent.service\n");
});

test("who has enrolled a host is told how its agent is started there", async () => {
  const root = await tempFolder("enrolled");
  const layout = layoutOf(agentProduct, root);
  const running = (isActive: boolean) => ({ isActive: async () => isActive });
  const host = { layout, data: layout.state, service: running(false) };
  expect(await startOf(host)).toBe("petrel-agent run");
  for (const unit of [layout.unit, layout.packaged]) {
    await mkdir(dirname(unit), { recursive: true });
    await writeFile(unit, "");
    expect(await startOf(host)).toBe("systemctl enable --now petrel-agent.service");
    expect(await startOf({ ...host, service: running(true) })).toBe("systemctl restart petrel-agent.service");
    expect(await startOf({ ...host, service: null })).toBe("petrel-agent run");
    expect(await startOf({ ...host, data: join(root, "elsewhere") })).toBe("petrel-agent run");
    await rm(unit);
  }
});

async function runGrep(word: string, folder: string): Promise<string> {
  return spawnSync("grep", ["-rlF", word, folder], { encoding: "utf8" }).stdout;
}

/**
 * What the scripts of a package do when it is removed and comes back, carried out by sh below a folder. systemctl is a
 * script that says what it was called with.
 */
import { spawnSync } from "node:child_process";
import { mkdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { agentProduct } from "../../../agent/install/product.ts";
import { debScripts } from "../../../scripts/packages/texts.ts";
import { runPetrel } from "../../support/run-petrel.ts";
import { tempFolder } from "../../support/temp-folder.ts";

type Script = "postinst" | "prerm" | "postrm";

async function host() {
  const root = await tempFolder("removed");
  const product = {
    ...agentProduct,
    state: join(root, "var/lib/petrel-agent"),
    config: join(root, "etc/petrel/agent.yaml"),
  };
  const facts = {
    product,
    name: "petrel-agent",
    version: "1.0.0",
    summary: "",
    // There is one of that name everywhere.
    user: { name: "root", home: "/" },
    owner: null,
    next: "enrol",
  };
  const scripts = debScripts(facts, ["petrel-agent.service", "petrel-actions.service"]);
  const answers = `case $1 in
is-enabled) exit "$(cat ${root}/is-enabled)" ;;
is-active) cat ${root}/is-active; [ "$(cat ${root}/is-active)" = active ] ;;
*) echo "$*" >> ${root}/calls; [ ! -e "${root}/no-$1" ] ;;
esac`;
  await writeFile(join(root, "systemctl"), `#!/bin/sh\n${answers}\n`, { mode: 0o755 });
  await mkdir(dirname(product.config), { recursive: true });
  await mkdir(join(root, "systemd"));
  const is = async (enabled: boolean, active: string) => {
    await writeFile(join(root, "is-enabled"), enabled ? "0" : "1");
    await writeFile(join(root, "is-active"), active);
  };
  await is(false, "inactive");
  const run = (name: Script, ...words: readonly string[]) => {
    const text = (scripts[name] ?? "")
      .replaceAll("/opt/petrel", join(root, "opt/petrel"))
      .replaceAll("/etc/systemd/system", join(root, "etc/systemd/system"))
      .replaceAll("/usr/local/bin", join(root, "usr/local/bin"))
      .replaceAll("/run/systemd/system", join(root, "systemd"));
    const env = { ...process.env, PATH: `${root}:${process.env.PATH}` };
    const { status, stdout, stderr } = spawnSync("sh", ["-c", text, name, ...words], {
      encoding: "utf8",
      env,
    });
    return { code: status, said: stdout + stderr };
  };
  return {
    root,
    product,
    is,
    run,
    /** As the package manager does it, when the program is not there. */
    async install() {
      const shipped = join(root, "opt/petrel/agent/package");
      await mkdir(shipped, { recursive: true });
      await writeFile(join(shipped, "petrel-agent"), "#!/bin/sh\n", { mode: 0o755 });
      await rm(join(root, "calls"), { force: true });
      const { code, said } = run("postinst", "configure", "");
      expect([code, said]).toEqual([0, expect.stringContaining("petrel-agent 1.0.0 is installed")]);
      const calls = await readFile(join(root, "calls"), "utf8").catch(() => "");
      return { said, calls: calls.split("\n").filter((call) => !/^(daemon-reload)?$/.test(call)) };
    },
    async remove(last: "remove" | "purge" = "remove") {
      for (const name of ["prerm", "postrm"] as const)
        expect([name, run(name, "remove")]).toEqual([name, { code: 0, said: "" }]);
      if (last === "purge") expect(run("postrm", "purge")).toEqual({ code: 0, said: "" });
    },
    async put(path: string, text: string) {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), text);
    },
    has: (path: string) =>
      stat(join(root, path)).then(
        () => true,
        () => false,
      ),
  };
}

const enable = "enable petrel-agent.service";
const start = "start petrel-agent.service";

test("a package that comes back is enabled and running as it was when it was removed, and after a purge it is not", async () => {
  const { is, run, install, remove } = await host();
  const fresh = { said: expect.stringContaining("Next: enrol"), calls: [] };
  expect(await install()).toEqual(fresh);
  await is(true, "active");
  expect(run("prerm", "upgrade", "1.1.0")).toEqual({ code: 0, said: "" });
  await remove();
  expect(await install()).toEqual({ said: expect.not.stringContaining("Next"), calls: [enable, start] });

  await is(true, "inactive");
  await remove();
  const stopped = await install();
  expect(stopped).toEqual({
    said: expect.stringContaining("enabled, and stopped, as it was"),
    calls: [enable],
  });

  // It could not be started when it was removed: nobody had stopped it.
  await is(true, "failed");
  await remove();
  expect((await install()).calls).toEqual([enable, start]);

  await is(false, "inactive");
  await remove();
  expect(await install()).toEqual(fresh);

  await is(true, "active");
  await remove("purge");
  expect(await install()).toEqual(fresh);
});

test("where nothing can be enabled a package says so, and where no systemd runs it is enabled for the next boot", async () => {
  const { root, is, put, install, remove } = await host();
  await install();
  await is(true, "active");
  await remove();
  await put("no-enable", "");
  const failed = await install();
  expect(failed.said).toMatch(/could not be enabled.*systemctl enable --now petrel-agent\.service/);
  expect(failed.calls).toEqual([enable]);

  await rm(join(root, "no-enable"));
  await rm(join(root, "opt"), { recursive: true });
  await rm(join(root, "systemd"), { recursive: true });
  const offline = await install();
  expect(offline).toEqual({ said: expect.stringContaining("enabled as it was"), calls: [enable] });

  await mkdir(join(root, "systemd"));
  await remove();
  await put("no-start", "");
  const notStarted = await install();
  expect(notStarted.said).toMatch(/did not start.*journalctl -u petrel-agent\.service/);
});

test("a package starts nothing while the configuration that was changed lies beside its place, as rpm leaves it", async () => {
  const { root, product, is, put, install, remove, has } = await host();
  await install();
  await is(true, "active");
  await remove();
  await put("etc/petrel/agent.yaml.rpmsave", "id: web-1\n");
  const { said, calls } = await install();
  expect(calls).toEqual([]);
  expect(said).toContain(`mv -f ${product.config}.rpmsave ${product.config}`);
  expect(said).toContain("systemctl enable --now petrel-agent.service");

  await rm(join(root, "opt"), { recursive: true });
  expect((await install()).said).toContain("Next: enrol");
  expect(await has("etc/petrel/.petrel-agent.enabled")).toBe(false);
});

test("a package is removed where nothing can be noted of it", async () => {
  const { root, is, install, remove } = await host();
  await install();
  await is(true, "active");
  await rm(join(root, "etc/petrel"), { recursive: true });
  await remove();
  expect((await install()).calls).toEqual([]);
});

test("a package takes nothing away from what `install` has put in its place", async () => {
  const { root, run, is, put, install, remove, has } = await host();
  const kept = [
    "opt/petrel/agent/current/petrel-agent",
    "var/lib/petrel-agent/store",
    "etc/petrel/agent.yaml",
  ];
  await install();
  await remove();
  // By a file: dpkg still knows the package, as one that was removed.
  await install();
  await put("etc/systemd/system/petrel-agent.service", "[Service]\n");
  await mkdir(join(root, "usr/local/bin"), { recursive: true });
  await symlink("/opt/petrel/agent/current/petrel-agent", join(root, "usr/local/bin/petrel-agent"));
  for (const path of kept.slice(1)) await put(path, "ours\n");
  await is(true, "active");
  await rm(join(root, "calls"), { force: true });
  await remove("purge");
  for (const path of kept) expect([path, await has(path)]).toEqual([path, true]);
  expect(await has("calls")).toBe(false);

  // A unit that was edited in full is not `install`'s.
  await rm(join(root, "usr/local/bin/petrel-agent"));
  expect(run("postrm", "purge")).toEqual({ code: 0, said: "" });
  for (const path of kept) expect([path, await has(path)]).toEqual([path, false]);
});

test("a package says when its unit is hidden", async () => {
  const { root, put, install, run } = await host();
  expect((await install()).said).not.toContain("hides");
  await put("etc/systemd/system/petrel-actions.service", "[Service]\n");
  await symlink("/dev/null", join(root, "etc/systemd/system/petrel-agent.service"));
  const { said } = run("postinst", "configure", "1.0.0");
  const folder = join(root, "etc/systemd/system");
  expect(said).toContain(`${folder}/petrel-agent.service hides the unit of petrel-agent 1.0.0`);
  expect(said).toContain(`${folder}/petrel-actions.service hides the unit of petrel-agent 1.0.0`);
});

test("after `uninstall --purge` nothing is left of what was noted when a package was removed", async () => {
  const { root, is, install, remove, has } = await host();
  await install();
  await is(true, "active");
  await remove();
  expect(await has("etc/petrel/.petrel-agent.enabled")).toBe(true);
  const gone = await runPetrel(["uninstall", "--root", root, "--purge"], { command: "petrel-agent" });
  expect([gone.code, await has("etc/petrel/.petrel-agent.enabled")]).toEqual([0, false]);
});

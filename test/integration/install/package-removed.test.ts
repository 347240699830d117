/** What is left, and what comes back, when a package is removed: see package-host.ts. */
import { mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type Kind, packageHost } from "../../support/package-host.ts";

const enable = "enable petrel-agent.service";
const start = "start petrel-agent.service";

test("a package that comes back is enabled and running as it was when it was removed, and after a purge it is not", async () => {
  const { is, run, install, remove, purge } = await packageHost();
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
  await remove();
  await purge();
  expect(await install()).toEqual(fresh);
});

test("where nothing can be enabled a package says so, and where no systemd runs it is enabled for the next boot", async () => {
  const { root, is, put, install, remove } = await packageHost();
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

test.each(["deb", "rpm"] as const)(
  "%s: a package that could not be enabled as it was is, once it is configured again",
  async (kind) => {
    const { root, is, put, install, remove } = await packageHost(kind);
    await install();
    await is(true, "active");
    await remove();
    await put("no-enable", "");
    expect((await install()).said).toMatch(/could not be enabled/);
    await rm(join(root, "no-enable"));
    expect(await install()).toEqual({
      said: expect.stringContaining("enabled as it was"),
      calls: [enable, expect.stringMatching(/^start /)],
    });
    expect((await install()).calls).toEqual([]);
  },
);

test.each(["deb", "rpm"] as const)(
  "%s: on a full disk the guard and the configuration stay as they are, or are not there",
  async (kind) => {
    const { root, put, run, read, install } = await packageHost(kind);
    await install();
    await put("opt/petrel/agent/guard", "# of before\n");
    await rm(join(root, "etc/petrel/agent.yaml"));
    // Leaves what a disk without room leaves.
    await writeFile(
      join(root, "install"),
      '#!/bin/sh\ncase "$*" in *.new) for last; do :; done; : > "$last"; exit 1;; esac\nexec /usr/bin/install "$@"\n',
      { mode: 0o755 },
    );
    const { code, said } = kind === "deb" ? run("postinst", "configure", "") : run("postinst", "1");
    expect(said).toMatch(/could not be written/);
    expect(code).toBe(kind === "deb" ? 1 : 0);
    expect(await read("opt/petrel/agent/guard")).toBe("# of before\n");
    for (const path of ["etc/petrel/agent.yaml", "etc/petrel/agent.yaml.new", "opt/petrel/agent/guard.new"])
      expect([path, await read(path)]).toEqual([path, null]);
  },
);

test("a package is removed where nothing can be noted of it", async () => {
  const { root, is, install, remove } = await packageHost();
  await install();
  await is(true, "active");
  await rm(join(root, "etc/petrel"), { recursive: true });
  await remove();
  expect((await install()).calls).toEqual([]);
});

const mark = "etc/petrel/.petrel-agent.enabled";
const guard = "opt/petrel/agent/guard";
const config = "etc/petrel/agent.yaml";

describe.each<Kind>(["deb", "rpm"])("a %s", (kind) => {
  test.each([
    ["edited", "id: web-1\npolicy: /etc/petrel/policy.yaml\n"],
    ["as the package has it", "# of the package\n"],
  ])(
    "that is removed leaves the configuration that is %s, and goes on with it when it comes back",
    async (_, text) => {
      const { is, put, read, install, remove } = await packageHost(kind);
      await install();
      expect(await read(config)).toBe("# of the package\n");
      await put(config, text);
      await is(true, "active");
      await remove();
      expect(await read(config)).toBe(text);
      expect((await install()).calls).toEqual([enable, start]);
      expect([await read(config), await read(`${config}.rpmsave`)]).toEqual([text, null]);
    },
  );

  test.each([
    ["edited", "id: web-1\npolicy: /etc/petrel/policy.yaml\n"],
    ["as the package has it", "# of the package\n"],
  ])(
    "that was laid over an installation by file leaves all of it, with its configuration %s",
    async (_, text) => {
      const { is, put, read, install, remove, purge, petrelAgent, programFile } = await packageHost(kind);
      await petrelAgent("install", "--binary", await programFile("1.0.0"));
      await put(config, text);
      await put("var/lib/petrel-agent/store", "ours\n");
      const kept = [
        guard,
        "opt/petrel/agent/current/petrel-agent",
        "etc/systemd/system/petrel-agent.service",
        config,
        "var/lib/petrel-agent/store",
      ];
      const before = await Promise.all(kept.map(read));
      expect(before).not.toContain(null);
      expect((await install()).calls).toEqual([]);
      await is(true, "active");

      await remove();
      expect(await Promise.all(kept.map(read))).toEqual(before);
      if (kind === "deb") await purge();
      expect(await Promise.all(kept.map(read))).toEqual(before);
      expect((await read("calls")) ?? "").not.toContain("disable");

      await petrelAgent("upgrade", await programFile("1.1.0"));
      expect([await read(guard), await read(config)]).toEqual([before[0], text]);
    },
  );
});

test("a purge takes nothing of what `install` has put there since the package was removed, and takes what is its own", async () => {
  const { root, run, is, put, read, has, install, remove, purge, petrelAgent, programFile } =
    await packageHost();
  await install();
  await remove();
  // dpkg still knows the package, as one that was removed.
  await petrelAgent("install", "--binary", await programFile("1.0.0"));
  await put(config, "ours\n");
  await put("var/lib/petrel-agent/store", "ours\n");
  const kept = [guard, "opt/petrel/agent/current/petrel-agent", config, "var/lib/petrel-agent/store"];
  const before = await Promise.all(kept.map(read));
  await is(true, "active");
  await rm(join(root, "calls"), { force: true });
  await purge();
  expect(await Promise.all(kept.map(read))).toEqual(before);
  expect(await has("calls")).toBe(false);

  // A unit that was edited in full is not `install`'s.
  await rm(join(root, "usr/local/bin/petrel-agent"));
  expect(run("postrm", "purge")).toEqual({ code: 0, said: "" });
  for (const path of kept) expect([path, await has(path)]).toEqual([path, false]);
});

test("a configuration that rpm has put aside for an older package is put back, and the unit is as it was", async () => {
  const { is, put, read, install, remove, root } = await packageHost("rpm");
  await install();
  await is(true, "active");
  await remove();
  await rm(join(root, config), { force: true });
  await put(`${config}.rpmsave`, "id: web-1\n");
  const { said, calls } = await install();
  expect([calls, said]).toEqual([[enable, start], expect.stringContaining(`${config}.rpmsave`)]);
  expect([await read(config), await read(`${config}.rpmsave`)]).toEqual(["id: web-1\n", null]);
});

test("a package says when its unit is hidden", async () => {
  const { root, put, install, run } = await packageHost();
  expect((await install()).said).not.toContain("hides");
  await put("etc/systemd/system/petrel-actions.service", "[Service]\n");
  await symlink("/dev/null", join(root, "etc/systemd/system/petrel-agent.service"));
  const { said } = run("postinst", "configure", "1.0.0");
  const folder = join(root, "etc/systemd/system");
  expect(said).toContain(`${folder}/petrel-agent.service hides the unit of petrel-agent 1.0.0`);
  expect(said).toContain(`${folder}/petrel-actions.service hides the unit of petrel-agent 1.0.0`);
});

test("what was noted when a package was removed counts until something else is installed there, or uninstalled", async () => {
  const { is, put, has, install, remove, petrelAgent, programFile } = await packageHost();
  const program = await programFile("1.0.0");
  await install();
  await is(true, "active");
  await remove();
  await petrelAgent("install", "--binary", program, "--dry-run");
  expect(await has(mark)).toBe(true);
  await petrelAgent("install", "--binary", program);
  expect(await has(mark)).toBe(false);

  // Of an `install` that did not know of it.
  await put(mark, "--now\n");
  expect((await install()).calls).toEqual([]);
  expect(await has(mark)).toBe(false);
});

test("`uninstall` leaves nothing of what was noted when a package was removed, with and without --purge", async () => {
  const { root, is, has, install, remove, petrelAgent } = await packageHost();
  for (const words of [[], ["--purge"]]) {
    await install();
    await is(true, "active");
    await remove();
    expect(await has(mark)).toBe(true);
    const { removed, kept } = JSON.parse(await petrelAgent("uninstall", "--json", ...words));
    expect([removed.includes(join(root, mark)), kept.includes(join(root, mark))]).toEqual([true, false]);
    expect([words, await has(mark)]).toEqual([words, false]);
  }
});

test("an upgrade brings back a guard that was lost where `install` had put one", async () => {
  const { root, read, petrelAgent, programFile } = await packageHost();
  await petrelAgent("install", "--binary", await programFile("1.0.0"));
  const before = await read(guard);
  await rm(join(root, guard));
  await petrelAgent("upgrade", await programFile("1.1.0"));
  expect([before, await read(guard)]).toEqual([expect.stringContaining("#!/bin/sh"), before]);
});

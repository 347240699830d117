/**
 * What a package's script does after its files are there, carried out by sh below a folder. Programs are scripts that say
 * what they were called with.
 */
import { spawnSync } from "node:child_process";
import { chmod, mkdir, readFile, readlink, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { agentProduct } from "../../../agent/install/product.ts";
import { debScripts, ownFiles, rpmSpec } from "../../../scripts/packages/texts.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const factsOf = (root: string, version: string) => ({
  product: { ...agentProduct, state: join(root, "state"), config: join(root, "agent.yaml") },
  name: "petrel-agent",
  version,
  summary: "",
  // There is one of that name everywhere.
  user: { name: "root", home: "/" },
  owner: null,
  next: "enrol",
});

async function host() {
  const root = await tempFolder("package");
  const base = join(root, "opt/petrel/agent");
  const below = (text: string) =>
    text
      .replaceAll("/opt/petrel", join(root, "opt/petrel"))
      // No systemd of this machine is told.
      .replaceAll("/run/systemd/system", join(root, "no-systemd"));
  const program = `#!/bin/sh\necho "$@" >> ${root}/calls\nexit "$(cat ${root}/answer 2> /dev/null || echo 0)"\n`;
  /** As the package manager: the new file replaces the old one, then the script runs. */
  const configure = async (version: string, before: string) => {
    await mkdir(join(base, "package"), { recursive: true });
    await rm(join(base, "package/petrel-agent"), { force: true });
    await writeFile(join(base, "package/petrel-agent"), `${program}# ${version}\n`);
    await chmod(join(base, "package/petrel-agent"), 0o755);
    const facts = factsOf(root, version);
    for (const [path, { text }] of Object.entries(ownFiles(facts, { config: "# by default\n", units: {} })))
      await writeFile(join(root, path), text);
    const { postinst = "" } = debScripts(facts, []);
    const run = spawnSync("sh", ["-c", below(postinst), "postinst", "configure", before], {
      encoding: "utf8",
    });
    return { code: run.status, said: run.stdout + run.stderr };
  };
  return {
    root,
    base,
    configure,
    current: () => readlink(join(base, "current")),
    calls: () => readFile(join(root, "calls"), "utf8").catch(() => ""),
    runs: () => spawnSync(join(base, "current/petrel-agent"), ["version"]).status,
  };
}

describe("a package", () => {
  test("is in force at first, and once more changes nothing", async () => {
    const { root, base, configure, current, calls } = await host();
    expect(await configure("1.0.0", "")).toMatchObject({
      code: 0,
      said: expect.stringContaining("Next: enrol"),
    });
    expect(await current()).toBe("versions/1.0.0");
    expect(await configure("1.0.0", "1.0.0")).toEqual({ code: 0, said: "" });
    expect(await calls()).toBe("");
    const modes = [join(base, "versions"), join(base, "guard"), join(root, "agent.yaml")].map(async (path) =>
      ((await stat(path)).mode & 0o777).toString(8),
    );
    expect(await Promise.all(modes)).toEqual(["755", "755", "600"]);
    expect(await readFile(join(root, "agent.yaml"), "utf8")).toBe("# by default\n");
  });

  test("leaves the version in force there when its own file is replaced, and has that one decide", async () => {
    const { root, base, configure, current, calls, runs } = await host();
    await configure("1.0.0", "");
    await writeFile(join(root, "answer"), "4");
    const refused = await configure("1.1.0", "1.0.0");
    expect(refused).toMatchObject({ code: 0, said: expect.stringContaining("in force is 1.0.0") });
    expect(await calls()).toBe(`upgrade ${base}/package/petrel-agent\n`);
    expect([await current(), runs()]).toEqual(["versions/1.0.0", 4]);
    expect(await readFile(join(base, "versions/1.0.0/petrel-agent"), "utf8")).toContain("# 1.0.0");
    expect(await readFile(join(base, "versions/1.1.0/petrel-agent"), "utf8")).toContain("# 1.1.0");
  });

  test.each([
    ["1.0.0-rc.1", "1.0.0", " --allow-downgrade"],
    ["1.0.0-rc.1", "1.0.0~beta", ""],
    ["0.9.0", "0.8.0", ""],
  ])("%s over package %s is a downgrade only if the package is one", async (version, before, words) => {
    const { base, configure, calls } = await host();
    await configure("1.0.0", "");
    await configure(version, before);
    expect(await calls()).toBe(`upgrade ${base}/package/petrel-agent${words}\n`);
  });

  test("never asks for what has no way back, and keeps the configuration from others", () => {
    const facts = factsOf("", "1.0.0");
    const all = [...Object.values(debScripts(facts, [])), rpmSpec(facts, [], [])].join("");
    expect(all).not.toContain("--allow-format-change");
    expect(agentProduct.configMode).toBe(0o600);
    expect(all).toContain("place 600 /opt/petrel/agent/package/agent.yaml ");
  });
});

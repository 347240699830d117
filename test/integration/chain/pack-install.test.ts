/** `pack install` and `pack show`: from a folder, an archive, and a repository of the host's git, with a real hub. */
import { execFile } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { sharedByFile } from "../../support/at-end.ts";
import { createHub } from "../../support/fleet.ts";
import { userOf } from "../../support/fleet-user.ts";
import { pathWithout } from "../../support/path-without.ts";
import { runPetrel } from "../../support/run-petrel.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const run = promisify(execFile);

async function packIn(folder: string, name: string, version = "1.0.0"): Promise<string> {
  await mkdir(join(folder, "actions"), { recursive: true });
  await writeFile(
    join(folder, "pack.yaml"),
    `name: ${name}\ndescription: For tests.\nversion: ${version}\nauthor: Tester\n`,
  );
  await writeFile(join(folder, "actions/a.yaml"), "name: a\nrunner_type: noop\n");
  await writeFile(join(folder, "config.schema.yaml"), "level: {type: string, required: true}\n");
  return folder;
}

const shared = sharedByFile(async () => {
  const hub = await createHub();
  await hub.start();
  const folder = await tempFolder("packs");
  const git = (...args: readonly string[]) =>
    run("git", [
      "-C",
      join(folder, "stackstorm-cloned"),
      "-c",
      "user.name=T",
      "-c",
      "user.email=t@x",
      ...args,
    ]);
  const repository = await packIn(join(folder, "stackstorm-cloned"), "cloned");
  await run("git", ["init", "--quiet", "-b", "main", repository]);
  await git("add", ".");
  await git("commit", "--quiet", "-m", "one");
  await git("tag", "v1.0.0");
  const first = (await git("rev-parse", "HEAD")).stdout.trim();
  await packIn(repository, "cloned", "1.1.0");
  await git("commit", "--quiet", "-a", "-m", "two");
  await git("config", "uploadpack.allowAnySHA1InWant", "true");
  return { hub, user: userOf(hub), folder, url: `file://${repository}`, first };
});

const packed = async (folder: string, name: string) => {
  const archive = join(folder, `${name}-9.tar.gz`);
  await packIn(join(folder, `${name}-9`), name);
  await run("tar", ["-czf", archive, "-C", folder, `${name}-9`]);
  return archive;
};

/** What a clone is made in. */
const leftovers = async (temporary: string) =>
  (await readdir(temporary)).filter((name) => name.startsWith("petrel-pack-"));

describe("pack install", () => {
  test("takes a folder and an archive at once; the manifest names the pack", async () => {
    const { user, folder } = shared();
    const archive = await packed(folder, "from_tar");
    await packIn(join(folder, "anything"), "from_folder");
    const said = await user.says("pack", "install", join(folder, "anything"), archive);
    expect(said.split("\n")).toEqual([
      expect.stringMatching(/^from_folder 1\.0\.0 is installed from .*anything: 0 sensors, .*1 action; /),
      expect.stringMatching(/^from_tar 1\.0\.0 is installed from .*from_tar-9\.tar\.gz: /),
      "",
    ]);
    expect(await user.json("pack", "list")).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ ref: "from_folder" }),
        expect.objectContaining({ ref: "from_tar" }),
      ]),
    );
  });

  test("what it needs goes first; what is not there is told, also by a check, with the command that brings it", async () => {
    const { user, folder } = shared();
    const needing = await packIn(join(folder, "needing"), "needing");
    const manifest = join(needing, "pack.yaml");
    const text = await readFile(manifest, "utf8");
    await writeFile(manifest, `${text}dependencies: [needed, core]\n`);
    await rm(join(needing, "config.schema.yaml"));
    await mkdir(join(needing, "aliases"));
    await writeFile(join(needing, "aliases/a.yaml"), "name: go\naction_ref: needed.go\nformats: [go now]\n");
    const hint = "petrel pack install https://github.com/StackStorm-Exchange/stackstorm-needed.git";
    const checked = await user.run("pack", "check", needing);
    expect([checked.code, checked.stdout]).toEqual([
      0,
      expect.stringContaining(
        `pack needing needs pack needed, which is not registered on a hub by itself\n  where: ${needing}/pack.yaml (dependencies: needed)\n  fix:   ${hint}`,
      ),
    ]);
    const alone = await user.run("pack", "install", needing);
    expect([alone.code, alone.stderr.match(/^warning .*$/gm)]).toEqual([
      0,
      [
        "warning PACK_DEPENDENCY: pack needing needs pack needed, which is not registered",
        "warning ALIAS_ACTION_UNKNOWN: no action is called 'needed.go' yet",
      ],
    ]);
    expect(alone.stderr).toContain(hint);
    expect(await user.says("action-alias", "list", "--pack", "needing")).toMatch(
      /^REF +ACTION +ENABLED +FORMATS\nneeding\.go +needed\.go +true +go now\n$/,
    );
    await rm(join(await packIn(join(folder, "needed"), "needed"), "config.schema.yaml"));
    await rm(join(needing, "aliases"), { recursive: true });
    const both = await user.run("pack", "install", needing, join(folder, "needed"));
    expect([both.code, both.stderr]).toEqual([0, ""]);
    expect(both.stdout).toMatch(/^needed 1[\s\S]*\nneeding 1/);
  });

  test("with --config and --assign --labels it is configured and assigned", async () => {
    const { user, folder } = shared();
    await packIn(join(folder, "placed"), "placed");
    await writeFile(join(folder, "config.yaml"), "level: high\n");
    const to = ["--assign", "--labels", "role=web"];
    const source = join(folder, "placed");
    const config = ["--config", join(folder, "config.yaml")];
    // Registered, a pack comes to all agents of a hub in dev mode; with labels it comes to those as well.
    await user.json("pack", "install", source);
    await user.json("pack", "assign", "placed", "--none");
    const [installed] = await user.json<readonly object[]>("pack", "install", source, ...config, ...to);
    expect(installed).toMatchObject({
      ref: "placed",
      source,
      commit: null,
      warnings: [],
      assigned_to: [{ role: "web" }],
    });
    expect(await user.json("pack", "config", "placed")).toEqual({ level: "high" });
  });

  test.for<readonly [string, () => string, string]>([
    ["its own choice", () => "", "1.1.0"],
    ["a tag", () => "=v1.0.0", "1.0.0"],
    ["a version, as StackStorm's packs are tagged", () => "=1.0.0", "1.0.0"],
    ["a branch", () => "=main", "1.1.0"],
    ["a commit", () => `=${shared().first}`, "1.0.0"],
  ])("takes of a repository %s", async ([, ref, version]) => {
    const { user, url, first } = shared();
    const [installed] = await user.json<readonly { readonly commit: string }[]>(
      ...["pack", "install", `${url}${ref()}`],
    );
    expect(installed).toMatchObject({ ref: "cloned", version, source: url });
    expect(installed?.commit === first).toBe(version === "1.0.0");
  });

  test("one that the hub refuses keeps none of the others, and is told with file and line", async () => {
    const { user, folder, hub } = shared();
    await packIn(join(folder, "broken"), "broken");
    await writeFile(join(folder, "broken/actions/a.yaml"), "name: a\nrunner_type: nop\n");
    await packIn(join(folder, "whole"), "whole");
    const { code, stdout, stderr } = await runPetrel(
      ["pack", "install", "broken", "whole", "--data", hub.data],
      {
        cwd: folder,
      },
    );
    expect(code).toBe(2);
    expect(stdout).toMatch(/^whole 1\.0\.0 is installed/);
    expect(stderr).toMatch(/^broken: PACK_RUNNER: [\s\S]*broken\/actions\/a\.yaml:2/);
    expect(JSON.stringify(await user.json("pack", "list"))).not.toContain('"broken"');
  });

  test("a source that cannot be read changes nothing", async () => {
    const { user, folder, hub } = shared();
    await packIn(join(folder, "early"), "early");
    const { code, stderr } = await runPetrel(["pack", "install", "early", "csv", "--data", hub.data], {
      cwd: folder,
    });
    expect(code).toBe(2);
    expect(stderr).toContain("https://github.com/StackStorm-Exchange/stackstorm-csv");
    expect(JSON.stringify(await user.json("pack", "list"))).not.toContain('"early"');
  });

  test("without git it says so, and leaves nothing behind", async () => {
    const { hub, url } = shared();
    const temporary = await tempFolder("tmp");
    const env = { PATH: await pathWithout("git"), TMPDIR: temporary };
    const { code, stderr } = await runPetrel(["pack", "install", url, "--data", hub.data], { env });
    expect([code, stderr.split("\n")[0]]).toEqual([
      1,
      "GIT_MISSING: a pack in a git repository needs git, and this host has none",
    ]);
    expect(await leftovers(temporary)).toEqual([]);
  });

  test("what git refuses is told without the password, and leaves nothing behind", async () => {
    const { hub } = shared();
    const server = createServer((_request, response) => response.writeHead(403).end()).listen(0, "127.0.0.1");
    try {
      await once(server, "listening");
      const { port } = server.address() as AddressInfo;
      const temporary = await tempFolder("tmp");
      const word = `http://me:s3cret@127.0.0.1:${port}/p.git=main`;
      const { code, stdout, stderr } = await runPetrel(["pack", "install", word, "--data", hub.data], {
        env: { TMPDIR: temporary },
      });
      expect([code, stdout]).toEqual([1, ""]);
      expect(stderr).toMatch(
        /^PACK_SOURCE: git cannot fetch http:\/\/127\.0\.0\.1:\d+\/p\.git at main: .*403/,
      );
      expect(stderr).not.toMatch(/s3cret|me:/);
      expect(await leftovers(temporary)).toEqual([]);
    } finally {
      server.close();
    }
  });
});

test("pack show tells what a source holds, without a hub", async () => {
  const { url, folder } = shared();
  const shown = await runPetrel(["pack", "show", `${url}=v1.0.0`, "--json"], { cwd: await tempFolder() });
  expect(shown).toMatchObject({ code: 0, stderr: "" });
  expect(JSON.parse(shown.stdout)).toMatchObject({
    ref: "cloned",
    version: "1.0.0",
    actions: ["cloned.a"],
    config: ["level"],
    requirements: false,
    warnings: [],
  });
  await cp(join(folder, "stackstorm-cloned"), join(folder, "wrong"), { recursive: true });
  await writeFile(join(folder, "wrong/actions/a.yaml"), "name: a\nrunner_type: nop\n");
  const { code, stderr } = await runPetrel(["pack", "show", "wrong"], { cwd: folder });
  expect([code, stderr]).toEqual([2, expect.stringMatching(/wrong\/actions\/a\.yaml:2/)]);
});

/** Virtualenvs of packs, built by the host's python3 and pip from folders and indexes of our own. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, onTestFinished, test } from "vitest";
import { baseEnvironment } from "../../../agent/actions/environment.ts";
import { type VirtualenvOptions, Virtualenvs } from "../../../agent/packs/virtualenvs-process.ts";
import { PetrelError } from "../../../shared/errors.ts";
import { silentLogger } from "../../../shared/log.ts";
import { systemTimers } from "../../../shared/system-process.ts";
import { pathWithout } from "../../support/path-without.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { waitUntil } from "../../support/wait-until.ts";
import { makeIndex, makeWheel } from "../../support/wheel.ts";

const run = promisify(execFile);
// What this machine configures pip with must not help out.
const env = { ...baseEnvironment(process.env), PIP_CONFIG_FILE: "/dev/null" };

async function start(options: Partial<VirtualenvOptions> = {}) {
  const folder = await tempFolder("venvs");
  const wheels = join(folder, "wheels");
  await mkdir(wheels);
  await makeWheel(wheels, "petrel_greeting", "WORD = 'hello'\n");
  let ids = 0;
  let changes = 0;
  const make = (more: Partial<VirtualenvOptions> = {}) => {
    const made = new Virtualenvs({
      ...{ mode: "auto", index: wheels, env, timers: systemTimers, log: silentLogger },
      newId: () => `v${ids++}`,
      changed: () => void changes++,
      ...options,
      ...more,
    });
    onTestFinished(() => made.close());
    return made;
  };
  const version = async (name: string, requirements: string | null) => {
    const pack = join(folder, "mine", name);
    await mkdir(pack, { recursive: true });
    if (requirements !== null) await writeFile(join(pack, "requirements.txt"), requirements);
    return pack;
  };
  return { make, version, folder, wheels, changes: () => changes };
}

const importing = async (python: string | null) =>
  (await run(python ?? "", ["-c", "import petrel_greeting; print(petrel_greeting.WORD)"])).stdout;

describe("a version with requirements", () => {
  test("gets a virtualenv once, which a later life finds again", async () => {
    const { make, version, changes } = await start();
    const pack = await version("a", "# what it needs\npetrel_greeting==1.0\n");
    const first = make();
    expect(first.stateOf(pack)).toEqual({ state: "building" });
    const [python, same] = await Promise.all([first.python(pack), first.python(pack)]);
    expect([await importing(python), same, changes()]).toEqual(["hello\n", python, 1]);
    expect(python).toMatch(new RegExp(`^${pack}\\.venv/v0/bin/python$`));
    expect(await readdir(pack)).toEqual(["requirements.txt"]);
    expect(make({ index: "/nowhere" }).stateOf(pack)).toEqual({ state: "ready", python });
  });

  test("gets another one when the host's Python is another, also while the agent runs", async () => {
    const { make, version } = await start();
    const pack = await version("a", "petrel_greeting\n");
    const first = make();
    const python = (await first.python(pack)) ?? "";
    // As if it had been made before the host's Python became a newer one.
    const settings = join(python, "../../pyvenv.cfg");
    const text = await readFile(settings, "utf8");
    await writeFile(settings, text.replace(/^version.*$/m, "version = 3.1.0"));
    expect(first.stateOf(pack)).toEqual({ state: "building" });
    expect(await importing(await first.python(pack))).toBe("hello\n");
    expect((await readdir(`${pack}.venv`)).sort()).toEqual(["ready", "v1"]);
    expect(make({ index: "/nowhere" }).stateOf(pack)).toMatchObject({ state: "ready" });
  });

  test("gets it from an index by its URL", async () => {
    const { make, version, folder } = await start();
    await makeIndex(join(folder, "simple"), "petrel_greeting", "WORD = 'from an index'\n");
    const pack = await version("a", "petrel_greeting\n");
    const python = await make({ index: `file://${folder}/simple` }).python(pack);
    expect(await importing(python)).toBe("from an index\n");
  });

  test("on a host without pip it gets a pip of its own", async () => {
    const { make, version, folder } = await start();
    const { stdout: python } = await run("python3", ["-c", "import sys; print(sys.executable)"]);
    const bin = join(folder, "bin");
    await mkdir(bin);
    // Its virtualenvs do not see what the host has.
    const script = `#!/bin/sh\nfor last; do :; done\nexec ${python.trim()} -m venv --without-pip "$last"\n`;
    await writeFile(join(bin, "python3"), script, { mode: 0o755 });
    const pack = await version("a", "petrel_greeting\n");
    const made = make({ env: { ...env, PATH: `${bin}:${process.env.PATH}` } });
    expect(await importing(await made.python(pack))).toBe("hello\n");
    expect((await readdir(join(`${pack}.venv`, "v0", "bin"))).some((name) => name.startsWith("pip"))).toBe(
      true,
    );
  });

  test("one that was cut short is built anew, whatever is left of it", async () => {
    const { make, version } = await start();
    const pack = await version("a", "petrel_greeting\n");
    const cut = make();
    expect(cut.stateOf(pack)).toEqual({ state: "building" });
    await waitUntil("it has begun", () => existsSync(`${pack}.venv/v0/bin/python`));
    await cut.close();
    expect(await importing(await make().python(pack))).toBe("hello\n");
    expect((await readdir(`${pack}.venv`)).sort()).toEqual(["ready", "v1"]);
  });
});

describe("what cannot be installed", () => {
  const refused = async (changes: Partial<VirtualenvOptions>, requirements = "petrel_missing\n") => {
    const { make, version, wheels } = await start();
    const pack = await version("a", requirements);
    const virtualenvs = make(changes);
    const error = await virtualenvs.python(pack).catch((cause: unknown) => cause);
    expect(virtualenvs.stateOf(pack)).toMatchObject({ state: "failed", error });
    return { error, virtualenvs, pack, wheels };
  };

  test("is told in one line of pip's, with what to do, and tried again, for the index may have been away", async () => {
    const { error, virtualenvs, pack, wheels } = await refused({ retryMs: 200 });
    expect(error).toMatchObject({
      code: "PACK_VIRTUALENV",
      message:
        "the requirements of pack mine cannot be installed: ERROR: No matching distribution found for petrel_missing",
      hint: expect.stringContaining("packs.pip_index"),
    });
    await makeWheel(wheels, "petrel_missing", "");
    await waitUntil("it is there", () => virtualenvs.stateOf(pack).state === "ready");
  });

  test("is no reason to wait for ever", async () => {
    const { error } = await refused({ limitMs: 1 }, "petrel_greeting\n");
    expect(error).toMatchObject({ message: expect.stringContaining("took longer than is allowed") });
  });

  test("without a python3 that is said", async () => {
    const PATH = await pathWithout("python");
    const { error } = await refused({ env: { ...env, PATH } });
    expect(error).toMatchObject({ message: expect.stringContaining("there is no python3 on this host") });
  });
});

test("of a pack that the host does not let be, none is built until it does", async () => {
  let refusal: PetrelError | null = new PetrelError("HOST_REFUSED", "not here");
  const { make, version } = await start({ refusesPack: () => refusal });
  const pack = await version("a", "petrel_greeting\n");
  const virtualenvs = make();
  await expect(virtualenvs.python(pack)).rejects.toMatchObject({ code: "HOST_REFUSED" });
  expect(existsSync(`${pack}.venv`)).toBe(false);
  refusal = null;
  expect(await virtualenvs.python(pack)).toMatch(/bin\/python$/);
});

test.for([
  ["no requirements.txt", null, {}],
  ["an empty one", "\n# nothing\n", {}],
  ["`never` in agent.yaml", "petrel_missing\n", { mode: "never" }],
] as const)("with %s the host's python3 does", async ([, requirements, options]) => {
  const { make, version } = await start(options);
  const pack = await version("a", requirements);
  expect(make().stateOf(pack)).toEqual({ state: "none" });
  expect(await make().python(pack)).toBeNull();
  expect(existsSync(`${pack}.venv`)).toBe(false);
});

/**
 * A host below a folder that packages are installed on and removed from, by their own scripts, in the order of dpkg and of
 * rpm: files that are the package's own come and go in between. systemctl is a script that says what it was called with.
 */
import { spawnSync } from "node:child_process";
import { copyFile, mkdir, readFile, rename, rm, rmdir, stat, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect } from "vitest";
import { agentProduct } from "../../agent/install/product.ts";
import { debScripts, ownFiles, rpmSpec } from "../../scripts/packages/texts.ts";
import { programFile } from "./installed-program.ts";
import { runPetrel } from "./run-petrel.ts";
import { tempFolder } from "./temp-folder.ts";

export type Kind = "deb" | "rpm";

const units = ["petrel-agent.service", "petrel-actions.service"];
const version = "1.0.0";

/** Of what dpkg calls them, as rpm has them. */
const sections = { postinst: "posttrans", prerm: "preun", postrm: "postun" } as const;
type Script = keyof typeof sections;

export async function packageHost(kind: Kind = "deb") {
  const root = await tempFolder("removed");
  const product = {
    ...agentProduct,
    state: join(root, "var/lib/petrel-agent"),
    config: join(root, "etc/petrel/agent.yaml"),
  };
  const facts = {
    product,
    name: "petrel-agent",
    version,
    summary: "",
    // There is one of that name everywhere.
    user: { name: "root", home: "/" },
    owner: null,
    next: "enrol",
  };
  const texts = Object.fromEntries(units.map((name) => [name, "[Service]\n"]));
  const place = (path: string) => (path.startsWith(root) ? path : join(root, path));
  const own = Object.entries(ownFiles(facts, { config: "# of the package\n", units: texts })).map(
    ([path, { text, mode }]) => ({ path: place(path), text, mode }),
  );
  const program = join(root, "opt/petrel/agent/package/petrel-agent");
  const command = join(root, "usr/bin/petrel-agent");
  const source = await programFile(root, version);
  const scripts = debScripts(facts, units);
  const spec = rpmSpec(facts, units, []);
  const textOf = (name: Script) =>
    kind === "deb" ? scripts[name] : new RegExp(`^%${sections[name]}\n([^]*?)^%`, "m").exec(spec)?.[1];

  const answers = `case $1 in
is-enabled) exit "$(cat ${root}/is-enabled)" ;;
is-active) cat ${root}/is-active; [ "$(cat ${root}/is-active)" = active ] ;;
*) echo "$*" >> ${root}/calls; [ ! -e "${root}/no-$1" ] ;;
esac`;
  await writeFile(join(root, "systemctl"), `#!/bin/sh\n${answers}\n`, { mode: 0o755 });
  await mkdir(join(root, "systemd"));
  const is = async (enabled: boolean, active: string) => {
    await writeFile(join(root, "is-enabled"), enabled ? "0" : "1");
    await writeFile(join(root, "is-active"), active);
  };
  await is(false, "inactive");

  const run = (name: Script, ...words: readonly string[]) => {
    const text = (textOf(name) ?? "exit 99")
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
  const quietly = (name: Script, ...words: readonly string[]) =>
    expect([name, run(name, ...words)]).toEqual([name, { code: 0, said: "" }]);

  const read = (path: string) => readFile(place(path), "utf8").catch(() => null);
  const take = async (path: string) => {
    await rm(path, { force: true });
    for (let folder = dirname(path); folder !== root; folder = dirname(folder))
      if (
        !(await rmdir(folder)
          .then(() => true)
          .catch(() => false))
      )
        return;
  };
  /** The package's own files go; a configuration that is one of them goes the way of its package manager. */
  const takeOwn = async () => {
    for (const { path, text } of own) {
      if (path !== product.config) await take(path);
      else if (kind === "rpm" && (await read(path)) === text) await take(path);
      else if (kind === "rpm") await rename(path, `${path}.rpmsave`).catch(() => {});
    }
    await take(program);
    await take(command);
  };

  return {
    root,
    product,
    is,
    run,
    read,
    /** As the package manager does it. */
    async install() {
      for (const { path, text, mode } of own) {
        if (path === product.config && (await read(path)) !== null) continue;
        await mkdir(dirname(path), { recursive: true });
        await writeFile(path, text, { mode });
      }
      for (const path of [program, command]) await mkdir(dirname(path), { recursive: true });
      await rm(program, { force: true });
      await copyFile(source, program);
      await rm(command, { force: true });
      await symlink("../../opt/petrel/agent/current/petrel-agent", command);
      await rm(join(root, "calls"), { force: true });
      const { code, said } = kind === "deb" ? run("postinst", "configure", "") : run("postinst", "1");
      expect([code, said]).toEqual([0, said]);
      const calls = (await read("calls")) ?? "";
      return { said, calls: calls.split("\n").filter((call) => !/^(daemon-reload)?$/.test(call)) };
    },
    async remove() {
      const word = kind === "deb" ? "remove" : "0";
      quietly("prerm", word);
      await takeOwn();
      quietly("postrm", word);
    },
    /** Of a deb that was removed. */
    async purge() {
      if (own.some(({ path }) => path === product.config)) await take(product.config);
      quietly("postrm", "purge");
    },
    /** `petrel-agent` of this repository, for this host. */
    async petrelAgent(...words: readonly string[]) {
      const done = await runPetrel([...words, "--root", root], { command: "petrel-agent" });
      expect([done.code, done.stderr]).toEqual([0, expect.anything()]);
      return done.stdout;
    },
    programFile: (of: string) => programFile(root, of),
    async put(path: string, text: string) {
      await mkdir(dirname(place(path)), { recursive: true });
      await writeFile(place(path), text);
    },
    has: (path: string) =>
      stat(place(path)).then(
        () => true,
        () => false,
      ),
  };
}

/**
 * Real agents, installed below a folder each and enrolled with a real hub, beside what stands for systemd: a supervisor
 * that runs the guard and the program again and again. The program is a script that stands for a single executable: it
 * runs the sources of one version.
 */
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { cp, mkdir, readFile, rename, symlink, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { agentProduct } from "../../agent/install/product.ts";
import { agentStoreFormat } from "../../agent/store/format.ts";
import { guardText } from "../../shared/install/guard.ts";
import { layoutOf } from "../../shared/install/layout.ts";
import { version as thisVersion } from "../../shared/version.ts";
import { atEnd } from "./at-end.ts";
import { newToken } from "./enrolled-agent.ts";
import type { TestHub } from "./fleet.ts";
import { processesAtHome } from "./home-processes.ts";
import { runPetrel } from "./run-petrel.ts";
import { tempFolder } from "./temp-folder.ts";

const project = resolve(import.meta.dirname, "../..");
const parts = ["agent", "bin", "packs", "shared"];
const run = promisify(execFile);

/** The sources as another version. */
async function sourcesOf(version: string): Promise<string> {
  const folder = join(await tempFolder("version"), "petrel");
  await mkdir(folder);
  for (const name of parts) await cp(join(project, name), join(folder, name), { recursive: true });
  await cp(join(project, "package.json"), join(folder, "package.json"));
  await symlink(join(project, "node_modules"), join(folder, "node_modules"));
  const file = join(folder, "shared/version.ts");
  const text = await readFile(file, "utf8");
  await writeFile(file, text.replace(`"${thisVersion}"`, `"${version}"`));
  return folder;
}

/** A file that is an agent of that version; `exits`: it ends at once instead of running; `noise`: bytes that do not compress. */
export async function agentBinary(
  version: string,
  {
    exits,
    storeFormat = agentStoreFormat,
    noise = 1_500_000,
  }: { exits?: number; storeFormat?: number; noise?: number } = {},
): Promise<string> {
  const sources = version === thisVersion ? project : await sourcesOf(version);
  const file = join(await tempFolder("binary"), `petrel-agent-${version}`);
  await writeFile(
    file,
    `#!/bin/sh
case "$1" in
  version) echo '{"program":"petrel-agent","version":"${version}","store_format":${storeFormat}}'; exit 0 ;;
  run) ${exits === undefined ? "" : `exit ${exits};`} shift; set -- run "$@" ;;
  upgrade) set -- "$@" --within 60 --steady 0.5 ;;
esac
PETREL_PROGRAM=$(readlink -f "$0")
PETREL_SYSTEMCTL=\${PETREL_PROGRAM%/opt/petrel/*}/systemctl
export PETREL_PROGRAM PETREL_SYSTEMCTL
exec '${sources}/bin/petrel-agent' "$@"
# Never read: many ranges of bytes that do not compress.
# ${randomBytes(noise).toString("base64")}
`,
    { mode: 0o755 },
  );
  return file;
}

export interface InstalledAgent {
  readonly id: string;
  readonly root: string;
  /** Of the agent itself; `null`: none runs. */
  pid(): number | null;
  /** SIGKILL: the supervisor starts it again. */
  kill(): void;
  /** As for a host that is switched off. */
  off(): Promise<void>;
  on(): Promise<void>;
  /** From its next start, these settings besides. */
  configure(env: Readonly<Record<string, string>>): Promise<void>;
  log(): Promise<string>;
}

export interface InstallOptions {
  readonly labels?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Further words of `petrel-agent enroll`. */
  readonly enroll?: readonly string[];
}

/** Enrolled and running, as `binary`. */
export async function installedAgent(
  hub: TestHub,
  id: string,
  binary: string,
  { labels = [], env = {}, enroll = [] }: InstallOptions = {},
): Promise<InstalledAgent> {
  const root = await tempFolder("host");
  const home = join(root, "home");
  const layout = layoutOf(agentProduct, root);
  await mkdir(home);
  await mkdir(join(layout.versions, thisVersion), { recursive: true });
  await mkdir(dirname(layout.state), { recursive: true });
  await cp(binary, join(layout.versions, thisVersion, "petrel-agent"));
  await symlink(`versions/${thisVersion}`, layout.current);
  await writeFile(layout.guard, guardText(agentProduct), { mode: 0o755 });
  const words = ["enroll", "--hub", hub.mqtt, "--id", id, "--data", layout.state, ...enroll];
  const enrolled = await runPetrel(words, {
    command: "petrel-agent",
    env: { PETREL_ENROLL_TOKEN: await newToken(hub) },
  });
  if (enrolled.code !== 0) throw new Error(enrolled.stderr);
  const flags = labels.map((label) => `--label ${label}`).join(" ");
  const settings = join(root, "settings");
  const configure = (more: Readonly<Record<string, string>>) =>
    writeFile(
      settings,
      Object.entries({ HOME: home, ...env, ...more })
        .map(([name, value]) => `export ${name}='${value}'\n`)
        .join(""),
    );
  await configure({});
  const loop = `while :; do "${layout.guard}"; "${layout.current}/petrel-agent" run --data ${layout.state} ${flags}; sleep 0.05; done`;
  const systemctl = join(root, "systemctl");
  await writeFile(
    `${systemctl}.new`,
    `#!/bin/sh
stop() {
  [ -f '${root}/supervisor' ] && kill -9 -"$(cat '${root}/supervisor')" 2> /dev/null
  rm -f '${root}/supervisor'
}
case $1 in
  restart | start)
    stop
    (. '${settings}'; exec setsid sh -c '${loop}') >> '${root}/log' 2>&1 < /dev/null &
    echo $! > '${root}/supervisor'
    ;;
  # The agent's process, which becomes the next version; 0 while there is none.
  show) cat /proc/"$(cat '${root}/supervisor')"/task/*/children 2> /dev/null || echo 0 ;;
  stop) stop ;;
  is-active) [ -f '${root}/supervisor' ] && exit 0; echo inactive; exit 3 ;;
esac
`,
    { mode: 0o755 },
  );
  await rename(`${systemctl}.new`, systemctl);
  const pid = () =>
    processesAtHome(home).find(({ command }) => /agent-cli\.ts run /.test(command))?.pid ?? null;
  atEnd(async ({ failed }) => {
    await run(systemctl, ["stop"]).catch(() => {});
    for (const each of processesAtHome(home)) process.kill(each.pid, "SIGKILL");
    if (failed)
      console.error(`${id}:\n${(await readFile(`${root}/log`, "utf8")).split("\n").slice(-40).join("\n")}`);
  });
  await run(systemctl, ["start"]);
  return {
    id,
    root,
    pid,
    kill: () => {
      const found = pid();
      if (found !== null) process.kill(found, "SIGKILL");
    },
    off: async () => void (await run(systemctl, ["stop"])),
    on: async () => void (await run(systemctl, ["start"])),
    configure,
    log: () => readFile(`${root}/log`, "utf8"),
  };
}

/**
 * A program installed below a folder, and what stands for systemd there: a supervisor that runs the guard and then the
 * program, again and again, as the unit has it. The program stands for an agent: it answers on its socket.
 */
import { execFile, spawn } from "node:child_process";
import { chmod, mkdir, readFile, readlink, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { agentProduct } from "../../agent/install/product.ts";
import { guardText } from "../../shared/install/guard.ts";
import { layoutOf } from "../../shared/install/layout.ts";
import { atEnd } from "./at-end.ts";
import { commandPath } from "./command-path.ts";
import { tempFolder } from "./temp-folder.ts";
import { waitUntil } from "./wait-until.ts";

export interface ProgramTraits {
  /** Ends at once with this code. */
  readonly exits?: number;
  readonly linked?: boolean;
  readonly sensors?: readonly string[];
  readonly storeFormat?: number;
  readonly program?: string;
  /** Text of its unit; without it, it is of the versions that do not say. */
  readonly unit?: string;
}

/** A file that says its version and, run, is an agent of that version as far as an upgrade can see. */
export async function programFile(
  folder: string,
  version: string,
  traits: ProgramTraits = {},
): Promise<string> {
  const {
    exits,
    linked = true,
    sensors = ["watch.FileWatch"],
    storeFormat = 1,
    program = "petrel-agent",
    unit,
  } = traits;
  const file = join(folder, `program-${version}`);
  const description = { program, version, node: process.versions.node, store_format: storeFormat };
  const status = {
    version,
    link_up: linked,
    store: { failed: false },
    sensors: sensors.map((sensor) => ({ sensor, state: "running" })),
  };
  await writeFile(
    file,
    `#!${process.execPath}
const { createServer } = require("node:http");
const { appendFileSync, rmSync } = require("node:fs");
const [command, option] = process.argv.slice(2);
if (command === "version") {
  appendFileSync(${JSON.stringify(join(folder, "asked"))}, __filename + "\\n");
  console.log(${JSON.stringify(JSON.stringify(description))});
} else if (command === "upgrade" && option === "--units" && ${unit !== undefined}) {
  console.log(${JSON.stringify(JSON.stringify({ "petrel-agent.service": unit }))});
} else if (command === "upgrade") {
  process.exit(2);
} else {
  ${exits === undefined ? "" : `process.exit(${exits});`}
  const socket = process.env.STATE + "/agent.sock";
  rmSync(socket, { force: true });
  const status = { ...${JSON.stringify(status)}, started_at: String(process.pid) };
  createServer((_, answer) => answer.end(JSON.stringify(status))).listen(socket);
}
`,
  );
  await chmod(file, 0o755);
  return file;
}

/**
 * Starts what it is told by `restart`; `Restart=always`, and the guard before each start. As systemctl(1) it comes back once the
 * first guard has ended: it would put units back that somebody has changed meanwhile.
 */
async function supervisorFile(root: string): Promise<string> {
  const layout = layoutOf(agentProduct, root);
  const file = join(root, "systemctl");
  const loop = `while :; do "${layout.guard}"; : > "${root}/guarded"; "${layout.current}/petrel-agent" run; sleep 0.05; done`;
  await writeFile(
    file,
    `#!/bin/sh
echo "$*" >> '${root}/calls'
stop() {
  [ -f '${root}/supervisor' ] && kill -9 -"$(cat '${root}/supervisor')" 2> /dev/null
  rm -f '${root}/supervisor'
}
case $1 in
  restart | enable | start)
    stop
    rm -f '${root}/guarded'
    STATE='${layout.state}' setsid sh -c '${loop}' > '${root}/log' 2>&1 < /dev/null &
    echo $! > '${root}/supervisor'
    until [ -e '${root}/guarded' ] || [ ! -e '${root}/supervisor' ]; do sleep 0.01; done
    ;;
  disable | stop) stop ;;
  is-active) [ -f '${root}/supervisor' ] && exit 0; echo inactive; exit 3 ;;
esac
`,
  );
  await chmod(file, 0o755);
  return file;
}

export interface InstalledProgram {
  readonly root: string;
  /** Where its versions are. */
  readonly base: string;
  readonly systemctl: string;
  /** Version that is in force. */
  current(): Promise<string>;
  /** Version that answers; `null`: none. */
  answers(): Promise<string | null>;
  upgrade(file: string, options?: UpgradeRun): Promise<Run>;
  /** As after power came back: everything is gone, and the unit starts. */
  boot(): Promise<void>;
  /** As after `systemctl stop`. */
  stop(): Promise<void>;
  read(name: string): Promise<string | null>;
}

export interface UpgradeRun {
  readonly args?: readonly string[];
  readonly killAt?: string;
}

export interface Run {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Version 1.0.0, put there by hand and running. `given`: an empty folder to be its root. */
export async function installedProgram(
  traits: ProgramTraits = {},
  given?: string,
): Promise<InstalledProgram> {
  const root = given ?? (await tempFolder("installed"));
  const layout = layoutOf(agentProduct, root);
  await mkdir(join(layout.versions, "1.0.0"), { recursive: true, mode: 0o755 });
  await mkdir(layout.state, { recursive: true });
  const first = await programFile(root, "1.0.0", traits);
  await promisify(execFile)("cp", [first, join(layout.versions, "1.0.0/petrel-agent")]);
  await promisify(execFile)("ln", ["-s", "versions/1.0.0", layout.current]);
  await writeFile(layout.guard, guardText(agentProduct), { mode: 0o755 });
  const systemctl = await supervisorFile(root);
  const end = () => promisify(execFile)(systemctl, ["stop"]).catch(() => {});
  atEnd(end);
  const current = async () => (await readlink(layout.current)).replace("versions/", "");
  const answers = async () => {
    const { askStatus } = await import("../../agent/status/ask-http.ts");
    return askStatus(join(layout.state, "agent.sock")).then(
      ({ version }) => version,
      () => null,
    );
  };
  const boot = async () => {
    await end();
    await rm(join(layout.state, "agent.sock"), { force: true });
    await promisify(execFile)(systemctl, ["start"]);
  };
  await boot();
  await waitUntil("version 1.0.0 answers", async () => (await answers()) === "1.0.0");
  return {
    root,
    base: layout.base,
    systemctl,
    current,
    answers,
    boot,
    stop: async () => {
      await end();
      await rm(join(layout.state, "agent.sock"), { force: true });
    },
    read: (name) => readFile(join(layout.base, name), "utf8").catch(() => null),
    upgrade: (file, { args = [], killAt } = {}) =>
      run(
        [
          "upgrade",
          file,
          "--root",
          root,
          "--systemctl",
          systemctl,
          "--within",
          "20",
          "--steady",
          "0.5",
          ...args,
        ],
        killAt,
      ),
  };
}

function run(args: readonly string[], killAt: string | undefined): Promise<Run> {
  const clean = Object.entries(process.env).filter(([name]) => !/^(PETREL|VITEST|NODE)/.test(name));
  const env = { ...Object.fromEntries(clean), ...(killAt !== undefined && { PETREL_KILL_AT: killAt }) };
  const child = spawn(commandPath("petrel-agent"), args, { env, stdio: ["ignore", "pipe", "pipe"] });
  atEnd(() => void child.kill("SIGKILL"));
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text) => {
    stderr += text;
  });
  return new Promise((done) => child.on("close", (code, signal) => done({ code, signal, stdout, stderr })));
}

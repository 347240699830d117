/** Builds a virtualenv for each version of a pack with requirements, by the host's python3 and pip, one at a time. */
import { spawn } from "node:child_process";
import { existsSync, readFileSync, realpathSync } from "node:fs";
import { mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { setPriority } from "node:os";
import { basename, dirname, join } from "node:path";
import { isPetrelError, PetrelError } from "../../shared/errors.ts";
import type { Logger } from "../../shared/log.ts";
import type { Timers } from "../../shared/timers.ts";
import { endGroup } from "../actions/group-process.ts";
import { giveUsualOomScore } from "../actions/oom-score-process.ts";
import {
  asksForPackages,
  indexOptions,
  indexVariables,
  isForPython,
  reasonOf,
  type VirtualenvState,
} from "./virtualenv.ts";

export interface VirtualenvOptions {
  readonly mode: "auto" | "never";
  /** URL of an index or a folder; `null`: as pip is configured. */
  readonly index: string | null;
  /** The environment of its programs. */
  readonly env: Readonly<Record<string, string>>;
  readonly newId: () => string;
  readonly timers: Timers;
  readonly log: Logger;
  /** Whether the host lets the pack be, asked as a build begins; absent: every one. */
  readonly refusesPack?: (pack: string) => PetrelError | null;
  /** Called whenever a build has ended. */
  readonly changed: () => void;
  /** Milliseconds for one build. */
  readonly limitMs?: number;
  /** Milliseconds until one that failed is tried again: the index may have been away. */
  readonly retryMs?: number;
}

interface Build {
  state: VirtualenvState;
  /** Settles when the build has ended, well or not. */
  done: Promise<void>;
}

/** What a pack may bring along itself. */
const ownVirtualenvs = ["virtualenv", ".venv"];
const maxSaid = 64 * 1024;
/** Behind whatever else the host has to do. */
const niceness = 10;

/**
 * Beside a version's folder `HEX` lies `HEX.venv/`: one virtualenv under a name of its own, and the file `ready` with
 * that name, written last. So neither a build that was cut short nor a pip that outlived its agent is ever used.
 */
export class Virtualenvs {
  readonly #options: VirtualenvOptions;
  readonly #builds = new Map<string, Build>();
  readonly #running = new Set<number>();
  readonly #retries = new Set<() => void>();
  #queue: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(options: VirtualenvOptions) {
    this.#options = options;
  }

  /** As it is now; what is missing is begun. */
  stateOf(packFolder: string): VirtualenvState {
    return this.#buildOf(packFolder)?.state ?? { state: "none" };
  }

  /** The interpreter, once there is one; `null` for the host's own. Rejects with PACK_VIRTUALENV. */
  async python(packFolder: string): Promise<string | null> {
    const build = this.#buildOf(packFolder);
    if (build === null) return null;
    if (build.state.state === "building") await build.done;
    const now = build.state;
    if (now.state === "ready") return now.python;
    const pack = basename(dirname(packFolder));
    throw now.state === "failed" ? now.error : failed(pack, "the agent ends", "run the action again");
  }

  /** Ends what is being built; it is begun anew at the next start. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const cancel of this.#retries) cancel();
    await Promise.all([...this.#running].map((pgid) => endGroup(pgid, { graceMs: 0 })));
    await this.#queue;
  }

  #buildOf(packFolder: string): Build | null {
    const known = this.#builds.get(packFolder);
    // A version that was removed and came again has to be built again; so has one whose Python is another now.
    if (known !== undefined && !(known.state.state === "ready" && !stands(known.state.python))) return known;
    if (!this.#isWanted(packFolder)) return null;
    const python = readyPython(packFolder);
    if (python !== null) {
      const build: Build = { state: { state: "ready", python }, done: Promise.resolve() };
      this.#builds.set(packFolder, build);
      return build;
    }
    const build: Build = { state: { state: "building" }, done: Promise.resolve() };
    this.#builds.set(packFolder, build);
    this.#begin(packFolder, build);
    return build;
  }

  #isWanted(packFolder: string): boolean {
    if (this.#options.mode === "never" || this.#isClosed) return false;
    if (ownVirtualenvs.some((name) => existsSync(join(packFolder, name, "bin", "python")))) return false;
    try {
      return asksForPackages(readFileSync(join(packFolder, "requirements.txt"), "utf8"));
    } catch {
      return false;
    }
  }

  #begin(packFolder: string, build: Build): void {
    build.done = this.#queue.then(() => this.#attempt(packFolder, build));
    this.#queue = build.done;
  }

  async #attempt(packFolder: string, build: Build): Promise<void> {
    if (this.#isClosed) return;
    const { log, timers, retryMs = 10 * 60_000 } = this.#options;
    const pack = basename(dirname(packFolder));
    const refused = this.#options.refusesPack?.(pack) ?? null;
    if (refused !== null) {
      // Forgotten at once: it is begun anew when the host lets it be.
      build.state = { state: "failed", error: refused };
      this.#builds.delete(packFolder);
      return;
    }
    try {
      log.info("a pack's virtualenv is being built", { pack });
      build.state = { state: "ready", python: await this.#make(packFolder) };
      log.info("a pack's virtualenv is ready", { pack });
    } catch (cause) {
      if (this.#isClosed) return;
      const error = isPetrelError(cause)
        ? cause
        : failed(pack, String(cause), "look at free space and modes");
      build.state = { state: "failed", error };
      log.error("a pack's virtualenv cannot be built", { pack, error });
      const cancel = timers.after(retryMs, () => {
        this.#retries.delete(cancel);
        // What was removed meanwhile is not built again.
        if (existsSync(packFolder)) this.#begin(packFolder, build);
        else this.#builds.delete(packFolder);
      });
      this.#retries.add(cancel);
    }
    this.#options.changed();
  }

  async #make(packFolder: string): Promise<string> {
    const { index, newId, limitMs = 10 * 60_000 } = this.#options;
    const pack = basename(dirname(packFolder));
    const home = `${packFolder}.venv`;
    await mkdir(home, { recursive: true, mode: 0o755 });
    for (const left of await readdir(home)) await rm(join(home, left), { recursive: true, force: true });
    const name = newId();
    const folder = join(home, name);
    const deadline = performance.now() + limitMs;
    const isolated = join(folder, "bin", "python");
    // What the host has counts, as for a pack without requirements; its pip too: one of its own would take seconds.
    const venv = ["-m", "venv", "--system-site-packages", "--without-pip", folder];
    const pip = ["-I", "-m", "pip", "install", "--no-input", "--progress-bar", "off"];
    const from = ["--disable-pip-version-check", ...indexOptions(index), "-r", "requirements.txt"];
    const where = "see packs.pip_index and packs.virtualenv in agent.yaml";
    const bare = (said: string) =>
      failed(pack, said, "install what `python3 -m venv` needs on this host (apt install python3-venv)");
    await this.#run("python3", venv, packFolder, deadline, bare);
    await this.#run(isolated, ["-I", "-c", "import pip"], packFolder, deadline, bare).catch(() =>
      this.#run(isolated, ["-I", "-m", "ensurepip"], packFolder, deadline, bare),
    );
    await this.#run(isolated, [...pip, ...from], packFolder, deadline, (said) =>
      failed(pack, said, `mend requirements.txt, or have this host reach a package index: ${where}`),
    );
    await writeFile(join(home, "ready.unfinished"), name);
    await rename(join(home, "ready.unfinished"), join(home, "ready"));
    return isolated;
  }

  #run(
    command: string,
    args: readonly string[],
    cwd: string,
    deadline: number,
    failure: (said: string) => PetrelError,
  ): Promise<void> {
    const { env: base, index, timers } = this.#options;
    const env = { ...base, ...indexVariables(index) };
    return new Promise((done, fail) => {
      // It would be waited for to its end, and nobody wants it any more.
      if (this.#isClosed) return fail(failure("the agent ends"));
      // A group of its own: pip starts compilers, and all of it ends together.
      const child = spawn(command, args, { cwd, env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
      const pgid = child.pid;
      let said = "";
      let isLate = false;
      const hear = (text: string) => {
        said = (said + text).slice(-maxSaid);
      };
      child.stdout.setEncoding("utf8").on("data", hear);
      child.stderr.setEncoding("utf8").on("data", hear);
      const cancel = timers.after(Math.max(0, deadline - performance.now()), () => {
        isLate = true;
        if (pgid !== undefined) void endGroup(pgid, { graceMs: 2_000 });
      });
      if (pgid !== undefined) {
        this.#running.add(pgid);
        lowerPriority(pgid);
        giveUsualOomScore(pgid);
      }
      child.on("error", (cause: NodeJS.ErrnoException) => {
        cancel();
        fail(cause.code === "ENOENT" ? failure(`there is no ${basename(command)} on this host`) : cause);
      });
      child.on("close", (code) => {
        cancel();
        if (pgid !== undefined) this.#running.delete(pgid);
        if (isLate) fail(failure("it took longer than is allowed"));
        else if (code === 0) done();
        else fail(failure(reasonOf(said)));
      });
    });
  }
}

function readyPython(packFolder: string): string | null {
  const home = `${packFolder}.venv`;
  try {
    const python = join(home, readFileSync(join(home, "ready"), "utf8"), "bin", "python");
    return stands(python) ? python : null;
  } catch {
    return null;
  }
}

/** Whether its interpreter is there, and the one it was made for. */
function stands(python: string): boolean {
  try {
    const settings = readFileSync(join(dirname(dirname(python)), "pyvenv.cfg"), "utf8");
    return isForPython(settings, realpathSync(python));
  } catch {
    return false;
  }
}

function lowerPriority(pid: number): void {
  try {
    setPriority(pid, niceness);
  } catch {
    // It has ended already, or may not: it only takes more of the host then.
  }
}

function failed(pack: string, said: string, hint: string): PetrelError {
  return new PetrelError("PACK_VIRTUALENV", `the requirements of pack ${pack} cannot be installed: ${said}`, {
    hint,
  });
}

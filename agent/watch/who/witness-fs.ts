/**
 * Says who touched a path. Everything about processes comes from the kernel where that is permitted, from /proc where it
 * is not; whatever fails makes an answer poorer, with the reason in it, and never keeps a change from being told.
 */

import type { Timers } from "../../../shared/timers.ts";
import type { Actor, ActorParent, Touch, Witness } from "../actor.ts";
import type { AccountNames } from "../change.ts";
import type { Libc } from "../kernel/libc-fs.ts";
import { scriptOf, shownCommandLine } from "./command-line.ts";
import { isLinker } from "./exec-events.ts";
import { ExecMarks } from "./exec-marks-fs.ts";
import { packageProgramOf } from "./package-programs.ts";
import type { ProcessEvent } from "./process-events.ts";
import { ProcessFeed } from "./process-feed-fs.ts";
import {
  allProcesses,
  programArguments,
  programPath,
  session,
  standing,
  variable,
} from "./process-look-fs.ts";
import { type ProcessEntry, ProcessTable, type Program, programAt, type Session } from "./process-table.ts";

export interface WitnessOptions {
  /** Throws where there are no system calls. */
  readonly loadLibc: () => Libc;
  readonly timers: Timers;
  /** ms; the clock by which a `Touch` says when it was heard. */
  readonly monotonic: () => number;
  readonly names: AccountNames;
  /** Its children are Petrel's own actions. */
  readonly agentPid: number;
  /** Names the execution in the environment of an action. */
  readonly executionVariable: string;
  readonly log: { info(message: string): void; warn(message: string): void };
}

const maxParents = 8;
/** ms for which a login and a unit are taken for unchanged. */
const sessionMs = 5_000;
/** ms for which, without word from the kernel, a process is taken for unchanged. */
const lookMs = 250;
const firstProcess = 1;
/** ms between two lines about lost events. */
const warnEveryMs = 60_000;

export class SystemWitness implements Witness {
  readonly #options: WitnessOptions;
  readonly #table = new ProcessTable();
  /** Kernel time less ours. */
  readonly #kernelAhead: number;
  readonly #shown = new WeakMap<readonly string[], string>();
  readonly #lookedAt = new WeakMap<ProcessEntry, number>();
  #feed: ProcessFeed | null = null;
  #marks: ExecMarks | null = null;
  #isFed = false;
  readonly #missing: string[] = [];
  #losses = 0;
  #warnedAt = Number.NEGATIVE_INFINITY;

  constructor(options: WitnessOptions) {
    this.#options = options;
    this.#kernelAhead = kernelAhead(options.monotonic);
  }

  /** Times that something about processes was lost. */
  get losses(): number {
    return this.#losses;
  }

  missing(): readonly string[] {
    return this.#missing;
  }

  /** Never rejects: what is not to be had is said in the log, and done without. */
  async start(): Promise<void> {
    const { log } = this.#options;
    const without = (what: string) => (error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error);
      this.#missing.push(`${what} (${reason})`);
      log.warn(`who changes files is told less exactly: ${what} (${reason})`);
    };
    try {
      await this.#listen();
    } catch (error) {
      without("processes are looked at in /proc only, and short-lived ones are missed")(error);
      return;
    }
    try {
      this.#mark(without);
    } catch (error) {
      without("the programs of short-lived processes are missed")(error);
    }
    for (const pid of allProcesses()) {
      if (this.#table.get(pid) === null) this.#learn(pid);
    }
  }

  async stop(): Promise<void> {
    await Promise.all([this.#feed?.stop(), this.#marks?.stop()]);
    this.#feed = null;
    this.#marks = null;
    this.#isFed = false;
  }

  noticed(pid: number): void {
    if (pid <= 0) return;
    const now = this.#options.monotonic();
    let entry = this.#table.get(pid);
    if (entry === null || (entry.exitedAt === null && !this.#isFresh(entry, now))) {
      entry = this.#learn(pid) ?? entry;
    }
    if (entry === null) return;
    if (entry.noticedAt === 0) this.#askExecution(entry);
    entry.noticedAt = Math.max(1, now);
    this.#sessionOf(entry, now);
  }

  actor({ pid, heardAt }: Touch): Actor {
    if (pid === 0) return { unknown: "inotify does not say who" };
    if (pid < 0) return { unknown: "a process outside of this process namespace" };
    // Our own work may have kept us from reading.
    this.#feed?.drain();
    this.#marks?.drain();
    const entry = this.#table.at(pid, heardAt);
    if (entry === null) return { pid, unknown: "it was gone before it could be looked at" };
    if (!entry.isCertain && (entry.exitedAt !== null || this.#learn(pid) === null)) {
      return { pid, unknown: "what the kernel said of processes was lost" };
    }
    const program = programAt(entry, heardAt);
    const { exe, args } = program;
    const { names } = this.#options;
    const { loginUid = null, unit = null } = this.#sessionOf(entry, this.#options.monotonic()) ?? {};
    const user = entry.uid === null ? null : names.user(entry.uid);
    const login = loginUid === null ? null : (names.user(loginUid) ?? String(loginUid));
    const ancestors = [...ancestorsOf(entry)];
    const via = [program, ...ancestors.map(([, ran]) => ran)].map(managerOf).find((name) => name !== null);
    return {
      pid,
      ...(exe !== null && { exe }),
      ...(args !== null && { cmdline: this.#commandLine(args) }),
      ...(entry.uid !== null && { uid: entry.uid }),
      ...(user !== null && { user }),
      ...(login !== null && { login_user: login }),
      ...(unit !== null && { unit }),
      parents: ancestors.flatMap(([{ pid: parent }, { exe: ran }]): ActorParent[] =>
        ran === null ? [] : [{ pid: parent, exe: ran }],
      ),
      ...(entry.execution !== null && { execution_id: entry.execution }),
      ...(via !== undefined && { via }),
      ...(exe === null && { unknown: "its program was gone before it could be looked at" }),
    };
  }

  // --- what the kernel says ---------------------------------------------------------------------------------

  async #listen(): Promise<void> {
    const { loadLibc, timers, log } = this.#options;
    const feed = new ProcessFeed({
      libc: loadLibc(),
      timers,
      take: (event) => this.#take(event),
      lost: () => this.#doubt(),
      failed: (reason) => {
        this.#isFed = false;
        this.#doubt();
        log.warn(`who changes files is told less exactly: processes are looked at in /proc only (${reason})`);
      },
    });
    await feed.start();
    this.#feed = feed;
    this.#isFed = true;
  }

  #mark(without: (what: string) => (error: unknown) => void): void {
    const { loadLibc, timers } = this.#options;
    this.#marks = new ExecMarks({
      libc: loadLibc(),
      timers,
      opened: (pid, path) => this.#table.opened(pid, path, isLinker(path)),
      failed: without("the programs of short-lived processes are missed"),
    });
  }

  #take(event: Exclude<ProcessEvent, { kind: "answer" }>): void {
    const at = event.at - this.#kernelAhead;
    const { kind, pid } = event;
    if (kind === "fork") this.#table.fork(pid, event.parent, at);
    else if (kind === "exec") this.#started(pid, at);
    else if (kind === "uid") this.#table.changedUid(pid, event.uid);
    else this.#table.exit(pid, at);
  }

  #started(pid: number, at: number): void {
    const { agentPid, executionVariable } = this.#options;
    const known = this.#table.get(pid);
    const isAction = known?.parent?.pid === agentPid && known.starts === 0;
    // In the order of their worth: it may end at any moment.
    const execution = isAction ? variable(pid, executionVariable) : null;
    const entry = this.#table.exec(pid, at, { exe: programPath(pid), args: programArguments(pid) });
    entry.execution ??= execution;
    // Of others the nearest living ancestor knows as much, later.
    if (entry.parent === null || entry.parent.pid === firstProcess || entry.parent.session === null) {
      this.#readSession(entry, this.#options.monotonic());
    }
  }

  #doubt(): void {
    const { log, monotonic } = this.#options;
    this.#losses++;
    this.#table.doubt();
    const there = new Set(allProcesses());
    const now = monotonic();
    for (const { pid } of [...this.#table.living()]) if (!there.has(pid)) this.#table.exit(pid, now);
    if (now - this.#warnedAt < warnEveryMs) return;
    this.#warnedAt = now;
    log.warn(
      `the kernel dropped events about processes (${this.#losses} times so far): some changes have no actor`,
    );
  }

  /**
   * Only the agent's own children are asked, and only for the environment that the agent gave them: anybody may set a
   * variable.
   */
  #askExecution(entry: ProcessEntry): void {
    const { agentPid, executionVariable } = this.#options;
    let at: ProcessEntry | null = entry;
    for (let hop = 0; at !== null && at.parent?.pid !== agentPid && hop < maxParents; hop++) at = at.parent;
    if (at === null || at.parent?.pid !== agentPid) return;
    if (at.execution === null && at.exitedAt === null && at.starts <= 1) {
      at.execution = variable(at.pid, executionVariable);
    }
    entry.execution ??= at.execution;
  }

  // --- what /proc says --------------------------------------------------------------------------------------

  #isFresh(entry: ProcessEntry, now: number): boolean {
    if (!entry.isCertain) return false;
    return this.#isFed || now - (this.#lookedAt.get(entry) ?? Number.NEGATIVE_INFINITY) < lookMs;
  }

  #learn(pid: number, depth = 0): ProcessEntry | null {
    const exe = programPath(pid);
    const args = programArguments(pid);
    const stands = standing(pid);
    if (stands === null) {
      if (!this.#isFed) this.#table.exit(pid, this.#options.monotonic());
      return null;
    }
    const { parent: parentPid, uid } = stands;
    const known = this.#table.get(pid);
    const parent =
      parentPid === 0 || known?.exitedAt === null
        ? null
        : (this.#table.get(parentPid) ?? (depth < maxParents ? this.#learn(parentPid, depth + 1) : null));
    const entry = this.#table.learn(pid, { exe, args, uid }, parent);
    const { agentPid, executionVariable } = this.#options;
    entry.execution ??=
      parentPid === agentPid ? variable(pid, executionVariable) : (entry.parent?.execution ?? null);
    this.#lookedAt.set(entry, this.#options.monotonic());
    return entry;
  }

  /** Its own, or that of the nearest ancestor that can be looked at. */
  #sessionOf(entry: ProcessEntry, now: number): Session | null {
    let found: Session | null = null;
    let at: ProcessEntry | null = entry;
    for (let hop = 0; found === null && at !== null && hop < maxParents; hop++, at = at.parent) {
      // What it starts is in a unit of its own.
      if (at !== entry && at.pid === firstProcess) break;
      found = this.#readSession(at, now);
    }
    if (found !== null && entry.session === null) entry.session = found;
    return found;
  }

  #readSession(entry: ProcessEntry, now: number): Session | null {
    const known = entry.session;
    if (entry.exitedAt !== null || (known !== null && now - known.readAt < sessionMs)) return known;
    const read = session(entry.pid);
    if (read !== null) entry.session = { ...read, readAt: now };
    return entry.session;
  }

  #commandLine(args: readonly string[]): string {
    const known = this.#shown.get(args);
    if (known !== undefined) return known;
    const shown = shownCommandLine(args);
    this.#shown.set(args, shown);
    return shown;
  }
}

/** ms. Of several: what comes between the two readings makes the difference smaller. */
function kernelAhead(monotonic: () => number): number {
  let most = Number.NEGATIVE_INFINITY;
  for (let time = 0; time < 10; time++) {
    most = Math.max(most, Number(process.hrtime.bigint()) / 1e6 - monotonic());
  }
  return most;
}

/** The nearest first, each with the program it ran when it started the next. */
function* ancestorsOf(entry: ProcessEntry): Iterable<readonly [ProcessEntry, Program]> {
  let child = entry;
  for (let count = 0; child.parent !== null && count < maxParents; count++) {
    yield [child.parent, programAt(child.parent, child.bornAt)];
    child = child.parent;
  }
}

function managerOf({ exe, args }: Program): string | null {
  return packageProgramOf(exe, args === null ? null : scriptOf(args));
}

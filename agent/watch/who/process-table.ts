/**
 * Which process ran which program when, and who started it: kept from what the kernel says, since most that write a file
 * are gone before one can look at them. Bounded. Pure; all times are ms of one monotonic clock.
 */

/** One program in the life of a process. A fork shares its parent's until it starts another. */
export interface Program {
  exe: string | null;
  /** `null`: it was gone before they could be read. */
  args: readonly string[] | null;
  /** The file that it runs is still to be told. */
  isAwaited: boolean;
  readonly since: number;
  /** What the process ran before; the oldest are forgotten. */
  before: Program | null;
}

/** What is inherited and seldom changes. */
export interface Session {
  /** `null`: nobody logged in. */
  readonly loginUid: number | null;
  readonly unit: string | null;
  readonly readAt: number;
}

export interface ProcessEntry {
  readonly pid: number;
  readonly bornAt: number;
  /** Whoever started it, also when that has ended; `null` when it is not known. */
  readonly parent: ProcessEntry | null;
  /** Forks between the first known ancestor and it. */
  readonly depth: number;
  program: Program;
  uid: number | null;
  session: Session | null;
  /** Of the action that it belongs to. */
  execution: string | null;
  /** Programs it has started so far in its own place. */
  starts: number;
  exitedAt: number | null;
  /** When it was last named by a change; 0: never. */
  noticedAt: number;
  /** Something may have been missed of it since it was learnt. */
  isCertain: boolean;
  /** Whoever had the same number before. */
  readonly earlier: ProcessEntry | null;
}

/** What one look at a living process says. */
export interface Learnt {
  readonly exe: string | null;
  readonly args: readonly string[] | null;
  readonly uid: number | null;
}

export interface TableLimits {
  /** Processes kept after their end, and as many again of those that changed something. */
  readonly ended: number;
  /** All together. */
  readonly all: number;
}

/** Ancestors remembered; beyond them a long chain of daemons that start each other would never be let go. */
const maxDepth = 32;
const keptAncestors = 10;
/** Programs of one process that are told apart. */
const maxBefore = 4;
/** ms for which one that changed something is kept longer than others. */
const noticedForMs = 120_000;

export class ProcessTable {
  readonly #limits: TableLimits;
  readonly #entries = new Map<number, ProcessEntry>();
  /** In the order of their ends. */
  readonly #ended = new Set<ProcessEntry>();
  readonly #endedNoticed = new Set<ProcessEntry>();
  /** What each opened last to run it: the two are told apart from each other, and either may be ahead by several. */
  readonly #opened = new Map<number, string>();

  constructor(limits: TableLimits = { ended: 8_192, all: 65_536 }) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Whoever has the number now, or had it last. */
  get(pid: number): ProcessEntry | null {
    return this.#entries.get(pid) ?? null;
  }

  /** Whoever had the number at that time. */
  at(pid: number, time: number): ProcessEntry | null {
    const entry = this.get(pid);
    return entry !== null && entry.bornAt > time && entry.earlier !== null ? entry.earlier : entry;
  }

  /** Looked at while it lives; replaces what was known of it, but not who started it. */
  learn(pid: number, learnt: Learnt, parent: ProcessEntry | null): ProcessEntry {
    const known = this.get(pid);
    const program: Program = { exe: learnt.exe, args: learnt.args, isAwaited: false, since: 0, before: null };
    if (known !== null && known.exitedAt === null) {
      known.program = program;
      known.uid = learnt.uid;
      known.isCertain = true;
      return known;
    }
    // Nobody said when it was born: it may have changed something at any time until now.
    return this.#put({ ...blank(pid, 0, parent, null), uid: learnt.uid, program });
  }

  fork(pid: number, parentPid: number, at: number): void {
    const parent = this.get(parentPid);
    const entry = blank(pid, at, parent, this.get(pid));
    if (parent !== null) {
      entry.program = parent.program;
      entry.uid = parent.uid;
      entry.execution = parent.execution;
      entry.isCertain = parent.isCertain;
    }
    this.#put(entry);
  }

  /**
   * Another program was started. `learnt`: what /proc said just then, as far as it still did. The file is otherwise the
   * one that was opened to be run, whether that was told before or is told later.
   */
  exec(pid: number, at: number, learnt: Pick<Learnt, "exe" | "args">): ProcessEntry {
    const entry = this.get(pid) ?? this.#put(blank(pid, at, null, null));
    entry.starts++;
    cut(entry.program, maxBefore);
    entry.program = {
      exe: learnt.exe ?? this.#opened.get(pid) ?? null,
      args: learnt.args,
      isAwaited: learnt.exe === null,
      since: at,
      before: entry.program,
    };
    entry.session = null;
    entry.isCertain = true;
    return entry;
  }

  /** A file was opened to be run: a program, the script before it, or the linker behind it. */
  opened(pid: number, path: string, isLinker: boolean): void {
    const program = this.get(pid)?.program;
    if (program?.isAwaited === true) {
      if (!isLinker || program.exe === null) program.exe = path;
    }
    if (isLinker && this.#opened.has(pid)) return;
    this.#opened.set(pid, path);
    if (this.#opened.size > this.#limits.ended) dropFirst(this.#opened);
  }

  changedUid(pid: number, uid: number): void {
    const entry = this.get(pid);
    if (entry !== null) entry.uid = uid;
  }

  exit(pid: number, at: number): void {
    const entry = this.get(pid);
    if (entry === null || entry.exitedAt !== null) return;
    entry.exitedAt = at;
    this.#opened.delete(pid);
    this.#ended.add(entry);
    if (this.#ended.size > this.#limits.ended) this.#letGo(at);
  }

  /** Events were lost: whatever was known may be outdated. */
  doubt(): void {
    for (const entry of this.#entries.values()) entry.isCertain = false;
    this.#opened.clear();
  }

  /** Those that nobody has told the end of. */
  *living(): Iterable<ProcessEntry> {
    for (const entry of this.#entries.values()) if (entry.exitedAt === null) yield entry;
  }

  #put(entry: ProcessEntry): ProcessEntry {
    const before = this.#entries.get(entry.pid);
    if (before !== undefined) this.#forget(before);
    this.#entries.set(entry.pid, entry);
    if (this.#entries.size > this.#limits.all) {
      const [oldest] = this.#ended.size > 0 ? this.#ended : this.#entries.values();
      if (oldest !== undefined) this.#forget(oldest);
    }
    return entry;
  }

  /** The one that ended first; one that changed something is kept longer than others. */
  #letGo(now: number): void {
    const [entry] = this.#ended;
    if (entry === undefined) return;
    this.#ended.delete(entry);
    if (entry.noticedAt === 0 || now - entry.noticedAt > noticedForMs) {
      this.#forget(entry);
      return;
    }
    this.#endedNoticed.add(entry);
    const [old] = this.#endedNoticed;
    if (old !== undefined && this.#endedNoticed.size > this.#limits.ended) this.#forget(old);
  }

  #forget(entry: ProcessEntry): void {
    this.#ended.delete(entry);
    this.#endedNoticed.delete(entry);
    if (this.#entries.get(entry.pid) === entry) this.#entries.delete(entry.pid);
  }
}

/** The program that ran at that time; what is older than all that is remembered counts as the oldest. */
export function programAt(entry: ProcessEntry, time: number): Program {
  let program = entry.program;
  while (program.since > time && program.before !== null) program = program.before;
  return program;
}

function blank(
  pid: number,
  bornAt: number,
  parent: ProcessEntry | null,
  earlier: ProcessEntry | null,
): ProcessEntry {
  const near = parent !== null && parent.depth >= maxDepth ? withNearest(parent, keptAncestors) : parent;
  return {
    pid,
    bornAt,
    parent: near,
    depth: near === null ? 0 : near.depth + 1,
    program: { exe: null, args: null, isAwaited: false, since: 0, before: null },
    uid: null,
    session: null,
    execution: null,
    starts: 0,
    exitedAt: null,
    noticedAt: 0,
    isCertain: true,
    earlier: earlier === null ? null : { ...earlier, earlier: null },
  };
}

/** A copy of a chain that ends after so many. */
function withNearest(entry: ProcessEntry, most: number): ProcessEntry {
  const parent = most <= 1 || entry.parent === null ? null : withNearest(entry.parent, most - 1);
  return { ...entry, parent, depth: parent === null ? 0 : parent.depth + 1, earlier: null };
}

/** Keeps so many programs, the newest. */
function cut(program: Program, most: number): void {
  let last = program;
  for (let kept = 1; kept < most && last.before !== null; kept++) last = last.before;
  last.before = null;
}

function dropFirst(entries: Map<number, unknown>): void {
  const [first] = entries.keys();
  if (first !== undefined) entries.delete(first);
}

/**
 * Paths that have to be looked at, and when: after a time of quiet, and at the latest after another. Bounded: above a
 * number of paths they fold to the folders they are in, and these to the roots. Pure; time comes from the caller.
 */

import { type BytePath, parentOf } from "../../shared/watch/paths.ts";
import type { HintFacts } from "./observer.ts";

/** One path to look at, with what was heard of it since the last look. */
export interface Dirty {
  readonly path: BytePath;
  readonly deep: boolean;
  /** Nothing told of this path: it is looked at since something may have been missed. */
  readonly isBlind: boolean;
  readonly facts: HintFacts;
  /** The last that touched it; 0: unknown. */
  readonly pid: number;
  readonly isPriority: boolean;
  /** The other side of a move. */
  readonly partner: BytePath | null;
  /** ms, monotonic. */
  readonly firstAt: number;
  readonly lastAt: number;
}

export interface Mark {
  readonly path: BytePath;
  readonly deep: boolean;
  readonly isBlind: boolean;
  readonly facts: HintFacts;
  readonly pid: number;
  readonly isPriority: boolean;
  readonly partner?: BytePath | undefined;
}

export interface DirtyLimits {
  readonly quietMs: number;
  readonly mostMs: number;
  /** Paths kept by themselves. */
  readonly maxPaths: number;
  /** Folders they fold to; beyond it only the roots are remembered. */
  readonly maxFolders: number;
}

/** In the place of a process: one did it whose event was not read. */
export const unreadPid = -2;

export const noFacts: HintFacts = { created: false, deleted: false, written: false };

export class DirtySet {
  readonly #limits: DirtyLimits;
  readonly #roots: readonly BytePath[];
  #entries = new Map<BytePath, Dirty>();
  /** How many have priority. */
  #urgent = 0;
  #foldedSince: number | null = null;

  constructor(limits: DirtyLimits, roots: readonly BytePath[]) {
    this.#limits = limits;
    this.#roots = roots;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** What has been heard of this very path and is not taken out yet. */
  get(path: BytePath): Dirty | undefined {
    return this.#entries.get(path);
  }

  /** Takes this one out, due or not. */
  take(path: BytePath): Dirty | undefined {
    const entry = this.#entries.get(path);
    if (entry !== undefined) this.#delete(entry);
    return entry;
  }

  /** ms, monotonic: since when single changes may have been given up for their folders; `null` if none, and once. */
  takeFolded(): number | null {
    const since = this.#foldedSince;
    this.#foldedSince = null;
    return since;
  }

  /** ms, monotonic: since when something is dirty. */
  oldestAt(): number | null {
    let at: number | null = null;
    for (const { firstAt } of this.#entries.values()) if (at === null || firstAt < at) at = firstAt;
    return at;
  }

  mark(mark: Mark, now: number): void {
    const known = this.#entries.get(mark.path);
    const partner = mark.partner ?? null;
    if (mark.isPriority && known?.isPriority !== true) this.#urgent++;
    this.#entries.set(
      mark.path,
      known === undefined ? { ...mark, partner, firstAt: now, lastAt: now } : merged(known, mark, now),
    );
    if (this.#entries.size > this.#limits.maxPaths) this.#fold(now);
  }

  /**
   * Takes out what is due at `now`, in the order of a walk: all that have priority, or, when there are none, up to
   * `most` others, those that have waited longest. Both sides of a move come together.
   */
  takeDue(now: number, most: number): readonly Dirty[] {
    const urgent = this.takeUrgent(now);
    if (urgent.length > 0) return urgent;
    const due: Dirty[] = [];
    for (const entry of this.#entries.values()) {
      if (due.length >= most) break;
      if (this.#isDue(entry, now)) due.push(entry);
    }
    return this.#take(due);
  }

  /** Only those with priority. */
  takeUrgent(now: number): readonly Dirty[] {
    const due: Dirty[] = [];
    if (this.#urgent === 0) return due;
    for (const entry of this.#entries.values()) {
      if (entry.isPriority && this.#isDue(entry, now)) due.push(entry);
    }
    return this.#take(due);
  }

  #take(due: Dirty[]): readonly Dirty[] {
    for (const entry of due) this.#delete(entry);
    // Goes on with what it adds: a file may have moved on and on.
    for (const { partner } of due) {
      const other = partner === null ? undefined : this.#entries.get(partner);
      if (other === undefined) continue;
      this.#delete(other);
      due.push(other);
    }
    return due.sort(byPath);
  }

  #delete({ path, isPriority }: Dirty): void {
    this.#entries.delete(path);
    if (isPriority) this.#urgent--;
  }

  #isDue({ firstAt, lastAt }: Dirty, now: number): boolean {
    return now - lastAt >= this.#limits.quietMs || now - firstAt >= this.#limits.mostMs;
  }

  /** ms, monotonic: when something is due; `null` when nothing is dirty. */
  dueAt(): number | null {
    const { quietMs, mostMs } = this.#limits;
    let at: number | null = null;
    for (const { firstAt, lastAt } of this.#entries.values()) {
      const due = Math.min(lastAt + quietMs, firstAt + mostMs);
      if (at === null || due < at) at = due;
    }
    return at;
  }

  /** Paths become their folders, folders become the roots. Those with priority stay as they are while they are few. */
  #fold(now: number): void {
    const all = [...this.#entries.values()];
    const kept = all.filter(({ isPriority }) => isPriority);
    const isKept = kept.length <= this.#limits.maxPaths / 2;
    const folders = new Map<BytePath, Dirty>();
    for (const entry of all) {
      if (isKept && entry.isPriority) continue;
      this.#foldedSince = Math.min(this.#foldedSince ?? entry.firstAt, entry.firstAt);
      const folder = entry.deep ? entry.path : parentOf(entry.path);
      addTo(folders, { ...entry, path: folder, deep: true, isBlind: true, facts: noFacts, partner: null });
    }
    const isTooMany = folders.size > this.#limits.maxFolders;
    const isPriority = !isKept;
    const next = isTooMany
      ? this.#roots.map((path) => ({ ...wholeRoot(path, now), isPriority }))
      : [...folders.values()];
    this.#entries = new Map();
    for (const entry of isKept ? [...kept, ...next] : next) addTo(this.#entries, entry);
    this.#urgent = [...this.#entries.values()].filter((entry) => entry.isPriority).length;
  }
}

function addTo(entries: Map<BytePath, Dirty>, entry: Dirty): void {
  const known = entries.get(entry.path);
  if (known === undefined) entries.set(entry.path, entry);
  else {
    const firstAt = Math.min(known.firstAt, entry.firstAt);
    const lastAt = Math.max(known.lastAt, entry.lastAt);
    const partner = entry.partner ?? undefined;
    entries.set(entry.path, { ...merged(known, { ...entry, partner }, lastAt), firstAt });
  }
}

function merged(known: Dirty, mark: Mark, now: number): Dirty {
  return {
    path: known.path,
    deep: known.deep || mark.deep,
    isBlind: known.isBlind && mark.isBlind,
    facts: {
      created: known.facts.created || mark.facts.created,
      deleted: known.facts.deleted || mark.facts.deleted,
      written: known.facts.written || mark.facts.written,
    },
    pid: mark.pid === 0 || (mark.pid === unreadPid && known.pid !== 0) ? known.pid : mark.pid,
    isPriority: known.isPriority || mark.isPriority,
    partner: mark.partner ?? known.partner,
    // A second look is marked with the time of the first.
    firstAt: Math.min(known.firstAt, now),
    lastAt: Math.max(known.lastAt, now),
  };
}

function wholeRoot(path: BytePath, now: number): Dirty {
  return {
    path,
    deep: true,
    isBlind: true,
    facts: noFacts,
    pid: 0,
    isPriority: false,
    partner: null,
    firstAt: now,
    lastAt: now,
  };
}

function byPath(a: Dirty, b: Dirty): number {
  return a.path < b.path ? -1 : 1;
}

/** Turns differences into what is told: recognises moves, reads what lstat(2) does not say, and hands all to the teller. */

import type { BytePath } from "../../shared/watch/paths.ts";
import type { WatchedPath } from "../../shared/watch/settings.ts";
import { changeTrigger } from "./asides.ts";
import type { BaselineStore } from "./baseline-store.ts";
import { type AccountNames, type Change, changeOf, moveOf, payloadOf, unverified } from "./change.ts";
import type { Circumstances } from "./circumstances.ts";
import type { ContentReader } from "./content-fs.ts";
import type { Contents } from "./diff/contents-fs.ts";
import type { Dirty } from "./dirty-set.ts";
import type { Gathered } from "./gather-fs.ts";
import type { Unrecorded } from "./integrity/unrecorded.ts";
import { readsBehind, type Stat } from "./look.ts";
import { lookerWithin } from "./reached-fs.ts";
import { type BaselineChange, type BaselineRecord, type FreshLook, isSameLook } from "./record.ts";
import { type Difference, findMoves, type Move } from "./renames.ts";
import type { Selection } from "./selection.ts";
import type { Teller, Told } from "./teller.ts";

export interface InspectorOptions {
  readonly selection: Selection;
  readonly baseline: BaselineStore;
  readonly teller: Teller;
  readonly content: ContentReader;
  /** Of files that are watched with `diff`. */
  readonly contents: Pick<Contents, "collect" | "fieldsOf">;
  readonly names: AccountNames;
  /** Paths without a record that were never looked at before: they enter the baseline and are not told. */
  readonly isFirstLook: (path: BytePath) => boolean;
  /** Told of what is without a record although it may have been there before. */
  readonly unrecorded?: Pick<Unrecorded, "note">;
  /** The path changed while it was read, or may do so unseen. `heard`: what was heard of it. */
  readonly again: (path: BytePath, heard: Dirty | null) => void;
  /** Id of the storm that so many changes are part of, if they are. */
  readonly burstOf: (paths: readonly BytePath[]) => string | null;
  /** Called between two chunks: what cannot wait for the rest is told there. Whether there was something. */
  readonly between: () => Promise<boolean>;
}

/** Differences read and told at once. */
const chunk = 256;

interface OneTold extends Told {
  readonly path: BytePath;
  readonly isPriority: boolean;
}

type Step = { readonly told: OneTold | null; readonly silent: readonly BaselineChange[] };
const nothing: Step = { told: null, silent: [] };

export class Inspector {
  readonly #options: InspectorOptions;
  /** Their first look is still to come, although that at everything else is over: they changed under the reading. */
  readonly #putOff = new Set<BytePath>();

  constructor(options: InspectorOptions) {
    this.#options = options;
  }

  /** Resolves once all that differs is accepted and in the baseline. How many changes were told. */
  async inspect({ differences, unselected }: Gathered, circumstances: Circumstances): Promise<number> {
    const { baseline } = this.#options;
    if (unselected.length > 0) {
      await baseline.write(
        unselected.map((path) => ({ path, record: null })),
        { sync: false },
      );
    }
    const { full } = circumstances;
    const fresh = circumstances.recheck ? this.#rechecked(differences, full) : differences;
    const { moves, others } = findMoves(fresh);
    // What moved along may be another batch's to find: whatever is said of it besides is looked at once more.
    let recheck = moves.some(({ along }) => along.length > 0);
    let told = 0;
    for (const move of moves) told += await this.#settle([await this.#move(move, circumstances)]);
    for (let from = 0; from < others.length; from += chunk) {
      if (from > 0 && (await this.#options.between())) recheck = true;
      const found = others.slice(from, from + chunk);
      const part = recheck ? this.#rechecked(found, full) : found;
      const steps: Step[] = [];
      const taken: BaselineChange[] = [];
      for (const difference of part) {
        const record = this.#taken(difference, circumstances);
        if (record !== null) taken.push({ path: difference.path, record });
        else steps.push(await this.#other(difference, circumstances));
      }
      told += await this.#settle(steps, taken);
    }
    return told;
  }

  #rechecked(differences: readonly Difference[], full: boolean): readonly Difference[] {
    const { baseline, selection } = this.#options;
    const look = lookerWithin(selection);
    return differences.flatMap(({ path }) => {
      const before = baseline.get(path);
      const outcome = look(path);
      if ("error" in outcome) return [];
      if (before === null && outcome.found === null && !baseline.isVoid(path)) return [];
      const after = outcome.found;
      const isRead = full || (after !== null && readsBehind(after, selection.entryOf(path)));
      if (!isRead && before !== null && after !== null && isSameLook(before, after)) return [];
      return [{ path, before, after }];
    });
  }

  async #settle(steps: readonly Step[], taken: readonly BaselineChange[] = []): Promise<number> {
    const { baseline, teller, burstOf } = this.#options;
    const silent = [...taken, ...steps.flatMap((step) => step.silent)];
    const told = steps.map((step) => step.told).filter((one) => one !== null);
    if (silent.length > 0) await baseline.write(silent, { sync: false });
    if (told.length === 0) return 0;
    // Only what is told makes a storm: not what is there at the first look.
    const burst = burstOf(told.map(({ path }) => path));
    await teller.tell(burst === null ? told : told.map((one) => inBurst(one, burst)));
    return told.length;
  }

  /**
   * What is there at a first look and was read by another thread, without waiting for anything: of the first record that
   * is nearly all. `null`: for `other`.
   */
  #taken({ path, before, after }: Difference, at: Circumstances): BaselineRecord | null {
    if (before !== null || after === null || !this.#options.isFirstLook(path)) return null;
    const entry = this.#options.selection.entryOf(path);
    if (entry === null || entry.diff) return null;
    const record = this.#options.content.readBefore(path, after);
    if (record?.isRacy === true) this.#options.again(path, at.heardOf(path));
    return record;
  }

  async #other(difference: Difference, at: Circumstances): Promise<Step> {
    const { path, before, after: stat } = difference;
    const entry = this.#options.selection.entryOf(path);
    if (entry === null) return nothing;
    if (stat === null) this.#options.content.forget(path);
    const after = stat === null ? null : await this.#look(path, stat, before, entry, at);
    const isVoid = before === null && this.#options.baseline.isVoid(path);
    const isFirst = before === null && !isVoid && (this.#options.isFirstLook(path) || this.#putOff.has(path));
    if (after === "put off") {
      if (isFirst) this.#putOff.add(path);
      return nothing;
    }
    this.#putOff.delete(path);
    const change = isVoid ? unverified(path, after) : changeOf(path, before, after, entry.attributes);
    if (change === null || isFirst) {
      await this.#options.contents.collect(path, after, entry);
      return { told: null, silent: silently(difference, after) };
    }
    const { offline } = at.finding(path);
    if (change.status === "created" && offline !== null && after !== null)
      this.#options.unrecorded?.note(path, after.stat, offline.since);
    return { told: await this.#toldOf(change, nextVersion(before), entry, at), silent: [] };
  }

  async #move(move: Move, at: Circumstances): Promise<Step> {
    const { from, to, before, after: stat, replaced, along, children } = move;
    const { selection } = this.#options;
    const entry = selection.entryOf(to);
    if (entry === null) return nothing;
    const after = await this.#look(to, stat, before, entry, at, from);
    if (after === "put off") return nothing;
    const change = moveOf({ from, to, before, after, replaced, along: children }, entry.attributes);
    const version = nextVersion(replaced ?? before);
    const told = await this.#toldOf(change, version, entry, at);
    return {
      told: {
        ...told,
        changes: [
          { path: from, record: null },
          { path: to, record: { ...after, version } },
        ],
        moves: along.length === 0 ? [] : [{ from, to }],
        along: along.flatMap(({ from: old, to: path, record }) => [
          { path: old, record: null },
          { path, record },
        ]),
      },
      silent: [],
    };
  }

  async #toldOf(change: Change, version: number, entry: WatchedPath, at: Circumstances): Promise<OneTold> {
    const { path, oldPath, after } = change;
    const known = at.actor(path);
    const actor = known.unknown !== undefined && oldPath !== null ? at.actor(oldPath) : known;
    const { contents, names } = this.#options;
    const payload = {
      ...payloadOf(change, { entry, finding: at.finding(path), actor, names }),
      ...(await contents.fieldsOf(change, entry)),
    };
    const record: BaselineRecord | null = after === null ? null : { ...after, version };
    const changes = [{ path, record }];
    return {
      path,
      isPriority: entry.priority,
      trigger: changeTrigger,
      payload,
      changes,
      moves: [],
      along: [],
    };
  }

  /** `put off`: it will be dirty again, with what it moved from. */
  async #look(
    path: BytePath,
    stat: Stat,
    before: BaselineRecord | null,
    entry: WatchedPath,
    at: Circumstances,
    from: BytePath | null = null,
  ): Promise<FreshLook | "put off"> {
    const { content, again } = this.#options;
    const mayBeLater = at.later !== null;
    const { full, unreadable } = at;
    const found = await content.read({ path, stat, before, entry, full, mayBeLater, unreadable });
    if (found === "later") {
      at.later?.({ path, stat, from });
      return "put off";
    }
    const isSettled = found !== "again";
    if (!isSettled && from !== null) again(from, at.heardOf(from));
    if (!isSettled || found.isRacy === true) again(path, at.heardOf(path));
    return isSettled ? found : "put off";
  }
}

/** What has priority passes storms, and belongs to none. */
function inBurst(told: OneTold, burst: string): Told {
  return told.isPriority ? told : { ...told, payload: { ...told.payload, burst } };
}

/** A change that is not told leaves the version as it is. */
function silently({ path, before }: Difference, after: FreshLook | null): readonly BaselineChange[] {
  return [{ path, record: after === null ? null : { ...after, version: before?.version ?? 1 } }];
}

function nextVersion(before: BaselineRecord | null): number {
  return ((before?.version ?? 0) + 1) >>> 0;
}

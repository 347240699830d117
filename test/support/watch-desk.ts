/** The core of the watching sensor over a real folder and a real baseline; the test gives the hints and takes what is told. */
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import type { Witness } from "../../agent/watch/actor.ts";
import { BaselineStore } from "../../agent/watch/baseline-store.ts";
import { Contents } from "../../agent/watch/diff/contents-fs.ts";
import { Versions } from "../../agent/watch/diff/versions-fs.ts";
import { Engine } from "../../agent/watch/engine-fs.ts";
import { type ObserveOptions, SystemObserver } from "../../agent/watch/kernel/observe-fs.ts";
import type { ReadXattrs } from "../../agent/watch/look-fs.ts";
import { unapplied } from "../../agent/watch/notes.ts";
import type { Hint } from "../../agent/watch/observer.ts";
import { Selection } from "../../agent/watch/selection.ts";
import { appliedSeqName, Teller } from "../../agent/watch/teller.ts";
import type { Clock } from "../../shared/clock.ts";
import type { JsonObject } from "../../shared/json.ts";
import { systemClock, systemTimers } from "../../shared/system-process.ts";
import { type BytePath, bytePath } from "../../shared/watch/paths.ts";
import { readSettings } from "../../shared/watch/read-settings.ts";
import { atEnd } from "./at-end.ts";
import { waitUntil } from "./wait-until.ts";

export interface Triggered {
  readonly trigger: string;
  readonly payload: JsonObject;
}

/** What the agent keeps of a sensor across its lives. */
export interface AgentSide {
  readonly told: Triggered[];
  /** What was told of the baseline as a whole. */
  readonly anchors: JsonObject[];
  readonly notes: Map<string, string>;
  /** Triggers are stored, and their acceptance is heard only once this resolves. */
  gate: Promise<void>;
  /** Called as a trigger comes in. */
  onTold: (payload: JsonObject) => void;
}

export function agentSide(): AgentSide {
  return { told: [], anchors: [], notes: new Map(), gate: Promise.resolve(), onTold: () => {} };
}

export interface WatchDesk {
  readonly engine: Engine;
  readonly observer: SystemObserver | null;
  readonly baseline: BaselineStore;
  hint(path: string, more?: Partial<Omit<Hint, "path">>): void;
  moved(from: string, to: string): void;
  /** How much was told since the last call of `told`. */
  count(): number;
  /** Resolves with what was told since the last call once nothing is dirty any more. */
  told(): Promise<readonly JsonObject[]>;
  close(): Promise<void>;
  /** As a process ends that is killed: nothing that goes on in it is heard of any more. */
  crash(): Promise<void>;
}

export interface DeskOptions {
  readonly firstLook?: (path: BytePath) => boolean;
  /** With it the kernel gives the hints. */
  readonly observe?: Pick<ObserveOptions, "backend" | "queue" | "lookEveryMs">;
  readonly witness?: Witness;
  readonly readXattrs?: ReadXattrs;
  readonly clock?: Clock;
  readonly readingThreads?: number;
}

/** `config` as in pack `watch`; the first look at everything is over, with its second looks, when it resolves. */
export async function openWatchDesk(
  stateFolder: string,
  config: JsonObject,
  agent: AgentSide,
  {
    firstLook = () => true,
    observe,
    witness = {
      noticed: () => {},
      actor: ({ pid }) => (pid === 0 ? { unknown: "not asked" } : { pid }),
      missing: () => [],
    },
    readXattrs = () => null,
    clock = systemClock,
    readingThreads = 2,
  }: DeskOptions = {},
): Promise<WatchDesk> {
  const settings = readSettings({ settle_ms: 10, settle_most_ms: 50, ...config });
  const selection = new Selection(settings.paths, [bytePath(stateFolder)]);
  const baseline = await BaselineStore.open({
    folder: join(stateFolder, "baseline"),
    key: join(stateFolder, "baseline.key"),
    anchor: null,
  });
  const applied = Number(baseline.meta(appliedSeqName) ?? 0);
  for (const note of unapplied([...agent.notes.values()], applied, (text) => baseline.notes.open(text))) {
    for (const move of note.moves) await baseline.move(move.from, move.to);
    await baseline.write(note.changes, { meta: { [appliedSeqName]: note.seq }, sync: true });
  }
  const dispatch = async (
    trigger: string,
    payload: JsonObject,
    set: Readonly<Record<string, string>> = {},
  ): Promise<number> => {
    if (isDead) return new Promise(() => {});
    agent.told.push({ trigger, payload: structuredClone(payload) });
    agent.onTold(payload);
    for (const [name, text] of Object.entries(set)) agent.notes.set(name, text);
    await agent.gate;
    return agent.told.length;
  };
  let failure: unknown = null;
  let isDead = false;
  const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
  const teller = new Teller({
    dispatch: (trigger, payload, options) =>
      dispatch(trigger, payload as JsonObject, options?.set as Record<string, string> | undefined),
    write: (changes, options) => baseline.write(changes, options),
    sealNote: (text) => baseline.notes.seal(text),
    appliedSeq: Number(baseline.meta(appliedSeqName) ?? 0),
    droppable: ["diff", "xattrs"],
    warn: () => {},
  });
  const isOld = baseline.meta("built") === true;
  let isBuilt = isOld;
  const contents = new Contents({
    versions: await Versions.open(join(stateFolder, "versions"), { bytes: 1_000_000, count: 100 }),
    selection,
    warn: () => {},
  });
  const engine = new Engine({
    contents,
    selection,
    settings,
    baseline,
    teller,
    witness,
    dispatch,
    readingThreads,
    readXattrs,
    names: { user: () => null, group: () => null },
    isFirstLook: (path) => !isBuilt && firstLook(path),
    drain: () => observer?.drain(),
    newId: randomUUID,
    clock,
    timers: systemTimers,
    log: silent,
    failed: (error) => {
      failure = error;
    },
  });
  const observer =
    observe === undefined
      ? null
      : new SystemObserver({
          ...observe,
          tree: {
            roots: selection.observed,
            isFollowed: (root) => selection.isFollowed(root),
            mayEnter: (at) => selection.mayEnter(at),
          },
          timers: systemTimers,
          monotonic: () => systemClock.monotonic(),
          covered: () => {},
        });
  await observer?.start(engine);
  const startedAt = systemClock.now();
  let taken = agent.told.length;
  await engine.reconcile(isOld ? { since: startedAt - 1_000, until: startedAt } : null);
  await baseline.write([], { meta: { built: true }, sync: true });
  isBuilt = true;
  // What was made just before the look is looked at twice.
  await waitUntil("the first look is over", () => engine.isIdle, 20_000, 5);
  let isClosed = false;
  const hint = (path: string, more: Partial<Omit<Hint, "path">> = {}): Hint => ({
    path: bytePath(path),
    deep: false,
    facts: { created: false, deleted: false, written: false },
    pid: 0,
    ...more,
  });
  const close = async () => {
    if (isClosed) return;
    isClosed = true;
    await observer?.stop();
    await engine.stop();
    await baseline.close();
  };
  atEnd(close);
  const crash = async () => {
    isDead = true;
    isClosed = true;
    await observer?.stop();
    await baseline.close();
    await engine.stop();
  };
  return {
    engine,
    observer,
    baseline,
    hint: (path, more) => engine.hints([hint(path, more)]),
    moved: (from, to) =>
      engine.hints([hint(from, { partner: bytePath(to) }), hint(to, { partner: bytePath(from) })]),
    count: () => agent.told.length - taken,
    told: async () => {
      await waitUntil("nothing is dirty", () => engine.isIdle || failure !== null, 20_000, 5);
      if (failure !== null) throw failure;
      const fresh = agent.told.slice(taken).map(({ payload, trigger }) => ({ trigger, ...payload }));
      taken = agent.told.length;
      return fresh;
    },
    close,
    crash,
  };
}

/** Sensor `watch.FileWatch`: wires what watches, looks, compares and tells, in the process of one sensor. */
import { randomUUID } from "node:crypto";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { makeDataFolder } from "../../shared/folder-fs.ts";
import type { Json, JsonObject } from "../../shared/json.ts";
import { giveBackMemory, giveBackNativeMemory } from "../../shared/spare-memory-process.ts";
import { systemClock, systemTimers } from "../../shared/system-process.ts";
import { type BytePath, bytePath, shownPath } from "../../shared/watch/paths.ts";
import { settingsThatFit, type WatchSettings } from "../../shared/watch/settings.ts";
import { executionVariable } from "../actions/environment.ts";
import type { Sensor, SensorLogger, SensorService } from "../sensors/sensor.ts";
import { localAccounts } from "./accounts-fs.ts";
import { silentWitness, type Witness } from "./actor.ts";
import type { Answers } from "./answers.ts";
import { BaselineStore } from "./baseline-store.ts";
import { pacer } from "./budget.ts";
import type { AccountNames } from "./change.ts";
import { Contents } from "./diff/contents-fs.ts";
import { Versions } from "./diff/versions-fs.ts";
import { noFacts } from "./dirty-set.ts";
import { Engine } from "./engine-fs.ts";
import {
  begunName,
  begunWith,
  firstLook,
  leftRoots,
  rememberedOf,
  selectionName,
  selectionPart,
} from "./first-look.ts";
import { forgetUnselected } from "./forget-unselected.ts";
import { anchorName, BaselineGuard } from "./integrity/guard.ts";
import { readAnchor } from "./integrity/summary.ts";
import { Unrecorded } from "./integrity/unrecorded.ts";
import { loadLibc } from "./kernel/libc-fs.ts";
import { letGoOfTables } from "./kernel/mapped-tables-fs.ts";
import { SystemObserver } from "./kernel/observe-fs.ts";
import { aliasesOf, everyWay } from "./kernel/real-path-fs.ts";
import { xattrReader } from "./kernel/xattrs-fs.ts";
import { lookStat } from "./look-fs.ts";
import { notePrefix, unapplied } from "./notes.ts";
import { Selection } from "./selection.ts";
import { Sweeps } from "./sweeps.ts";
import { appliedSeqName, Teller } from "./teller.ts";
import { SystemWitness } from "./who/witness-fs.ts";

/** ms between two signs of life: the window of what happened while nobody watched begins at the last one. */
const aliveEveryMs = 30_000;
const aliveName = "alive_at";
/** ms between two words during a first look that takes long. */
const atWorkEveryMs = 60_000;
const notesOfPage = 100;
/** Of contents that are kept for differences. */
const versionLimits = { bytes: 64 * 1024 * 1024, count: 20_000 };
/** Beside this one, for the first record of many files: more wait for the disk, or for this one. */
const mostReadingThreads = 2;
/** Lines in the log about how paths are watched. */
const mostSaid = 100;

export class FileWatch implements Sensor {
  readonly #service: SensorService;
  readonly #config: JsonObject;
  readonly #log: SensorLogger;
  #answers: Answers | null = null;
  readonly #ends: (() => Promise<unknown> | unknown)[] = [];

  constructor(service: SensorService, config: JsonObject) {
    this.#service = service;
    this.#config = config;
    this.#log = service.logger("FileWatch");
  }

  /** Resolves once everything was looked at and changes are heard of; `ready` is said then. */
  async setup(): Promise<void> {
    const { folder, own, key } = placesOf(process.env);
    const settings = settingsThatFit(this.#config) ?? (await this.#readThoroughly());
    const all = new Selection(settings.paths);
    const aliases = aliasesOf(all.observed, (root) => all.isFollowed(root));
    const selection = new Selection(
      settings.paths,
      own.map(bytePath).flatMap((path) => everyWay(path, aliases)),
    );
    if (selection.roots.length === 0) {
      this.#log.warn(
        "nothing is watched: set paths, with petrel pack config watch --set 'paths=[{path: /etc}]'",
      );
    }
    await makeDataFolder(folder, 0o700);
    const anchor = readAnchor(await this.#service.getValue(anchorName));
    const baseline = await BaselineStore.open({ folder: join(folder, "baseline"), key, anchor });
    this.#ends.push(() => baseline.close());
    await this.#applyNotes(baseline);

    const clock = systemClock;
    const timers = systemTimers;
    const part = selectionPart(this.#config);
    const remembered = rememberedOf(baseline.meta(selectionName), baseline.meta(begunName));
    const isFirst = baseline.isSuspect ? () => false : firstLook(remembered);
    let isComplete = false;
    const teller = new Teller({
      dispatch: (trigger, payload, options) => this.#service.dispatch(trigger, payload, options),
      write: (changes, options) => baseline.write(changes, options),
      sealNote: (text) => baseline.notes.seal(text),
      // Its numbers never go back, also where the baseline was begun anew.
      appliedSeq: Math.max(numberOf(baseline.meta(appliedSeqName)), anchor?.told ?? 0),
      droppable: ["diff", "xattrs"],
      warn: (message, path) => this.#log.warn(`${path}: ${message}`),
    });
    const names = localAccounts(() => clock.monotonic());
    const witness = await this.#witness(settings.who, selection.roots, names);
    const contents = new Contents({
      versions: await Versions.open(join(folder, "versions"), versionLimits),
      selection,
      warn: (message) => this.#log.warn(message),
    });
    const unrecorded = new Unrecorded();
    const engine = new Engine({
      contents,
      selection,
      settings,
      baseline,
      teller,
      witness,
      dispatch: (trigger, payload) => this.#service.dispatch(trigger, payload),
      readXattrs: xattrReader(),
      readingThreads: availableParallelism() > 1 ? mostReadingThreads : 0,
      names,
      isFirstLook: (path) => !isComplete && isFirst(path),
      unrecorded,
      drain: () => observer.drain(),
      newId: randomUUID,
      clock,
      timers,
      log: this.#log,
      failed: (error) =>
        queueMicrotask(() => {
          throw error;
        }),
    });
    // After the engine, which may still write.
    this.#ends.push(() => guard.stop());
    this.#ends.push(() => engine.stop());
    const guard = new BaselineGuard({
      baseline,
      dispatch: (trigger, payload, options) => this.#service.dispatch(trigger, payload, options),
      look: (paths) => engine.hints(paths.map((path) => ({ path, deep: false, facts: noFacts, pid: 0 }))),
      withoutRecord: () => unrecorded.take(),
      toldSeq: () => teller.seq,
      letGo(isOver) {
        letGoOfTables(join(folder, "baseline"));
        if (!isOver) return;
        giveBackMemory();
        giveBackNativeMemory();
      },
      newPace: () => {
        const pause = (ms: number) => new Promise<void>((resolve) => void timers.after(ms, resolve));
        return pacer({ budget: settings.budget, clock, pause });
      },
      clock,
      timers,
      log: this.#log,
    });
    const observer = new SystemObserver({
      tree: {
        roots: selection.observed,
        isFollowed: (root) => selection.isFollowed(root),
        mayEnter: (at) => selection.mayEnter(at),
      },
      backend: settings.backend,
      timers,
      monotonic: () => clock.monotonic(),
      covered: (coverage) => {
        for (const { path, backend, state, reason } of coverage.slice(0, mostSaid)) {
          const why = reason === "" ? "" : ` (${reason})`;
          this.#log.info(`${shownPath(path).path} is ${state}, by ${backend}${why}`);
        }
        const more = coverage.length - mostSaid;
        if (more > 0) this.#log.info(`${more} more: petrel-agent coverage shows them`);
      },
    });
    // At the very first start the hub knows nothing that it could be compared with.
    if (anchor !== null) await guard.found();
    // Before the first look: what changes meanwhile is heard, and looked at after it.
    await observer.start(engine);
    this.#ends.push(() => observer.stop());
    // Before anything is forgotten or recorded for this selection: the next one has to know, should this one be given up.
    await baseline.write([], { meta: { [begunName]: begunWith(remembered, part) }, sync: true });
    await forgetUnselected(baseline, leftRoots(remembered, selection), selection);
    const aliveAt = numberOf(baseline.meta(aliveName));
    const until = clock.now();
    const stopSaying = this.#sayAtWork(() => baseline.summary.generation);
    this.#ends.push(stopSaying);
    await engine.reconcile(aliveAt === 0 ? null : { since: Math.min(aliveAt, until), until });
    isComplete = true;
    stopSaying();
    const alive = () => baseline.write([], { meta: { [aliveName]: engine.toldUntil }, sync: false });
    await baseline.write([], {
      meta: { [selectionName]: part, [begunName]: [], [aliveName]: clock.now() },
      sync: true,
    });
    this.#service.checkpoint({ earlier: true });
    this.#ends.push(alive);
    const beat = () => {
      stopBeat = timers.after(aliveEveryMs, () => {
        alive().then(beat, (error: unknown) =>
          this.#log.warn(`no sign of life could be written: ${String(error)}`),
        );
      });
    };
    let stopBeat = () => {};
    beat();
    this.#ends.push(() => stopBeat());
    const sweeps = new Sweeps({
      ...settings.sweep,
      budget: settings.budget,
      engine: guard.after(engine),
      clock,
      timers,
      log: this.#log,
    });
    guard.start();
    const collected = contents.collectAll(baseline, settings.paths).catch((error: unknown) => {
      this.#log.warn(`contents could not be collected: ${String(error)}`);
    });
    this.#ends.push(() => {
      contents.stop();
      return collected;
    });
    const { unreadable } = engine;
    const coverage = () => observer.coverage();
    const who = () => ({ asked: settings.who, missing: witness.missing() });
    const parts = { selection, baseline, sweeps, unreadable, coverage, who, lookStat, names, clock };
    // Not before: until here nothing is answered, and changes are heard of sooner.
    const { Answers } = await import("./answers.ts");
    const answers = new Answers(parts);
    this.#ends.push(() => answers.stop());
    this.#ends.push(() => sweeps.stop());
    this.#answers = answers;
    sweeps.start();
  }

  /** See `Answers`. */
  ask(question: string, args: JsonObject): unknown {
    return this.#answers?.ask(question, args);
  }

  /** A descriptor that is not being read, and a timer of the house, keep no process alive. */
  run(): void {
    const keep = setInterval(() => {}, 2 ** 30);
    this.#ends.push(() => clearInterval(keep));
  }

  async cleanup(): Promise<void> {
    for (const end of this.#ends.splice(0).reverse()) await end();
  }

  /** With all that is wrong in it. What checks that takes long to load. */
  async #readThoroughly(): Promise<WatchSettings> {
    const { readSettings } = await import("../../shared/watch/read-settings.ts");
    return readSettings(this.#config);
  }

  async #witness(
    who: WatchSettings["who"],
    roots: readonly BytePath[],
    names: AccountNames,
  ): Promise<Witness> {
    if (who === "off") return silentWitness;
    const witness = new SystemWitness({
      loadLibc,
      timers: systemTimers,
      monotonic: () => systemClock.monotonic(),
      names,
      agentPid: process.ppid,
      executionVariable,
      log: this.#log,
    });
    this.#ends.push(() => witness.stop());
    await witness.start();
    if (who !== "audit") return witness;
    // Few ask for it, and each start would wait for its modules.
    const { AuditedWitness } = await import("./who/audited-witness-fs.ts");
    const audited = new AuditedWitness({
      other: witness,
      roots,
      loadLibc,
      timers: systemTimers,
      monotonic: () => systemClock.monotonic(),
      names,
      log: this.#log,
    });
    this.#ends.push(() => audited.stop());
    await audited.start();
    return audited;
  }

  /** While `progress` goes on: to the agent a silent sensor that is not ready is one that hangs. */
  #sayAtWork(progress: () => number): () => void {
    let before = progress();
    let cancel = () => {};
    const again = () => {
      cancel = systemTimers.after(atWorkEveryMs, () => {
        const now = progress();
        if (now !== before) this.#log.info("the first look at what is watched goes on");
        before = now;
        again();
      });
    };
    again();
    return () => cancel();
  }

  /** What was told and accepted in an earlier life, and did not get into the baseline. */
  async #applyNotes(baseline: BaselineStore): Promise<void> {
    const texts: string[] = [];
    for (let offset = 0; ; offset += notesOfPage) {
      const page = await this.#service.listValues({ prefix: notePrefix, limit: notesOfPage, offset });
      texts.push(...page.map(({ value }) => value));
      if (page.length < notesOfPage) break;
    }
    const applied = numberOf(baseline.meta(appliedSeqName));
    for (const { seq, moves, changes } of unapplied(texts, applied, (text) => baseline.notes.open(text))) {
      for (const { from, to } of moves) await baseline.move(from, to);
      await baseline.write(changes, { meta: { [appliedSeqName]: seq }, sync: true });
    }
  }
}

interface Places {
  /** The sensor's own. */
  readonly folder: string;
  /** What the agent writes, which is never watched. */
  readonly own: readonly string[];
  /** The agent's file with the key of the baseline's seals. */
  readonly key: string;
}

function placesOf(env: NodeJS.ProcessEnv): Places {
  const { PETREL_SENSOR_FOLDER: folder = "", PETREL_AGENT_FOLDER: agent = "" } = env;
  if (folder === "" || agent === "") {
    throw new Error("PETREL_SENSOR_FOLDER is not set: this sensor is started by petrel-agent");
  }
  return { folder, own: [folder, agent], key: join(agent, "watch-baseline.key") };
}

function numberOf(value: Json): number {
  return typeof value === "number" ? value : 0;
}

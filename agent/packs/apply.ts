/** Makes what runs on this agent follow the assignments: versions are fetched, configured, started, told to the hub. */
import { type Backoff, backoffMs } from "../../shared/backoff.ts";
import { type Clock, timestamp } from "../../shared/clock.ts";
import type { PetrelError } from "../../shared/errors.ts";
import type { JsonObject } from "../../shared/json.ts";
import type { Logger } from "../../shared/log.ts";
import type { SensorDefinition } from "../../shared/model/pack.ts";
import { effectiveConfig } from "../../shared/packs/config.ts";
import { Rounds } from "../../shared/rounds.ts";
import type { Timers } from "../../shared/timers.ts";
import type { InventoryEntry } from "../../shared/wire/messages.ts";
import { type RefusedSensor, refusedText } from "../policy/pack-refusals.ts";
import type { DesiredSensor, SensorAssignment } from "../sensors/desired-sensor.ts";
import type { Proven, ProvenStore } from "../sensors/proven-store.ts";
import type { AssignmentsStore, PackAssignment } from "./assignments-store.ts";
import type { CachedPack, PackCache } from "./pack-cache-fs.ts";
import type { VirtualenvState } from "./virtualenv.ts";

/** What the hub is told about this agent besides its packs. */
export type AgentFacts = Pick<
  InventoryEntry,
  "host" | "version" | "platform" | "labels" | "runners" | "store_format"
>;

/** What the host itself lets be of what it is assigned; both refuse with HOST_REFUSED. */
export interface PackPolicy {
  /** Of the file in force; `null` when there is none. */
  readonly digest: string | null;
  refusesPack(pack: string): PetrelError | null;
  refusesSensor(sensor: string): PetrelError | null;
  /** Takes those that are assigned and may not run. */
  tellRefused(sensors: readonly RefusedSensor[]): void;
}

export interface PackApplierOptions {
  readonly assignments: Pick<AssignmentsStore, "assigned" | "applied" | "forVersion" | "saveApplied">;
  readonly cache: Pick<PackCache, "load" | "ensurePack" | "clean">;
  /** With what sensors became ready last. */
  readonly proven: Pick<ProvenStore, "all" | "forget">;
  /** What the Python code of a version runs in; by default the host's python3. */
  readonly virtualenvs?: { stateOf(packFolder: string): VirtualenvState };
  readonly host: {
    apply(desired: readonly SensorAssignment[]): void;
    foldersInUse(): ReadonlySet<string>;
  };
  /** Of the outbox. */
  readonly append: (entries: readonly InventoryEntry[]) => Promise<unknown>;
  readonly facts: AgentFacts;
  /** Of the host; absent: it lets everything run. */
  readonly policy?: PackPolicy;
  /** Digests of packs that unsettled executions name. */
  readonly pinnedDigests: () => Promise<Iterable<string>>;
  readonly newId: () => string;
  readonly clock: Clock;
  readonly timers: Timers;
  /** In [0, 1). */
  readonly jitter: () => number;
  readonly log: Logger;
  readonly backoff?: Backoff;
}

/** A version in use, with the configuration it runs with. */
interface Running {
  readonly assignment: PackAssignment;
  readonly cached: CachedPack;
  readonly config: JsonObject;
  /** Why its Python code cannot run. */
  readonly problem: PetrelError | null;
}

interface Fetch {
  readonly digest: string;
  attempt: number;
  cancel: () => void;
}

const defaultBackoff: Backoff = { firstMs: 1_000, mostMs: 60_000 };

/**
 * One round reads the assignments and uses what is on disk, so the agent starts the same with the hub away. What is
 * missing is fetched beside that; while it is, the version that ran last goes on.
 */
export class PackApplier {
  readonly #options: PackApplierOptions;
  readonly #backoff: Backoff;
  #running = new Map<string, Running>();
  /** Packs whose assigned version is there, and its virtualenv is not yet. */
  #preparing: readonly string[] = [];
  /** Assigned packs that the host does not let be, with the reason. */
  #refused: ReadonlyMap<string, string> = new Map();
  readonly #fetches = new Map<string, Fetch>();
  readonly #rounds: Rounds;
  #isClosed = false;
  /** The inventory as it was last written to the outbox. */
  #told = "";

  constructor(options: PackApplierOptions) {
    this.#options = options;
    this.#backoff = options.backoff ?? defaultBackoff;
    const { timers, jitter, log } = options;
    this.#rounds = new Rounds({
      timers,
      jitter,
      backoff: this.#backoff,
      work: () => this.#apply(),
      failed: (error, retryMs) => log.warn("packs cannot be applied yet", { error, retry_in_ms: retryMs }),
    });
  }

  /** Starts what is on disk. Resolves after the first round; never waits for the hub. */
  start(): Promise<void> {
    return this.#rounds.ask();
  }

  /** To be called after assignments changed on disk. */
  changed(): void {
    void this.#rounds.ask();
  }

  /** The hub may have forgotten what it was told: its store is another one. */
  tellAgain(): void {
    this.#told = "";
    this.changed();
  }

  /** No round begins after this; the sensors are the host's to stop. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const { cancel } of this.#fetches.values()) cancel();
    await this.#rounds.stop();
  }

  /** Pack ref to the digest of the version in use. */
  versions(): Readonly<Record<string, string>> {
    const byRef = [...this.#running].sort(([a], [b]) => (a < b ? -1 : 1));
    return Object.fromEntries(byRef.map(([ref, { cached }]) => [ref, cached.digest]));
  }

  /** Pack ref to the fingerprint of the assignment in use, of those that carry one. */
  #fingerprints(): Readonly<Record<string, string>> {
    const byRef = [...this.#running].sort(([a], [b]) => (a < b ? -1 : 1));
    return Object.fromEntries(
      byRef.flatMap(
        ([
          ref,
          {
            assignment: { fingerprint },
          },
        ]) => (fingerprint === undefined ? [] : [[ref, fingerprint]]),
      ),
    );
  }

  /**
   * The effective configuration of exactly this version, as it is assigned: a request that came behind an assignment
   * meets it, carried out or not. Rejects with PACK_MISSING.
   */
  async packConfig(ref: string, digest: string): Promise<JsonObject> {
    const { assignments, cache } = this.#options;
    const { pack } = await cache.ensurePack(ref, digest);
    return effectiveConfig(pack, (await assignments.forVersion(ref, digest))?.config ?? {});
  }

  /** The folder of exactly this version, fetched if need be. Rejects with PACK_MISSING. */
  async ensurePack(ref: string, digest: string): Promise<string> {
    return (await this.#options.cache.ensurePack(ref, digest)).folder;
  }

  async #apply(): Promise<void> {
    const { assignments, cache, host, pinnedDigests } = this.#options;
    const all = await assignments.assigned();
    const refused = all.flatMap(({ pack }) => {
      const error = this.#options.policy?.refusesPack(pack) ?? null;
      return error === null ? [] : [[pack, refusedText(error)] as const];
    });
    this.#refused = new Map(refused);
    const assigned = all.filter(({ pack }) => !this.#refused.has(pack));
    const applied = await assignments.applied();
    const running = new Map<string, Running>();
    const preparing: string[] = [];
    for (const assignment of assigned) {
      const { pack, digest } = assignment;
      const cached = await this.#load(pack, digest);
      const usable = cached === null ? null : this.#configured(assignment, cached);
      if (cached === null) this.#fetch(pack, digest);
      else if (usable === null) preparing.push(pack);
      // Until the new version can run, the one that ran last goes on.
      const used = usable ?? (await this.#asBefore(applied.get(pack)));
      if (used !== null) running.set(pack, used);
    }
    this.#preparing = preparing;
    this.#forgetFetches(assigned);
    this.#running = running;
    const desired = this.#allowed([...running.values()].flatMap(desiredSensors));
    const proven = await this.#proven(desired);
    host.apply(
      desired.map((sensor) => ({ ...sensor, proven: proven.sensors.get(sensor.definition.ref) ?? null })),
    );
    await assignments.saveApplied([...running.values()].map(({ assignment }) => assignment));
    const kept = [...applied.values()].filter(({ pack }) => !this.#refused.has(pack));
    const needed = [...assigned, ...kept].map(({ digest }) => digest);
    await cache.clean(
      new Set([...needed, ...proven.digests, ...(await pinnedDigests())]),
      host.foldersInUse(),
    );
    await this.#tellInventory();
  }

  /** Without the sensors that the host does not let run; those are told. */
  #allowed(desired: readonly SensorAssignment[]): readonly SensorAssignment[] {
    const { policy } = this.#options;
    if (policy === undefined) return desired;
    const refused = desired.flatMap(({ definition, fingerprint }): RefusedSensor[] => {
      const error = policy.refusesSensor(definition.ref);
      return error === null ? [] : [{ sensor: definition.ref, fingerprint, error }];
    });
    policy.tellRefused(refused);
    const names = new Set(refused.map(({ sensor }) => sensor));
    return desired.filter(({ definition }) => !names.has(definition.ref));
  }

  /** `null` while its virtualenv is being built: a change is told then. */
  #configured(assignment: PackAssignment, cached: CachedPack): Running | null {
    const venv = this.#options.virtualenvs?.stateOf(cached.folder) ?? { state: "none" };
    if (venv.state === "building") return null;
    const problem = venv.state === "failed" ? venv.error : null;
    return { assignment, cached, config: effectiveConfig(cached.pack, assignment.config), problem };
  }

  async #asBefore(applied: PackAssignment | undefined): Promise<Running | null> {
    const cached = applied === undefined ? null : await this.#load(applied.pack, applied.digest);
    return applied === undefined || cached === null ? null : this.#configured(applied, cached);
  }

  /** A version that turns out unusable is like one that is not there: it must not stop the other packs. */
  async #load(pack: string, digest: string): Promise<CachedPack | null> {
    try {
      return await this.#options.cache.load(pack, digest);
    } catch (error) {
      this.#options.log.error("a pack cannot be used", { pack, digest, error });
      return null;
    }
  }

  /** The sensors that shall run as they last became ready, and the versions of packs needed for that. */
  async #proven(desired: readonly DesiredSensor[]) {
    const { proven } = this.#options;
    const wanted = new Set(desired.map(({ definition }) => definition.ref));
    const all = await proven.all();
    const kept = all.filter(({ sensor }) => wanted.has(sensor));
    // A pack of which no version is here yet may be one that is being fetched again.
    const isOver = ({ pack }: Proven) => this.#running.has(pack) || !this.#fetches.has(pack);
    await proven.forget(
      all.filter((row) => !wanted.has(row.sensor) && isOver(row)).map(({ sensor }) => sensor),
    );
    const sensors = new Map<string, DesiredSensor>();
    for (const { sensor, pack, digest, config } of kept) {
      const cached = await this.#load(pack, digest);
      const definition = cached?.pack.sensors.find(({ ref }) => ref === sensor);
      if (cached !== null && definition !== undefined)
        sensors.set(sensor, sensorOf(cached, definition, config, null));
    }
    return { sensors, digests: kept.map(({ digest }) => digest) };
  }

  #fetch(pack: string, digest: string): void {
    const running = this.#fetches.get(pack);
    if (running?.digest === digest) return;
    running?.cancel();
    const fetch: Fetch = { digest, attempt: 0, cancel: () => {} };
    this.#fetches.set(pack, fetch);
    this.#attempt(pack, fetch);
  }

  #attempt(pack: string, fetch: Fetch): void {
    const { cache, timers, jitter, log } = this.#options;
    cache.ensurePack(pack, fetch.digest).then(
      () => {
        if (this.#fetches.get(pack) === fetch) this.#fetches.delete(pack);
        this.changed();
      },
      (error: unknown) => {
        if (this.#isClosed || this.#fetches.get(pack) !== fetch) return;
        const delayMs = backoffMs(this.#backoff, fetch.attempt++, jitter());
        log.warn("a pack cannot be fetched yet", { pack, error, retry_in_ms: Math.round(delayMs) });
        fetch.cancel = timers.after(delayMs, () => this.#attempt(pack, fetch));
      },
    );
  }

  #forgetFetches(assigned: readonly PackAssignment[]): void {
    const wanted = new Map(assigned.map(({ pack, digest }) => [pack, digest]));
    for (const [pack, fetch] of this.#fetches) {
      if (wanted.get(pack) === fetch.digest) continue;
      fetch.cancel();
      this.#fetches.delete(pack);
    }
  }

  async #tellInventory(): Promise<void> {
    const { append, facts, policy, newId, clock } = this.#options;
    const failed = [...this.#running].flatMap(([ref, { problem }]) =>
      problem === null ? [] : [[ref, sentence(problem)] as const],
    );
    const problems = [...failed, ...this.#refused];
    const inventory = {
      ...facts,
      packs: this.versions(),
      fingerprints: this.#fingerprints(),
      ...(this.#preparing.length > 0 && { preparing: this.#preparing }),
      ...(problems.length > 0 && { problems: Object.fromEntries(problems) }),
      ...(policy !== undefined && { policy: policy.digest }),
    };
    const text = JSON.stringify(inventory);
    if (text === this.#told) return;
    await append([{ kind: "inventory", id: newId(), at: timestamp(clock.now()), ...inventory }]);
    this.#told = text;
  }
}

function sentence({ code, message, hint }: PetrelError): string {
  return `${code}: ${message}${hint === undefined ? "" : `; ${hint}`}`.slice(0, 2_048);
}

function desiredSensors({ assignment, cached, config, problem }: Running): readonly DesiredSensor[] {
  const switched = new Map(assignment.sensors?.map(({ sensor, enabled }) => [sensor, enabled]));
  return cached.pack.sensors
    .filter(({ ref, enabled }) => switched.get(ref) ?? enabled)
    .map((definition) => ({
      ...sensorOf(cached, definition, config, assignment.fingerprint ?? null),
      // Once its virtualenv is there it is another sensor than the one that cannot start: it is started at once.
      ...(problem !== null && { codeDigest: `${cached.codeDigest} without virtualenv` }),
      ruleTriggers: assignment.triggers ?? [],
    }));
}

function sensorOf(
  { pack, digest, folder, codeDigest }: CachedPack,
  definition: SensorDefinition,
  config: JsonObject,
  fingerprint: string | null,
): DesiredSensor {
  return {
    definition,
    triggerTypes: pack.trigger_types,
    packDigest: digest,
    packFolder: folder,
    codeDigest,
    config,
    fingerprint,
  };
}

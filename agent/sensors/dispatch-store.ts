/** Stores what sensors dispatch: trigger, datastore values and occurrence key in one batch, each occurrence once. */
import { createHash } from "node:crypto";
import { timestamp } from "../../shared/clock.ts";
import { type ErrorCode, isPetrelError, PetrelError } from "../../shared/errors.ts";
import type { Logger } from "../../shared/log.ts";
import type { StoreOp } from "../../shared/storage/committer-store.ts";
import type { Database } from "../../shared/storage/database-store.ts";
import { maxEntryBytes, type TriggerEntry } from "../../shared/wire/messages.ts";
import { jsonProblem } from "../../shared/wire/plain-json.ts";
import { agentKey, agentKeys, agentRange } from "../store/keys.ts";
import type { DispatchLife, Refusal } from "./intake.ts";
import type { LocalValues, LocalValuesStore, ValueChange, ValuePlan } from "./local-values-store.ts";
import type { DispatchMessage } from "./messages.ts";
import { type KeyPlan, OccurrenceKeys } from "./occurrence-keys.ts";

export interface DispatchStoreOptions {
  readonly database: Pick<Database, "level" | "committer">;
  /** Of the outbox: entries and `extraOps` in one synced batch, all or none; rejects with LINK_OUTBOX_FULL. */
  readonly append: (
    entries: readonly TriggerEntry[],
    extraOps: readonly StoreOp[],
    how: { readonly inBulk: boolean },
  ) => Promise<unknown>;
  readonly values: LocalValuesStore;
  readonly newId: () => string;
  readonly now: () => number;
  /** The same by the hub's clock; `null` while it is not known. */
  readonly hubNow: () => number | null;
  readonly log: Logger;
}

interface Prepared {
  readonly id: number;
  readonly key: string | null;
  readonly entry: TriggerEntry;
  readonly changes: readonly ValueChange[];
  readonly inBulk: boolean;
}

function keyRow(sensor: string, digest: string): string {
  return agentKey(agentKeys.sensorKey, sensor, digest);
}

/** What the outbox says of an entry that it will never take. */
const inVain: ReadonlySet<string> = new Set(["LINK_ENTRY_TOO_LARGE", "WIRE_PACKET"]);

/** Keys hold paths of any length; a digest keeps rows and memory small. */
function digestOf(key: string): string {
  return createHash("sha256").update(key).digest("base64url");
}

/** Hands out one life after the other of each sensor; two lives of one sensor never overlap. */
export class DispatchStore {
  readonly #options: DispatchStoreOptions;

  constructor(options: DispatchStoreOptions) {
    this.#options = options;
  }

  /** Begins a life of `sensor` (`pack.ClassName`), with the keys that earlier lives left. */
  async openLife(sensor: string): Promise<DispatchLife> {
    const held: { key: string; sequence: number }[] = [];
    const range = agentRange(agentKey(agentKeys.sensorKey, sensor));
    for await (const [key, value] of this.#options.database.level.iterator(range))
      held.push({ key: key.slice(range.gt.length), sequence: Number(value) });
    const values = await this.#options.values.of(sensor);
    return new StoredLife(this.#options, sensor, new OccurrenceKeys(held), values);
  }
}

/** In their order, so that the last of two values is the one that stays. */
function runs(ready: readonly Prepared[]): readonly (readonly Prepared[])[] {
  const found: Prepared[][] = [];
  for (const prepared of ready) {
    const run = found.at(-1);
    if (run !== undefined && run[0]?.inBulk === prepared.inBulk) run.push(prepared);
    else found.push([prepared]);
  }
  return found;
}

class StoredLife implements DispatchLife {
  readonly #options: DispatchStoreOptions;
  readonly #sensor: string;
  readonly #keys: OccurrenceKeys;
  readonly #values: LocalValues;
  /** A dispatch that has to be tried again keeps its entry, and so its id. */
  readonly #prepared = new WeakMap<DispatchMessage, Prepared | PetrelError>();
  readonly #stored = new WeakSet<Prepared>();
  /** The last write failed; whether LevelDB kept it shows only the disk. */
  #uncertain = false;

  constructor(options: DispatchStoreOptions, sensor: string, keys: OccurrenceKeys, values: LocalValues) {
    this.#options = options;
    this.#sensor = sensor;
    this.#keys = keys;
    this.#values = values;
  }

  async store(dispatches: readonly DispatchMessage[]): Promise<readonly Refusal[]> {
    const refused: Refusal[] = [];
    const ready: Prepared[] = [];
    for (const dispatch of dispatches) {
      const prepared = this.#prepare(dispatch);
      if (isPetrelError(prepared)) refused.push({ id: dispatch.id, error: prepared });
      else if (!this.#stored.has(prepared)) ready.push(prepared);
    }
    for (const run of runs(ready)) refused.push(...(await this.#writeAll(run)));
    return refused.toSorted((a, b) => a.id - b.id);
  }

  async checkpoint(upTo: number, earlier: boolean, acceptedUpTo: number): Promise<void> {
    const plan = this.#keys.planCheckpoint({ upTo, earlier }, acceptedUpTo);
    await this.#commit(this.#keyOps(plan));
    plan.commit();
  }

  /** All of them in bulk, or none. */
  async #writeAll(ready: readonly Prepared[]): Promise<readonly Refusal[]> {
    if ((await this.#write(ready)) === null) return [];
    // One of them is at fault: each goes alone, so that only that one is refused.
    const refused: Refusal[] = [];
    for (const prepared of ready) {
      const error = await this.#write([prepared]);
      if (error !== null) refused.push({ id: prepared.id, error });
    }
    return refused;
  }

  /** `null` once on disk; an error for which trying again would be in vain. Rejects when it would not. */
  async #write(ready: readonly Prepared[]): Promise<PetrelError | null> {
    if (this.#uncertain) await this.#learnFromDisk(ready);
    const plan = this.#keys.planDispatches(ready);
    const values = this.#planValues(plan.fresh.flatMap(({ changes }) => changes));
    if (isPetrelError(values)) return values;
    const entries = plan.fresh.map(({ entry }) => entry);
    const ops = [...values.ops, ...this.#keyOps(plan)];
    try {
      const inBulk = ready.some((prepared) => prepared.inBulk);
      if (entries.length > 0) await this.#options.append(entries, ops, { inBulk });
      else await this.#commit(ops);
    } catch (error) {
      if (isPetrelError(error) && inVain.has(error.code)) return error;
      this.#uncertain = true;
      throw error;
    }
    this.#uncertain = false;
    plan.commit();
    values.commit();
    for (const prepared of ready) this.#stored.add(prepared);
    if (plan.crowdedOut > 0) this.#warnCrowded(plan.crowdedOut);
    return null;
  }

  #planValues(changes: readonly ValueChange[]): ValuePlan | PetrelError {
    try {
      return this.#values.plan(changes);
    } catch (error) {
      if (isPetrelError(error)) return error;
      throw error;
    }
  }

  #prepare(dispatch: DispatchMessage): Prepared | PetrelError {
    const known = this.#prepared.get(dispatch);
    if (known !== undefined) return known;
    const made = this.#check(dispatch);
    this.#prepared.set(dispatch, made);
    return made;
  }

  #check(dispatch: DispatchMessage): Prepared | PetrelError {
    const { trigger, parameters, payload = null, trace_tag: traceTag = null } = dispatch;
    const refuse = (code: ErrorCode, message: string, hint: string) =>
      new PetrelError(code, `${message}; ${hint}`, { where: `${this.#sensor}, dispatch ${dispatch.id}` });
    const problem = jsonProblem(payload, 1) ?? (parameters === undefined ? null : jsonProblem(parameters, 1));
    if (problem !== null) {
      return refuse(
        "TRIGGER_PAYLOAD",
        `the payload cannot be taken: ${problem}`,
        "flatten it, or send that part as text",
      );
    }
    const hubNow = this.#options.hubNow();
    const entry: TriggerEntry = {
      kind: "trigger",
      id: this.#options.newId(),
      at: timestamp(this.#options.now()),
      trigger,
      ...(parameters !== undefined && { parameters }),
      payload,
      sensor: this.#sensor,
      ...(traceTag !== null && { trace_tag: traceTag }),
      // The agent's own clock may be set at any time; this one is carried on by a clock that nobody sets.
      ...(hubNow !== null && { hub_at: timestamp(hubNow) }),
    };
    const size = Buffer.byteLength(JSON.stringify(entry));
    if (size > maxEntryBytes) {
      return refuse(
        "LINK_ENTRY_TOO_LARGE",
        `the trigger takes ${size} bytes, at most ${maxEntryBytes} are possible`,
        "send a part of it, or where it can be found",
      );
    }
    const changes = Object.entries(dispatch.set ?? {}).map(([name, value]) => ({ name, value }));
    const key = typeof dispatch.key === "string" ? digestOf(dispatch.key) : null;
    return { id: dispatch.id, key, entry, changes, inBulk: dispatch.bulk === true };
  }

  /** After a failed write: a key that is on disk says that its whole batch is. */
  async #learnFromDisk(ready: readonly Prepared[]): Promise<void> {
    const keys = ready.flatMap(({ key }) => (key === null ? [] : [key]));
    const rows = await this.#options.database.level.getMany(keys.map((key) => keyRow(this.#sensor, key)));
    this.#keys.learn(keys.filter((_, at) => rows[at] !== undefined));
  }

  #keyOps({ hold, release }: Pick<KeyPlan<Prepared>, "hold" | "release">): StoreOp[] {
    const row = (key: string) => keyRow(this.#sensor, key);
    return [
      ...release.map((key): StoreOp => ({ type: "del", key: row(key) })),
      ...hold.map(({ key, sequence }): StoreOp => ({ type: "put", key: row(key), value: String(sequence) })),
    ];
  }

  async #commit(ops: readonly StoreOp[]): Promise<void> {
    if (ops.length === 0) return;
    await this.#options.database.committer.commit({ ops, bytes: ops.length * 128, source: this.#sensor });
  }

  #warnCrowded(count: number): void {
    this.#options.log.warn("sensor holds too many occurrence keys; the oldest were let go of", {
      sensor: this.#sensor,
      count,
      hint: "send checkpoint once an occurrence will not be repeated",
    });
  }
}

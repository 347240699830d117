/** Packs registered, configured and removed; what follows for the agents. */
import { isDeepStrictEqual } from "node:util";
import { timestamp } from "../../shared/clock.ts";
import { PetrelError } from "../../shared/errors.ts";
import type { JsonObject } from "../../shared/json.ts";
import type { Logger } from "../../shared/log.ts";
import type { LabelSelector, PackRecord, ParameterSchemas } from "../../shared/model/pack.ts";
import type { OverrideBook } from "../../shared/model/pack-overrides.ts";
import type { RuleRecord } from "../../shared/model/rule.ts";
import type { PackFile } from "../../shared/packs/pack-file.ts";
import { formatProblem, type Problem } from "../../shared/problem.ts";
import { openedPack, sealedPack } from "../secrets/sealed-pack.ts";
import type { Sealer } from "../secrets/sealer.ts";
import type { Store } from "../store/store.ts";
import { type BuiltInFiles, builtIn } from "./built-in.ts";
import { layeredProblems } from "./check-config.ts";
import { type AssignTo, assigned, layerOf, withLayer } from "./layers.ts";
import { overridden, turnedRules } from "./overridden.ts";
import { invalidPack, prepareRegistration } from "./registration.ts";
import type { Telling } from "./telling.ts";

export interface PackDeskOptions {
  readonly store: Store;
  readonly telling: Pick<Telling, "tellAll">;
  readonly sealer: Sealer;
  /** Keeps packed contents by digest; resolves once on disk. */
  readonly keepContents: (bytes: Uint8Array) => Promise<unknown>;
  /** What a pack registered for the first time is assigned to. */
  readonly assignTo: readonly LabelSelector[];
  readonly now: () => number;
  readonly log: Logger;
}

/** What became of a pack's files, and what in them will not work as its author meant. */
export interface Registered {
  readonly record: PackRecord;
  readonly warnings: readonly Problem[];
}

export interface RegisterOptions {
  readonly folder?: string | undefined;
  /** The operator's layer; `undefined` keeps what was there. */
  readonly config?: JsonObject | undefined;
  /** For a pack registered for the first time; by default as this hub does with every pack. */
  readonly assignTo?: readonly LabelSelector[];
  /** It belongs to the program: a configuration it refuses must not keep the hub from starting. */
  readonly isBuiltIn?: boolean;
}

/**
 * Makes the new layer of the one before. `null` removes it. Called again when another change came in between.
 */
export type ConfigEdit = (before: JsonObject, schema: ParameterSchemas) => JsonObject | null;

const attempts = 20;

export class PackDesk {
  readonly #options: PackDeskOptions;
  /** Packs are stored one after the other: each changes the rule set that the others would have been decided from. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: PackDeskOptions) {
    this.#options = options;
  }

  /** Contents first, then the record with its rules in one batch, then the agents; a crash in between is made up for. */
  async register(files: readonly PackFile[], options: RegisterOptions = {}): Promise<Registered> {
    const { telling, log } = this.#options;
    const stored = this.#turn.then(() => this.#store(files, options));
    this.#turn = stored.catch(() => {});
    const { record, warnings } = await stored;
    for (const warning of warnings)
      log.warn("pack registered with a warning", { problem: formatProblem(warning) });
    log.info("pack registered", { pack: record.ref, version: record.version, digest: record.digest });
    // Overrides may have become others in between, and whoever changed them has not met this pack.
    const switched = await this.#override(record.ref);
    await telling.tellAll();
    return { record: switched ?? record, warnings };
  }

  async #store(
    files: readonly PackFile[],
    { folder, config, assignTo = this.#options.assignTo, isBuiltIn = false }: RegisterOptions,
  ): Promise<Registered> {
    const { store, sealer, now, keepContents } = this.#options;
    let kept = "";
    for (let attempt = 0; attempt < attempts; attempt++) {
      const packs = new Map((await store.packs()).map((record) => [record.ref, record]));
      const { rules, version } = await store.ruleSet();
      const overrides = await overrideBook(store);
      const findBefore = (ref: string) => this.#opened(packs.get(ref) ?? null, isBuiltIn);
      const prepared = prepareRegistration({
        files,
        folder,
        config,
        rules,
        assignTo,
        mayStay: isBuiltIn && config === undefined,
        keepsSwitches: isBuiltIn,
        isOwn: isBuiltIn,
        overrides,
        nowMs: now(),
        findBefore,
      });
      const { contents } = prepared;
      const record = sealedPack(prepared.record, sealer);
      // Once: it takes some syncs, and whoever writes rules meanwhile has this attempt lose.
      if (record.digest !== kept) await keepContents(contents);
      kept = record.digest;
      const before = packs.get(record.ref);
      const put = await this.#goingOn(prepared.rules, new Set(rules.map(({ rule }) => rule.ref)));
      const changed = { put, remove: prepared.removeRules, version };
      if (await store.putPack(record, before?.rev ?? null, changed))
        return { record, warnings: prepared.warnings };
    }
    throw busy("the pack");
  }

  /** One that comes back goes on with the numbers of the one that went: each number is one version. */
  #goingOn(brought: readonly RuleRecord[], there: ReadonlySet<string>): Promise<readonly RuleRecord[]> {
    return Promise.all(
      brought.map(async (record) => {
        const { ref } = record.rule;
        const [last] = there.has(ref) ? [] : await this.#options.store.ruleHistory(ref);
        return last === undefined ? record : { ...record, rev: last.rev + 1 };
      }),
    );
  }

  /**
   * Ends what a kill left of a change of overrides, then registers what belongs to the program. The other way round a
   * built-in pack would have the new overrides and its rules the old switches, and nothing would be left to turn them.
   */
  async begin(packs: readonly BuiltInFiles[]): Promise<void> {
    await this.applyOverrides();
    for (const { pack, files } of packs)
      await this.register(files, { assignTo: pack.assignTo, isBuiltIn: true });
  }

  /** Brings all packs to the overrides that are stored, each with its rules in one batch, and tells the agents. */
  async applyOverrides(): Promise<void> {
    const { store, telling } = this.#options;
    let isChanged = false;
    for (const { ref } of await store.packs()) isChanged = (await this.#override(ref)) !== null || isChanged;
    if (isChanged) await telling.tellAll();
  }

  /** The pack as overrides leave it; `null` when that changes nothing, or it has gone. */
  async #override(ref: string): Promise<PackRecord | null> {
    const { store, now } = this.#options;
    for (let attempt = 0; attempt < attempts; attempt++) {
      const before = await store.pack(ref);
      if (before === null) return null;
      const { pack, published } = overridden(before.pack, before.published ?? [], await overrideBook(store));
      if (isDeepStrictEqual([pack, published], [before.pack, before.published ?? []])) return null;
      const { published: _, ...rest } = before;
      const record = { ...rest, pack, ...(published.length > 0 && { published }), rev: before.rev + 1 };
      const { rules, version } = await store.ruleSet();
      const put = turned(rules, turnedRules(before.pack, pack), timestamp(now()));
      if (await store.putPack(record, before.rev, { put, remove: [], version })) return record;
    }
    throw busy(`pack ${ref}`);
  }

  /** `labels: null`: what all agents get. Throws PACK_CONFIG, PACK_INVALID, or what the pack itself has to say. */
  async configure(ref: string, labels: LabelSelector | null, edit: ConfigEdit): Promise<PackRecord> {
    return this.#change(ref, (before) => configured(before, labels, edit));
  }

  /** With `edit`, what is configured for the agents that `to` names, all or some, changes in the same step. */
  async assign(ref: string, to: AssignTo, edit?: ConfigEdit): Promise<PackRecord> {
    return this.#change(ref, (before) => {
      const record = { ...before, assigned_to: assigned(before.assigned_to, to) };
      if (edit === undefined) return record;
      if (to === "none" || (typeof to === "object" && "remove" in to)) {
        throw new PetrelError("PACK_CONFIG", "agents that are to let go of a pack need no configuration", {
          hint: "leave the configuration out",
        });
      }
      return configured(record, to === "all" ? null : to.add, edit);
    });
  }

  async #change(ref: string, change: (before: PackRecord) => PackRecord): Promise<PackRecord> {
    const { store, telling, sealer, now } = this.#options;
    for (let attempt = 0; attempt < attempts; attempt++) {
      const before = openedPack(await this.#known(ref), sealer);
      const changed = change(before);
      const record = sealedPack({ ...changed, registered_at: timestamp(now()), rev: before.rev + 1 }, sealer);
      if (!(await store.putPack(record, before.rev))) continue;
      await telling.tellAll();
      return record;
    }
    throw busy(`pack ${ref}`);
  }

  /** The rules it brought go with it; history keeps naming it. */
  async remove(ref: string): Promise<void> {
    const { store, telling } = this.#options;
    for (let attempt = 0; attempt < attempts; attempt++) {
      const before = await this.#known(ref);
      if (builtIn.some(({ name }) => name === ref)) {
        throw new PetrelError("PACK_REF", `pack ${ref} is built in and stays`, {
          hint: `no agent needs to run it: petrel pack assign ${ref} --none`,
        });
      }
      if (!(await store.removePack(ref, before.rev))) continue;
      await telling.tellAll();
      return;
    }
    throw busy(`pack ${ref}`);
  }

  /** `mayStay`: one whose secrets cannot be opened stays sealed. */
  #opened(record: PackRecord | null, mayStay: boolean): PackRecord | null {
    if (record === null) return null;
    try {
      return openedPack(record, this.#options.sealer);
    } catch (error) {
      if (!mayStay) throw error;
      this.#options.log.error("what is configured for a pack cannot be opened", { pack: record.ref, error });
      return record;
    }
  }

  async #known(ref: string): Promise<PackRecord> {
    const record = await this.#options.store.pack(ref);
    if (record !== null) return record;
    throw new PetrelError("NOT_FOUND", `no pack is called ${ref}`, { hint: "`petrel pack list` shows all" });
  }
}

function configured(before: PackRecord, labels: LabelSelector | null, edit: ConfigEdit): PackRecord {
  const layer = labels === null ? before.config : (layerOf(before.layers, labels)?.config ?? {});
  const config = edit(layer, before.pack.config_schema);
  const record =
    labels === null
      ? { ...before, config: config ?? {} }
      : { ...before, layers: withLayer(before.layers, labels, config) };
  const wrong = layeredProblems(before.pack, record, true);
  if (wrong.length > 0) throw invalidPack(wrong, "configuration");
  return record;
}

function turned(
  rules: readonly RuleRecord[],
  switches: ReadonlyMap<string, boolean>,
  updated_at: string,
): readonly RuleRecord[] {
  return rules.flatMap((record) => {
    const enabled = switches.get(record.rule.ref);
    if (record.source !== "pack" || enabled === undefined || enabled === record.rule.enabled) return [];
    return [{ ...record, rule: { ...record.rule, enabled }, updated_at, rev: record.rev + 1 }];
  });
}

/** Where overrides are kept, among the small records of the hub. */
export const overridesSetting = "overrides";

export async function overrideBook(store: Pick<Store, "setting">): Promise<OverrideBook> {
  return ((await store.setting(overridesSetting)) ?? {}) as OverrideBook;
}

const busy = (what: string) =>
  new PetrelError("STORE_WRITE", `${what} changed under this request again and again; try again`);

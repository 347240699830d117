/** Packs registered, configured and removed; what follows for the agents. */
import { timestamp } from "../../shared/clock.ts";
import { PetrelError } from "../../shared/errors.ts";
import type { JsonObject } from "../../shared/json.ts";
import type { Logger } from "../../shared/log.ts";
import type { PackRecord } from "../../shared/model/pack.ts";
import { effectiveConfig } from "../../shared/packs/config.ts";
import { configProblems } from "../../shared/packs/config-problems.ts";
import type { PackFile } from "../../shared/packs/pack-file.ts";
import { formatProblem } from "../../shared/problem.ts";
import type { Store } from "../store/store.ts";
import { assignableProblems, invalidPack, prepareRegistration } from "./registration.ts";
import type { Telling } from "./telling.ts";

export interface PackDeskOptions {
  readonly store: Store;
  readonly telling: Pick<Telling, "tellAll">;
  /** Keeps packed contents by digest; resolves once on disk. */
  readonly keepContents: (bytes: Uint8Array) => Promise<unknown>;
  /** What a pack registered for the first time is assigned to: `{}` all agents, `null` none. */
  readonly assignTo: Readonly<Record<string, string>> | null;
  readonly now: () => number;
  readonly log: Logger;
}

export interface RegisterOptions {
  readonly folder?: string | undefined;
  /** The operator's layer; `undefined` keeps what was there. */
  readonly config?: JsonObject | undefined;
  /** For a pack registered for the first time; by default as this hub does with every pack. */
  readonly assignTo?: Readonly<Record<string, string>> | null;
}

const attempts = 10;

export class PackDesk {
  readonly #options: PackDeskOptions;

  constructor(options: PackDeskOptions) {
    this.#options = options;
  }

  /** Contents first, then the record with its rules in one batch, then the agents; a crash in between is made up for. */
  async register(
    files: readonly PackFile[],
    { folder, config, assignTo = this.#options.assignTo }: RegisterOptions = {},
  ): Promise<PackRecord> {
    const { store, telling, now, keepContents, log } = this.#options;
    for (let attempt = 0; attempt < attempts; attempt++) {
      const packs = new Map((await store.packs()).map((record) => [record.ref, record]));
      const { rules } = await store.ruleSet();
      const findBefore = (ref: string) => packs.get(ref) ?? null;
      const prepared = prepareRegistration({
        files,
        folder,
        config,
        rules,
        assignTo,
        nowMs: now(),
        findBefore,
      });
      const { record, contents } = prepared;
      await keepContents(contents);
      const before = findBefore(record.ref);
      if (!(await store.putPack(record, before?.rev ?? null, prepared.rules, prepared.removeRules))) continue;
      for (const warning of prepared.warnings)
        log.warn("pack registered with a warning", { problem: formatProblem(warning) });
      log.info("pack registered", { pack: record.ref, version: record.version, digest: record.digest });
      await telling.tellAll();
      return record;
    }
    throw busy("the pack");
  }

  async configure(ref: string, config: JsonObject): Promise<PackRecord> {
    const { store, telling, now } = this.#options;
    for (let attempt = 0; attempt < attempts; attempt++) {
      const before = await this.#known(ref);
      const wrong = [
        ...assignableProblems(config),
        ...configProblems({
          schema: before.pack.config_schema,
          config: effectiveConfig(before.pack, config),
          complete: true,
        }),
      ];
      if (wrong.length > 0) throw invalidPack(wrong);
      const record = { ...before, config, registered_at: timestamp(now()), rev: before.rev + 1 };
      if (!(await store.putPack(record, before.rev, [], []))) continue;
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
      if (ref === "core") {
        throw new PetrelError("PACK_REF", "pack core is built in and stays", {
          hint: "disable what you do not want by rules",
        });
      }
      if (!(await store.removePack(ref, before.rev))) continue;
      await telling.tellAll();
      return;
    }
    throw busy(`pack ${ref}`);
  }

  async #known(ref: string): Promise<PackRecord> {
    const record = await this.#options.store.pack(ref);
    if (record !== null) return record;
    throw new PetrelError("NOT_FOUND", `no pack is called ${ref}`, { hint: "`petrel pack list` shows all" });
  }
}

const busy = (what: string) =>
  new PetrelError("STORE_WRITE", `${what} changed under this request again and again; try again`);

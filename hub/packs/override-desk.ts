/** What operators override in packs: kept as StackStorm's files say it, in force at once. */
import { PetrelError } from "../../shared/errors.ts";
import type { Json } from "../../shared/json.ts";
import {
  globalOverrides,
  type OverrideBook,
  type Overrides,
  type Published,
} from "../../shared/model/pack-overrides.ts";
import { parseOverrides } from "../../shared/packs/parse-overrides.ts";
import type { Problem } from "../../shared/problem.ts";
import { isPackName } from "../../shared/ref.ts";
import type { Store } from "../store/store.ts";
import { idleExceptions, overridesOf } from "./overridden.ts";
import { overrideBook, overridesSetting, type PackDesk } from "./pack-desk.ts";
import { invalidPack } from "./registration.ts";

export interface OverrideView {
  /** A pack, or `_global`. */
  readonly name: string;
  readonly overrides: Overrides;
  /** Whether there is such a pack now; of `_global` true. */
  readonly registered: boolean;
  /** What is switched otherwise than its file says: in this pack, or for `_global` in all. */
  readonly switched: readonly SwitchedPart[];
}

export interface SwitchedPart extends Published {
  /** What holds now, by overrides; a rule may have been switched by hand since. */
  readonly enabled: boolean;
  readonly in_file: boolean;
}

export interface WrittenOverrides extends OverrideView {
  readonly warnings: readonly Problem[];
}

export interface OverrideDeskOptions {
  readonly store: Pick<Store, "setting" | "putSetting" | "packs" | "pack">;
  readonly packs: Pick<PackDesk, "applyOverrides">;
}

/** Overrides of packs that are not registered yet are kept for them, as there. */
const mostNames = 10_000;

export class OverrideDesk {
  readonly #options: OverrideDeskOptions;
  /** One change at a time: all are in one record. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: OverrideDeskOptions) {
    this.#options = options;
  }

  /** By name; `_global` first. */
  async list(): Promise<readonly OverrideView[]> {
    const book = await overrideBook(this.#options.store);
    const names = Object.keys(book).sort();
    return Promise.all(names.map((name) => this.#view(book, name)));
  }

  async get(name: string): Promise<OverrideView> {
    const book = await overrideBook(this.#options.store);
    if (!Object.hasOwn(book, name)) throw unknownOverrides(name);
    return this.#view(book, name);
  }

  /** `text`: YAML or JSON, as in StackStorm's file. Throws what is wrong with it; then nothing has changed. */
  async set(name: string, text: string): Promise<WrittenOverrides> {
    if (!isPackName(name)) {
      throw new PetrelError("PACK_REF", `'${name.slice(0, 80)}' is no pack name`, {
        hint: `name a pack, or ${globalOverrides} for all packs`,
      });
    }
    const { overrides, problems } = parseOverrides(text, name, "overrides");
    if (overrides === null) throw invalidPack(problems, "file of overrides");
    return this.#inTurn(async () => {
      const book = { ...(await overrideBook(this.#options.store)), [name]: overrides };
      if (Object.keys(book).length > mostNames) {
        throw new PetrelError("PACK_TOO_LARGE", `there are overrides of ${mostNames} packs already`);
      }
      await this.#keep(book);
      const pack = await this.#options.store.pack(name);
      const idle = pack === null ? [] : idleExceptions(pack.pack, book);
      return { ...(await this.#view(book, name)), warnings: [...problems, ...idle] };
    });
  }

  /** What it switched is again as the files say. */
  async delete(name: string): Promise<void> {
    await this.#inTurn(async () => {
      const before = await overrideBook(this.#options.store);
      if (!Object.hasOwn(before, name)) throw unknownOverrides(name);
      const { [name]: _, ...book } = before;
      await this.#keep(book);
    });
  }

  /** First what is wanted, then the packs: a kill in between is made up for when the hub starts. */
  async #keep(book: OverrideBook): Promise<void> {
    await this.#options.store.putSetting(overridesSetting, book as unknown as Json);
    await this.#options.packs.applyOverrides();
  }

  async #view(book: OverrideBook, name: string): Promise<OverrideView> {
    const { store } = this.#options;
    const isGlobal = name === globalOverrides;
    const packs = isGlobal ? await store.packs() : [await store.pack(name)].filter((pack) => pack !== null);
    return {
      name,
      overrides: overridesOf(book, name),
      registered: isGlobal || packs.length > 0,
      switched: packs.flatMap(({ published = [] }) => switchedParts(published)),
    };
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => {});
    return done;
  }
}

export function switchedParts(published: readonly Published[]): readonly SwitchedPart[] {
  return published.map(({ kind, ref, enabled }) => ({ kind, ref, enabled: !enabled, in_file: enabled }));
}

const unknownOverrides = (name: string) =>
  new PetrelError("NOT_FOUND", `there are no overrides of '${name}'`, {
    hint: "`petrel override list` shows what there is",
  });

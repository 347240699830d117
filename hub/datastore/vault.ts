/** Seals and opens secrets with the key in `datastore.key`, which is made at the hub's first start. */
import type { RandomBytes } from "../../shared/clock.ts";
import { errorReport, isPetrelError, PetrelError } from "../../shared/errors.ts";
import type { Logger } from "../../shared/log.ts";
import { type PlaceCipher, placeCipher, placeNonceBytes } from "../../shared/place-cipher.ts";
import { sealedParts } from "../../shared/sealed-text.ts";
import type { Sealer } from "../secrets/sealer.ts";
import { type KeyCipher, keyBytes, keyCipher, notSealed } from "./key-cipher.ts";

export interface VaultOptions {
  /** Where the key is; `null` from `read`: it is not there. */
  readonly file: {
    read(): Promise<Uint8Array | null>;
    write(key: Uint8Array): Promise<void>;
  };
  /** The key that this database was begun with, as it was noted; absent: not known, any is taken. */
  readonly known?: string | undefined;
  /** There was a key: one that is missing is never replaced. Default: only when one is known. */
  readonly hadOne?: boolean;
  readonly random: RandomBytes;
  /** Milliseconds. */
  readonly now: () => number;
  readonly log: Logger;
}

const nonceBytes = 12;
/** The same trouble with the file is logged once in so many ms, however often the key is asked for. */
const againMs = 60_000;

/** A missing or damaged key file does not keep the hub from starting: whoever needs the key is told. */
export class Vault {
  readonly #options: VaultOptions;
  #cipher: KeyCipher | null = null;
  #places: PlaceCipher | null = null;
  #problem: PetrelError | null = null;
  #making: Promise<KeyCipher> | null = null;
  #reading: Promise<void> | null = null;
  #logged: { readonly message: string; readonly at: number } | null = null;

  private constructor(options: VaultOptions) {
    this.#options = options;
  }

  static async open(options: VaultOptions): Promise<Vault> {
    const vault = new Vault(options);
    await vault.#read();
    return vault;
  }

  /**
   * For secrets of records, which have nobody to wait for a key: `makeKey` is called before the first one. It resolves
   * whatever becomes of the file: whoever seals is told.
   */
  readonly records: Sealer = {
    seal: (place, text) => this.#ofPlaces().seal(place, text, this.#options.random(placeNonceBytes)),
    open: (place, sealed) => this.#ofPlaces().open(place, sealed),
  };

  #ofPlaces(): PlaceCipher {
    if (this.#places !== null) return this.#places;
    // As in `unseal`.
    void this.#read();
    throw this.#problem ?? missing();
  }

  /**
   * Makes the key of a hub that never had one. `hadOne`: something was sealed with an earlier key, so that a missing one
   * must not be replaced. Resolves to what names the key, `null` when there is none; never rejects.
   */
  async makeKey(hadOne: boolean): Promise<string | null> {
    if (this.#cipher !== null) return this.#cipher.id;
    try {
      return (await this.#made(hadOne)).id;
    } catch (error) {
      const what = "secrets can be neither kept nor read, and nothing runs that takes any";
      this.#options.log.error(what, { error });
      return null;
    }
  }

  /** Throws KEY_FILE (the key is missing or damaged) and KEY_UNREADABLE. */
  unseal(sealed: string): string {
    if (this.#cipher !== null) return this.#cipher.open(sealed);
    if (sealedParts(sealed) === null) throw notSealed();
    // An operator may have put it back meanwhile: the next one who asks finds it.
    void this.#read();
    throw this.#problem ?? missing();
  }

  /**
   * `hasSecrets`: there are values that an earlier key sealed, so that a missing one must not be replaced by another.
   * Rejects with KEY_FILE.
   */
  async seal(text: string, hasSecrets: boolean): Promise<string> {
    if (this.#cipher === null) await this.#read();
    const cipher = this.#cipher ?? (await this.#made(hasSecrets));
    return cipher.seal(text, this.#options.random(nonceBytes));
  }

  async #made(hasSecrets: boolean): Promise<KeyCipher> {
    if (this.#problem !== null) throw this.#problem;
    const { known, hadOne = known !== undefined } = this.#options;
    if (hadOne || hasSecrets) throw missing();
    this.#making ??= this.#make().finally(() => {
      this.#making = null;
    });
    return this.#making;
  }

  async #make(): Promise<KeyCipher> {
    const { file, random, log } = this.#options;
    const key = random(keyBytes);
    try {
      await file.write(key);
    } catch (cause) {
      throw new PetrelError("KEY_FILE", "the file for the datastore's key cannot be written", {
        hint: "see that the hub's data folder is on a disk with room, and is the hub's own",
        cause,
      });
    }
    const cipher = this.#use(key);
    log.info("the datastore's key was made: without datastore.key no secret can be read", { key: cipher.id });
    return cipher;
  }

  #use(key: Uint8Array): KeyCipher {
    const cipher = keyCipher(key);
    this.#cipher = cipher;
    this.#places = placeCipher({ key, id: cipher.id, file: "datastore.key" });
    return cipher;
  }

  /** Whoever asks meanwhile waits for the same look at the file. */
  #read(): Promise<void> {
    this.#reading ??= this.#look().finally(() => {
      this.#reading = null;
    });
    return this.#reading;
  }

  async #look(): Promise<void> {
    try {
      const key = await this.#options.file.read();
      const id = key === null ? null : keyCipher(key).id;
      const { known } = this.#options;
      if (id !== null && known !== undefined && id !== known) throw another(id, known);
      this.#problem = null;
      if (key !== null) this.#use(key);
    } catch (error) {
      const { message } = errorReport(error);
      this.#problem = isPetrelError(error) ? error : new PetrelError("KEY_FILE", message, { cause: error });
      this.#logOnce(message, error);
    }
  }

  #logOnce(message: string, error: unknown): void {
    const { log, now } = this.#options;
    const at = now();
    if (this.#logged?.message === message && at - this.#logged.at < againMs) return;
    this.#logged = { message, at };
    log.error("secrets of the datastore cannot be read", { error });
  }
}

const giveUp =
  "put the one back that belongs to this hub (a backup has it); if it is lost for good, make an empty file `datastore.key.lost` beside it and start the hub again: it goes on with a new key, and without what was secret";

const missing = () =>
  new PetrelError("KEY_FILE", "datastore.key is missing from the hub's data folder", { hint: giveUp });

const another = (id: string, known: string) =>
  new PetrelError("KEY_FILE", `datastore.key holds the key ${id}, and this hub's secrets need ${known}`, {
    hint: giveUp,
  });

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
  readonly random: RandomBytes;
  readonly log: Logger;
}

const nonceBytes = 12;

/** A missing or damaged key file does not keep the hub from starting: whoever needs the key is told. */
export class Vault {
  readonly #options: VaultOptions;
  #cipher: KeyCipher | null = null;
  #places: PlaceCipher | null = null;
  #problem: PetrelError | null = null;
  #making: Promise<KeyCipher> | null = null;

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
   * must not be replaced. Resolves to whether there is a key; never rejects.
   */
  async makeKey(hadOne: boolean): Promise<boolean> {
    if (this.#cipher !== null) return true;
    try {
      await this.#made(hadOne);
      return true;
    } catch (error) {
      const what = "secrets can be neither kept nor read, and nothing runs that takes any";
      this.#options.log.error(what, { error });
      return false;
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
    if (hasSecrets) throw missing();
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

  async #read(): Promise<void> {
    const { file, log } = this.#options;
    try {
      const key = await file.read();
      this.#problem = null;
      if (key !== null) this.#use(key);
    } catch (error) {
      const { message } = errorReport(error);
      this.#problem = isPetrelError(error) ? error : new PetrelError("KEY_FILE", message, { cause: error });
      log.error("secrets of the datastore cannot be read", { error });
    }
  }
}

const missing = () =>
  new PetrelError("KEY_FILE", "datastore.key is missing from the hub's data folder", {
    hint: "put the one back that belongs to this hub (a backup has it); without it, delete the datastore's secrets: the next one that is set makes a new key",
  });

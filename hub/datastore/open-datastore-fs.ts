/** Opens the datastore: the key file, the keys, and who answers for them. */
import { sealedSetting } from "../key-settings.ts";
import type { Sealer } from "../secrets/sealer.ts";
import { datastoreResponders, type KeyAnswersOptions } from "./key-answers.ts";
import { type KeyBook, type KeyBookOptions, openKeyBook } from "./key-book.ts";
import { KeyDesk } from "./key-desk.ts";
import { keyFileIn } from "./key-file-fs.ts";
import { Vault, type VaultOptions } from "./vault.ts";

export interface DatastoreOptions extends Omit<KeyBookOptions, "vault">, Pick<VaultOptions, "random"> {
  /** The hub's data folder. */
  readonly data: string;
}

export interface Datastore {
  readonly keys: KeyBook;
  /** For secrets of records, under the same key. */
  readonly sealer: Sealer;
  readonly desk: KeyDesk;
  /** For what sensors and actions of one agent ask. */
  readonly responders: (agent: string) => ReturnType<typeof datastoreResponders>;
}

export async function openDatastore({ data, random, ...options }: DatastoreOptions): Promise<Datastore> {
  const { store, log, now } = options;
  const file = keyFileIn(data);
  const isLost = await file.isGivenUp();
  const noted = isLost ? null : await store.setting(sealedSetting);
  const known = typeof noted === "string" ? noted : undefined;
  const vault = await Vault.open({ file, known, hadOne: noted !== null, random, now, log });
  const keys = await openKeyBook({ ...options, vault });
  const key = await vault.makeKey(!isLost && keys.hasSecrets());
  // Behind the key: a start that dies in between finds it.
  if (key !== null && key !== noted) await store.putSetting(sealedSetting, key);
  if (key !== null && isLost) {
    log.warn("the datastore's key was given up for lost: what was encrypted with it cannot be read", { key });
    await file.settled();
  }
  const execution: KeyAnswersOptions["execution"] = (id) => store.execution(id);
  return {
    keys,
    sealer: vault.records,
    desk: new KeyDesk(keys),
    responders: (agent) => datastoreResponders({ keys, agent, execution }),
  };
}

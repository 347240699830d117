/** Opens the datastore: the key file, the keys, and who answers for them. */
import type { Sealer } from "../secrets/sealer.ts";
import { datastoreResponders, type KeyAnswersOptions } from "./key-answers.ts";
import { type KeyBook, type KeyBookOptions, openKeyBook } from "./key-book.ts";
import { KeyDesk } from "./key-desk.ts";
import { keyFileIn } from "./key-file-fs.ts";
import { Vault, type VaultOptions } from "./vault.ts";

/** Where the store notes that there was a key: one that is missing is lost then, and not to be made. */
const sealedSetting = "had_datastore_key";

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
  const { store, log } = options;
  const vault = await Vault.open({ file: keyFileIn(data), random, log });
  const keys = await openKeyBook({ ...options, vault });
  const isNoted = (await store.setting(sealedSetting)) !== null;
  const hasKey = await vault.makeKey(isNoted || keys.hasSecrets());
  // Behind the key: a start that dies in between finds it.
  if (hasKey && !isNoted) await store.putSetting(sealedSetting, true);
  const execution: KeyAnswersOptions["execution"] = (id) => store.execution(id);
  return {
    keys,
    sealer: vault.records,
    desk: new KeyDesk(keys),
    responders: (agent) => datastoreResponders({ keys, agent, execution }),
  };
}

/** A datastore over any store, with its key file in memory. */
import { type KeyBook, type KeyBookOptions, openKeyBook } from "../../hub/datastore/key-book.ts";
import { Vault, type VaultOptions } from "../../hub/datastore/vault.ts";
import { ulidSource } from "../../shared/ids.ts";
import { silentLogger } from "../../shared/log.ts";
import { systemClock, systemJitter, systemRandom, systemTimers } from "../../shared/system-process.ts";

/** A key file that a test can lose, damage or swap. */
export interface MemoryKeyFile {
  key: Uint8Array | null;
  readonly file: VaultOptions["file"];
}

export function memoryKeyFile(key: Uint8Array | null = null): MemoryKeyFile {
  const memory: MemoryKeyFile = {
    key,
    file: {
      read: async () => memory.key,
      write: async (fresh) => {
        memory.key = fresh;
      },
    },
  };
  return memory;
}

export const openTestVault = (memory: MemoryKeyFile = memoryKeyFile()): Promise<Vault> =>
  Vault.open({ file: memory.file, random: systemRandom, now: Date.now, log: silentLogger });

export async function openTestKeys(
  options: Pick<KeyBookOptions, "store"> & Partial<KeyBookOptions> & { readonly keyFile?: MemoryKeyFile },
): Promise<KeyBook> {
  const { keyFile, ...more } = options;
  return openKeyBook({
    vault: await openTestVault(keyFile),
    now: Date.now,
    newId: ulidSource(systemClock, systemRandom),
    timers: systemTimers,
    jitter: systemJitter,
    log: silentLogger,
    ...more,
  });
}

/** Names and values of scope system, as they are kept. */
export const systemKeys = (keys: KeyBook, prefix = ""): readonly (readonly [string, string])[] =>
  [...keys.walk("system", prefix)].map(([name, { value }]) => [name, value]);

export const systemNames = (keys: KeyBook, prefix = ""): readonly string[] =>
  systemKeys(keys, prefix).map(([name]) => name);

export const plainValue = (value: string, ttlSeconds: number | null = null) => ({ value, ttlSeconds });

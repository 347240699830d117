/** Keys of the datastore, and small records of the hub itself. */
import type { Json } from "../../../shared/json.ts";
import type { KeyNews } from "../occurrence.ts";
import type { Written } from "./written.ts";

/** Keys with their values, as they are kept: secret ones encrypted. */
export interface KeyStore {
  key(scope: string, name: string): Promise<string | null>;
  /** In order of name, those behind `after` if given; more than 1,000 at once is taken as 1,000. */
  keys(
    scope: string,
    prefix: string,
    limit: number,
    after?: string,
  ): Promise<readonly { name: string; value: string }[]>;
  /**
   * `expect`: only if this is its value now. `told` makes the change known to who listens for changes of keys, in the
   * same batch.
   */
  setKey(
    scope: string,
    name: string,
    value: string | null,
    options?: { readonly expect?: string; readonly told?: KeyNews },
  ): Promise<Written>;
}

/** Small records of the hub itself. */
export interface SettingStore {
  /** `null` when there is none. */
  setting(name: string): Promise<Json>;
  putSetting(name: string, value: Json): Promise<void>;
  /** Milliseconds, kept by the store: no record in it is later, and every batch moves it on. Zero at the beginning. */
  clockHighWater(): Promise<number>;
}

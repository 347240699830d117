/** The datastore as templates see it on behalf of one user. */
import type { TemplateKeys } from "../../shared/expressions/datastore-lookup.ts";
import { isUser, storedName } from "./key-address.ts";
import type { KeyBook } from "./key-book.ts";

/** The value of a secret is sealed; `decrypt_kv` opens it. */
export function templateKeys(keys: Pick<KeyBook, "find" | "unseal">, user: string): TemplateKeys {
  return {
    system: (name) => keys.find("system", name)?.value,
    // No key can be stored for a user with such a name, and none of another may be found.
    user: (name) =>
      isUser(user) ? keys.find("user", storedName({ scope: "user", user, name }))?.value : undefined,
    unseal: (sealed) => keys.unseal(sealed),
  };
}

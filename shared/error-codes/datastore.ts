/** The datastore, and what encrypts secrets. */
import type { Codes } from "./entry.ts";

export const datastoreCodes = {
  KEY_INVALID: { status: 400, exit: 2, text: "A datastore key's name, value or option is not allowed." },
  KEY_LIMIT: { status: 507, exit: 1, text: "A sensor or action has as many datastore keys as it may have." },
  KEY_FILE: {
    status: 500,
    exit: 1,
    text: "The file with the key to secrets (`datastore.key` of a hub, `secrets.key` of an agent) is missing, damaged, or cannot be written.",
  },
  KEY_UNREADABLE: {
    status: 409,
    exit: 1,
    text: "A secret cannot be decrypted: it is missing or plain, was encrypted with another key or for another record, or was changed.",
  },
} as const satisfies Codes;

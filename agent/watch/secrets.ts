/** What looks like a secret in command lines and configuration: names, and shapes that only secrets have. Pure. */
import { secretNames } from "../../shared/log.ts";

export const masked = "********";

const words = [
  ...secretNames,
  "passwd",
  "passphrase",
  "api-key",
  "apikey",
  "access_key",
  "access-key",
  "private_key",
];

// Bounded: whoever runs a program chooses its arguments, and may choose such that take long.
/** A pattern of names that have one of the words in them. */
export const secretName = `[\\w.-]{0,32}(?:${[...new Set(words)].join("|")})[\\w.-]{0,32}`;

const authorization = /(authorization["']?[:=]\s*(?:(?:basic|bearer|token)\s+)?)[^\s"']+/gi;
const inAddress = /(\b[a-z][a-z0-9+.-]{0,20}:\/\/[^\s/:@]{0,256}:)[^\s/@]+@/gi;

/** Credentials in headers and addresses, wherever they stand. */
export function maskCredentials(text: string): string {
  return text.replace(authorization, `$1${masked}`).replace(inAddress, `$1${masked}@`);
}

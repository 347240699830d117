/** A process's command line as it may be told: bounded, and without the secrets that people put there. Pure. */
import type { Buffer } from "node:buffer";
import { maskCredentials, masked, secretName as name } from "../secrets.ts";

const maxCharacters = 1_024;
const value = `(?:"[^"]*(?:"|$)|'[^']*(?:'|$)|[^\\s"'&]+)`;
/** `--password x`, `--password=x`, `-password:x`; `PASSWORD=x`, `&token=x`, `"token": "x"`. */
const option = new RegExp(`(^|\\s)(--?${name})(=|:|\\s+)(?!-)${value}`, "gi");
const assigned = new RegExp(`(\\b${name}["']?)(=|:\\s*)${value}`, "gi");

/** Arguments, at most the first 2,048 bytes of what `/proc/PID/cmdline` holds. */
export function argumentsOf(bytes: Buffer): readonly string[] {
  if (bytes.length === 0) return [];
  const parts = bytes.toString("utf8", 0, 2_048).split("\0");
  if (parts.at(-1) === "") parts.pop();
  return parts;
}

export function shownCommandLine(args: readonly string[]): string {
  // An option's own argument is one value, blanks and all.
  const parts = args.map((arg, at) => (isSecretOption(args[at - 1]) && !arg.startsWith("-") ? masked : arg));
  const text = maskCredentials(parts.join(" "))
    .replace(option, `$1$2$3${masked}`)
    .replace(assigned, `$1$2${masked}`);
  return text.length <= maxCharacters ? text : `${text.slice(0, maxCharacters - 1)}…`;
}

const secretOption = new RegExp(`^--?${name}$`, "i");

function isSecretOption(arg: string | undefined): boolean {
  return arg !== undefined && secretOption.test(arg);
}

/** What an interpreter runs: its first argument that is no option; `null` for `-c`, `-e` and without one. */
export function scriptOf(args: readonly string[]): string | null {
  for (let at = 1; at < args.length; at++) {
    const arg = args[at] ?? "";
    if (arg === "-m") return args[at + 1] ?? null;
    if (arg === "-c" || arg === "-e" || arg === "-") return null;
    if (!arg.startsWith("-")) return arg;
  }
  return null;
}

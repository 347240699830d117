/** Texts for shells: quoting, StackStorm's argument line, and the gate that a shell waits at. */
import type { Json, JsonObject } from "../../../shared/json.ts";

/** One word for any POSIX shell, whatever it holds. */
export function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

/** st2 docs, Actions, positional parameters: booleans are 1 and 0, arrays are comma-joined, objects JSON. */
function positionalText(value: Json | undefined): string {
  if (value === undefined || value === null) return "";
  if (typeof value === "boolean") return value ? "1" : "0";
  if (Array.isArray(value)) return value.map(positionalText).join(",");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** `null` when the argument is left out: null, the empty string and false are not passed. */
function namedText(prefix: string, name: string, value: Json): string | null {
  if (value === null || value === "" || value === false) return null;
  if (value === true) return `${prefix}${name}`;
  return `${prefix}${name}=${typeof value === "object" ? JSON.stringify(value) : String(value)}`;
}

/**
 * A script's arguments: named ones first, then positional ones by their position. Trailing positional values
 * that are empty still take their place.
 */
export function scriptArguments(
  parameters: JsonObject,
  positional: readonly string[],
  kwargPrefix: string,
): readonly string[] {
  const named = Object.entries(parameters)
    .filter(([name]) => !positional.includes(name))
    .map(([name, value]) => namedText(kwargPrefix, name, value))
    .filter((text) => text !== null);
  return [...named, ...positional.map((name) => positionalText(parameters[name]))];
}

/** What a shell without a job ends with: its start was never confirmed. */
const gateClosed = 125;
const readLine = `IFS= read -r PETREL_LINE || exit ${gateClosed}`;

/**
 * A script for `sh -c` that reads one line from standard input and then runs the command in it; at end-of-file
 * it runs nothing. So no part of a command shows in the process table, and none runs before its start is on disk.
 * With `marker`, lines before it are skipped: `sudo -S` may or may not have read the password that stands there.
 */
export function gateScript(shell: "bash" | "sh", marker?: string): string {
  const skip =
    marker === undefined ? "" : `until [ "$PETREL_LINE" = ${quote(marker)} ]; do ${readLine}; done; `;
  const decode =
    shell === "bash" ? 'printf -v PETREL_LINE %b "$PETREL_LINE"' : 'PETREL_LINE=$(printf %b "$PETREL_LINE")';
  return `${skip}${readLine}; ${decode}; exec </dev/null; eval "unset PETREL_LINE; $PETREL_LINE"`;
}

/** The one line that opens a gate; `printf %b` turns it back into the command. */
export function gateLine(command: string): string {
  return `${command.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}\n`;
}

/** The gate that a shell waits at. */
import { quote } from "../../../shared/script-arguments.ts";

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

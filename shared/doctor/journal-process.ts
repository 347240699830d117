/** The last lines that a service has written to the system's journal. */
import { execFile } from "node:child_process";

const lines = 500;
const withinMs = 10_000;
const mostBytes = 4 * 1024 * 1024;

/** Oldest first; `null` when there is no journal, none of this unit, or this user may not read it. Never rejects. */
export function journalOf(unit: string): Promise<readonly string[] | null> {
  return new Promise((resolve) => {
    const args = ["--unit", unit, "--lines", String(lines), "--no-pager", "--output", "cat", "--quiet"];
    execFile(
      "journalctl",
      args,
      { timeout: withinMs, maxBuffer: mostBytes, killSignal: "SIGKILL" },
      (error, stdout) => {
        const said = stdout.split("\n").filter((line) => line !== "");
        resolve(error !== null || said.length === 0 ? null : said);
      },
    );
  });
}

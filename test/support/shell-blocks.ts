/** What a document tells its reader to type, pasted into a shell. */
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { atEnd } from "./at-end.ts";
import { isAlive, processesAtHome } from "./home-processes.ts";

/** The shell blocks of a section, one after the other. */
export async function shellBlocks(file: string, section: string): Promise<readonly string[]> {
  const text = await readFile(file, "utf8");
  const [, rest = ""] = text.split(`\n## ${section}\n`);
  const [body = ""] = rest.split("\n## ");
  return [...body.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block = ""]) => block);
}

export interface Pasted {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Processes that it has left behind. */
  readonly left: number;
}

/** Runs a script as if it were typed in `folder`, which is its HOME too: whatever fails says so and stops it. */
export async function paste(folder: string, script: string): Promise<Pasted> {
  // As in a terminal, jobs have groups of their own.
  const shell = spawn(
    "bash",
    ["--noprofile", "--norc", "-eEm", "-c", `trap 'echo "failed: $BASH_COMMAND" >&2' ERR\n${script}`],
    {
      cwd: folder,
      env: { PATH: process.env.PATH ?? "", HOME: folder },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    },
  );
  const left = () => processesAtHome(folder).filter(({ pid }) => isAlive(pid));
  atEnd(() => {
    for (const { pid } of left()) process.kill(pid, "SIGKILL");
  });
  let stdout = "";
  let stderr = "";
  shell.stdout.setEncoding("utf8").on("data", (text) => {
    stdout += text;
  });
  shell.stderr.setEncoding("utf8").on("data", (text) => {
    stderr += text;
  });
  const code = await new Promise<number | null>((done) => shell.on("close", done));
  return { code, stdout, stderr, left: left().length };
}

/** Load process: a bare loop that starts a program, reads what it writes, and waits for its end; nothing is stored. */
import { spawn } from "node:child_process";
import { answerQuestions } from "./child-process.ts";
import { drive, type Load } from "./pace.ts";

interface Run {
  readonly command: string;
  readonly args: readonly string[];
  readonly load: Load;
}

const run = ({ command, args, load }: Run) => {
  let ended: (n: number) => void = () => {};
  const begin = (n: number) => {
    // As the agent does it: in a session of its own, with all three pipes.
    const child = spawn(command, args, { detached: true, stdio: "pipe" });
    let written = 0;
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Uint8Array) => {
        written += chunk.length;
      });
    child.stdin.end();
    child.on("close", (code) => {
      if (code !== 0 || written === 0)
        throw new Error(`${command} ended with ${code}, wrote ${written} bytes`);
      ended(n);
    });
  };
  return drive(
    load,
    begin,
    (onEnded) => {
      ended = onEnded;
    },
    () => {},
  );
};

answerQuestions(run, async () => {});

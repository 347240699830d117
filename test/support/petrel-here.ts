/** `petrel` in the process of the test: the same program and arguments, without a Node of its own to start. */
import { userInfo } from "node:os";
import { createPetrel } from "../../hub/cli/nouns-cli.ts";
import type { CliIo } from "../../shared/cli/cli-io.ts";
import { runProgram } from "../../shared/cli/program-cli.ts";
import type { Ended } from "./run-petrel.ts";

/** For what needs neither standard input, nor signals, nor the environment; `runPetrel` is the command itself. */
export async function petrelHere(args: readonly string[], cwd = process.cwd()): Promise<Ended> {
  let stdout = "";
  let stderr = "";
  const io: CliIo = {
    out: async (text) => {
      stdout += text;
    },
    err: (text) => {
      stderr += text;
    },
    env: {},
    cwd,
    columns: undefined,
    now: () => Date.now(),
    user: userInfo().username,
    exitOnInterrupt: () => {},
  };
  const code = await runProgram(createPetrel(io), args, io);
  return { code, stdout, stderr };
}

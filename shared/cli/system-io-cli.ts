/** The real process as a command line sees it. */
import { once } from "node:events";
import { userInfo } from "node:os";
import type { CliIo } from "./cli-io.ts";

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A container may run under a user id that has no name.
    return String(process.getuid?.() ?? "unknown");
  }
}

export function systemIo(): CliIo {
  // Set by bin/ for this process alone: sensors and actions must not inherit it.
  delete process.env.NODE_COMPILE_CACHE;
  // `petrel … | head` closes the pipe early: that is no failure, and there is nobody left to tell.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    process.exit(process.exitCode ?? 0);
  });
  let isListening = false;
  let atInterrupt: string | undefined;
  return {
    out: async (text) => {
      if (!process.stdout.write(text)) await once(process.stdout, "drain");
    },
    err: (text) => {
      process.stderr.write(text);
    },
    env: process.env,
    cwd: process.cwd(),
    columns: process.stdout.isTTY ? process.stdout.columns : undefined,
    now: () => Date.now(),
    user: userName(),
    exitOnInterrupt: (note) => {
      atInterrupt = note;
      if (isListening) return;
      // One listener for good: a signal that has come in while another one replaces it is dropped by libuv.
      isListening = true;
      process.on("SIGINT", () => {
        if (atInterrupt !== undefined) process.stderr.write(`\n${atInterrupt}\n`);
        process.exit(130);
      });
    },
  };
}

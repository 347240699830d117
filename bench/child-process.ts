/** A load process: a script of ours in a process of its own that answers one question at a time. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

export interface LoadProcess {
  readonly pid: number;
  ask<T>(question: object): Promise<T>;
  stop(): Promise<void>;
}

export function startLoadProcess(
  script: string,
  options: { readonly execArgv?: readonly string[]; readonly env?: Readonly<Record<string, string>> } = {},
): LoadProcess {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const child: ChildProcess = fork(path, [], {
    execArgv: ["--disable-warning=ExperimentalWarning", ...(options.execArgv ?? [])],
    env: { ...process.env, ...options.env },
  });
  const ended = once(child, "exit").then(([code]) => {
    throw new Error(`${script} ended with code ${code}`);
  });
  // Whoever asks is told.
  ended.catch(() => {});
  return {
    pid: child.pid ?? 0,
    async ask<T>(question: object): Promise<T> {
      child.send(question);
      const answered = new AbortController();
      const message = once(child, "message", { signal: answered.signal });
      const [answer] = (await Promise.race([message, ended]).finally(() => answered.abort())) as [
        { readonly value: T } | { readonly error: string },
      ];
      if ("error" in answer) throw new Error(answer.error);
      return answer.value;
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.disconnect();
      await once(child, "exit");
    },
  };
}

/** In the load process: answers each question with what `reply` resolves to; ends when the asker has gone. */
export function answerQuestions<Q>(
  reply: (question: Q) => Promise<unknown>,
  close: () => Promise<void>,
): void {
  process.on("message", (question) => {
    reply(question as Q).then(
      (value) => process.send?.({ value: value ?? null }),
      (error) =>
        process.send?.({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
    );
  });
  process.on("disconnect", () => {
    void close().finally(() => process.exit(0));
  });
}

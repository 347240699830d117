/** Prints what a running action writes, as it comes. */
import { Buffer } from "node:buffer";
import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import type { CliIo } from "../../../shared/cli/cli-io.ts";
import { CommandEnded } from "../../../shared/cli/program-cli.ts";
import type { Status } from "../../../shared/model/execution.ts";
import { plainLines } from "../../../shared/plain-text.ts";
import { isFinal } from "../../executions/life.ts";
import type { OutputName, OutputPiece } from "../../executions/live-output.ts";
import type { ExecutionView } from "../../http/views.ts";
import type { ApiClient } from "../api-client-http.ts";
import type { CliContext } from "../context-cli.ts";
import { howToLook } from "../run/outcome-cli.ts";
import { attemptWaitMs } from "../run/wait-cli.ts";

interface OutputAnswer {
  readonly status: Status;
  readonly ended: boolean;
  readonly pieces: readonly OutputPiece[];
  readonly next_attempt?: string;
}

interface TailPrint {
  readonly io: Pick<CliIo, "out" | "err" | "columns">;
  /** A piece as a line of JSON, in place of its text. */
  readonly json: boolean;
  /** Stands before each line, where several write. */
  readonly name?: string;
  /** Milliseconds until the next look. */
  readonly pauseMs: () => number;
}

const lookEveryMs = 250;
/** Of many that are tailed, the hub is asked about one every so many milliseconds. */
const lookEachMs = 20;

/** Resolves with the last answer once all of its output is printed. A hub that is restarted meanwhile is waited for. */
async function tailOutput(api: ApiClient, id: string, print: TailPrint): Promise<OutputAnswer> {
  const known = { stdout: 0, stderr: 0 };
  const { io, json, name } = print;
  // A terminal would obey what a host writes.
  const shown = (text: string) => (io.columns === undefined ? text : plainLines(text));
  const lines = { stdout: new Lines(name), stderr: new Lines(name) };
  const write = async (stream: OutputName, text: string) => {
    if (stream === "stdout") await io.out(shown(text));
    else io.err(shown(text));
  };
  for (;;) {
    const path = `/v1/executions/${encodeURIComponent(id)}/output`;
    const answer = await api.ask<OutputAnswer>("GET", path, { query: known });
    for (const piece of answer.pieces) {
      const { stream, offset, text } = piece;
      if (json) await io.out(`${JSON.stringify({ execution: id, ...piece })}\n`);
      else {
        if (offset > known[stream])
          io.err(`… ${offset - known[stream]} bytes of ${stream} did not come through\n`);
        await write(stream, lines[stream].take(text));
      }
      known[stream] = offset + Buffer.byteLength(text);
    }
    if (answer.ended) {
      if (!json) for (const stream of ["stdout", "stderr"] as const) await write(stream, lines[stream].end());
      return answer;
    }
    await sleep(print.pauseMs());
  }
}

/** The same, and its next attempts after it where a policy tries again: resolves with how the last one ended. */
async function tailAttempts(api: ApiClient, first: string, print: TailPrint): Promise<Status> {
  for (let id = first; ; ) {
    const { status, next_attempt: next } = await tailOutput(api, id, print);
    if (next === undefined || !(await isThere(api, next))) return status;
    const prefix = print.name === undefined ? "" : `${print.name} | `;
    print.io.err(`${prefix}${id}: ${status}; it is tried again: ${next}\n`);
    id = next;
  }
}

/** It is made as soon as the one before has ended. */
async function isThere(api: ApiClient, id: string): Promise<boolean> {
  for (const deadline = performance.now() + attemptWaitMs; ; ) {
    const query = { ids: id };
    const { items } = await api.ask<{ items: readonly unknown[] }>("GET", "/v1/executions", { query });
    if (items.length > 0) return true;
    if (performance.now() >= deadline) return false;
    await sleep(lookEveryMs);
  }
}

type Tailed = Pick<ExecutionView, "id" | "action" | "agent" | "fan_out">;

/** Tails each child of a fan-out from its start on, until the fan-out has ended. */
async function tailChildren(
  api: ApiClient,
  parent: Tailed,
  tail: (child: Tailed) => Promise<Status>,
): Promise<Status> {
  const path = `/v1/executions/${encodeURIComponent(parent.id)}`;
  const tails = new Map<string, Promise<Status>>();
  for (;;) {
    const { status, fan_out: plan } = await api.ask<ExecutionView>("GET", path);
    if ((plan?.started ?? 0) > tails.size) {
      for await (const lines of api.lines(`${path}/children`, {})) {
        for (const line of lines) {
          const child = JSON.parse(line) as ExecutionView;
          if (tails.has(child.agent)) continue;
          const tailed = tail(child);
          // Told when all are waited for.
          tailed.catch(() => {});
          tails.set(child.agent, tailed);
        }
      }
    }
    if (isFinal(status)) {
      await Promise.all(tails.values());
      return status;
    }
    await sleep(lookEveryMs);
  }
}

/**
 * Tails them beside each other, of a fan-out its children. Ends with 1 when one did not succeed; Ctrl-C leaves them
 * running.
 */
export async function showTail(
  context: CliContext,
  command: Command,
  executions: readonly Tailed[],
): Promise<void> {
  const { io } = context;
  io.exitOnInterrupt(`it goes on: ${howToLook(executions)}`);
  const api = context.api(command);
  const json = context.globals(command).json === true;
  const isOne = executions.length === 1 && executions[0]?.fan_out === undefined;
  let open = 0;
  const pauseMs = () => Math.max(lookEveryMs, open * lookEachMs);
  const tail = async ({ id, agent }: Tailed) => {
    open += 1;
    try {
      return await tailAttempts(api, id, { io, json, pauseMs, ...(!isOne && { name: agent }) });
    } finally {
      open -= 1;
    }
  };
  const ends = await Promise.all(
    executions.map((each) => (each.fan_out === undefined ? tail(each) : tailChildren(api, each, tail))),
  );
  if (ends.some((status) => status !== "succeeded")) throw new CommandEnded(1);
}

/** With a name before them, lines go out whole: those of several stand beside each other. */
class Lines {
  readonly #prefix: string | null;
  #rest = "";

  constructor(name: string | undefined) {
    this.#prefix = name === undefined ? null : `${name} | `;
  }

  take(text: string): string {
    if (this.#prefix === null) {
      this.#rest = text === "" ? this.#rest : text.slice(-1);
      return text;
    }
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    return lines.map((line) => `${this.#prefix}${line}\n`).join("");
  }

  /** The last line, which had no end; what comes behind it begins a new one. */
  end(): string {
    if (this.#rest === "" || this.#rest === "\n") return "";
    return this.#prefix === null ? "\n" : `${this.#prefix}${this.#rest}\n`;
  }
}

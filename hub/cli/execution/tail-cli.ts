/** Prints what a running action writes, as it comes. */
import { Buffer } from "node:buffer";
import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import type { CliIo } from "../../../shared/cli/cli-io.ts";
import { CommandEnded } from "../../../shared/cli/program-cli.ts";
import type { Execution, Status } from "../../../shared/model/execution.ts";
import { plainLines } from "../../../shared/plain-text.ts";
import type { OutputName, OutputPiece } from "../../executions/live-output.ts";
import type { ApiClient } from "../api-client-http.ts";
import type { CliContext } from "../context-cli.ts";

interface OutputAnswer {
  readonly status: Status;
  readonly ended: boolean;
  readonly pieces: readonly OutputPiece[];
}

interface TailPrint {
  readonly io: Pick<CliIo, "out" | "err" | "columns">;
  /** A piece as a line of JSON, in place of its text. */
  readonly json: boolean;
  /** Stands before each line, where several write. */
  readonly name?: string;
}

const lookEveryMs = 250;

/** Resolves with how it ended once all of its output is printed. A hub that is restarted meanwhile is waited for. */
async function tailOutput(api: ApiClient, id: string, print: TailPrint): Promise<Status> {
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
    const { status, ended, pieces } = await api.ask<OutputAnswer>("GET", path, { query: known });
    for (const piece of pieces) {
      const { stream, offset, text } = piece;
      if (json) await io.out(`${JSON.stringify({ execution: id, ...piece })}\n`);
      else {
        if (offset > known[stream])
          io.err(`… ${offset - known[stream]} bytes of ${stream} did not come through\n`);
        await write(stream, lines[stream].take(text));
      }
      known[stream] = offset + Buffer.byteLength(text);
    }
    if (ended) {
      if (!json) for (const stream of ["stdout", "stderr"] as const) await write(stream, lines[stream].end());
      return status;
    }
    await sleep(lookEveryMs);
  }
}

/** Tails them beside each other. Ends with 1 when one did not succeed; Ctrl-C leaves them running. */
export async function showTail(
  context: CliContext,
  command: Command,
  executions: readonly Pick<Execution, "id" | "agent">[],
): Promise<void> {
  const { io } = context;
  io.exitOnInterrupt(`it goes on: petrel execution get ${executions.map(({ id }) => id).join(" ")}`);
  const api = context.api(command);
  const json = context.globals(command).json === true;
  const ends = await Promise.all(
    executions.map(({ id, agent }) =>
      tailOutput(api, id, { io, json, ...(executions.length > 1 && { name: agent }) }),
    ),
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

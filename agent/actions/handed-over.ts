/**
 * Actions that run on while the agent becomes another version of itself: the program is replaced and the process stays
 * (execve(2)), so that its children stay its children and their sockets stay open (decision 0026). Pure.
 */
import { isObject } from "../../shared/json.ts";
import type { ProcessGroup } from "./journal.ts";
import type { CapturedSoFar } from "./output-capture.ts";

/** A running program, as `gated-process.ts` lets go of it. */
export interface HandedProcess {
  readonly group: ProcessGroup;
  /** Descriptors of its standard input, output and error in the next program; `null`: none. */
  readonly fds: readonly (number | null)[];
  readonly stdout: CapturedSoFar;
  readonly stderr: CapturedSoFar;
}

/** A running execution, as the worker lets go of it. */
export interface HandedExecution {
  readonly execution: string;
  readonly process: HandedProcess;
  /** Milliseconds until its timeout. */
  readonly remaining_ms: number;
  readonly paused: boolean;
}

/** Thrown through a runner: its program runs on, and belongs to the next agent. */
export class HandedOver extends Error {
  readonly process: HandedProcess;

  constructor(process: HandedProcess) {
    super("handed over to the next agent");
    this.process = process;
  }
}

/** Of who hands over: nobody else's file is believed. */
interface HandedFile {
  readonly pid: number;
  readonly start_ticks: number;
  readonly executions: readonly HandedExecution[];
}

export function handedText(file: HandedFile): string {
  return JSON.stringify(file);
}

/**
 * What was handed over to this process; empty when the file is of another one: it died on the way, and its actions are
 * children of nobody who could wait for them.
 */
export function parseHanded(
  text: string | null,
  own: { readonly pid: number; readonly start_ticks: number },
): readonly HandedExecution[] {
  if (text === null) return [];
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return [];
  }
  if (!isObject(value) || value.pid !== own.pid || value.start_ticks !== own.start_ticks) return [];
  return Array.isArray(value.executions) ? (value.executions as unknown as HandedExecution[]) : [];
}

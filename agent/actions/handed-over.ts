/**
 * Actions that run on while the agent becomes another version of itself: the program is replaced and the process stays
 * (execve(2)), so that its children stay its children and their sockets stay open (decision 0026). Pure.
 */
import { checksWith, errorsText } from "../../shared/validation.ts";
import type { CutSoFar } from "../sensors/lines.ts";
import type { ProcessGroup } from "./journal.ts";
import type { ScriptReport } from "./outcome.ts";
import type { CapturedSoFar } from "./output-capture.ts";

/** What a script has said on its channel. */
export interface TalkSoFar {
  /** Prefix of its local datastore names. */
  readonly owner: string;
  readonly report: ScriptReport | null;
}

/** A running program, as `gated-process.ts` lets go of it. */
export interface HandedProcess {
  readonly group: ProcessGroup;
  /** Descriptors of its standard input, output and error in the next program; `null`: none. */
  readonly fds: readonly (number | null)[];
  readonly stdout: CapturedSoFar;
  readonly stderr: CapturedSoFar;
  /** Of a script: what it has said, the line that it is at, and bytes after that, in base64. No question of it is open. */
  readonly channel?: { readonly talk: TalkSoFar; readonly line: CutSoFar; readonly unread: string };
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
  /** Milliseconds by the clock of this boot (CLOCK_MONOTONIC), which all of its processes share. Older versions say none. */
  readonly at_ms?: number;
  readonly executions: readonly HandedExecution[];
}

export function handedText(file: HandedFile): string {
  return JSON.stringify(file);
}

const captured = {
  type: "object",
  required: ["kept", "seen_bytes"],
  properties: { kept: { type: "string" }, seen_bytes: { type: "integer", minimum: 0 } },
};

const channel = {
  type: "object",
  required: ["talk", "line", "unread"],
  properties: {
    unread: { type: "string" },
    talk: {
      type: "object",
      required: ["owner", "report"],
      properties: { owner: { type: "string" }, report: { type: ["object", "null"] } },
    },
    line: {
      type: "object",
      required: ["kept", "seen_bytes", "dropping"],
      properties: {
        kept: { type: "string" },
        seen_bytes: { type: "integer", minimum: 0 },
        dropping: { type: "boolean" },
      },
    },
  },
};

/** What is read of it; another version may have written it. */
const isHandedFile = checksWith({ allowUnionTypes: true })<HandedFile>({
  type: "object",
  required: ["pid", "start_ticks", "executions"],
  properties: {
    pid: { type: "integer" },
    start_ticks: { type: "integer" },
    at_ms: { type: "number", minimum: 0 },
    executions: {
      type: "array",
      items: {
        type: "object",
        required: ["execution", "process", "remaining_ms", "paused"],
        properties: {
          execution: { type: "string" },
          remaining_ms: { type: "number", minimum: 0 },
          paused: { type: "boolean" },
          process: {
            type: "object",
            required: ["group", "fds", "stdout", "stderr"],
            properties: {
              group: {
                type: "object",
                required: ["pgid", "start_ticks", "boot_id"],
                properties: {
                  pgid: { type: "integer", minimum: 2 },
                  start_ticks: { type: "integer" },
                  boot_id: { type: "string" },
                },
              },
              fds: { type: "array", items: { type: ["integer", "null"], minimum: 3 } },
              stdout: captured,
              stderr: captured,
              channel,
            },
          },
        },
      },
    },
  },
});

export interface ParsedHanded {
  readonly executions: readonly HandedExecution[];
  /** Why nothing can be taken from it; `null` when it is as it should be. */
  readonly problem: string | null;
}

/**
 * What was handed over to this process, with the time that has passed since then taken from what each has left; none when
 * the file is of another one: it died on the way, and its actions are children of nobody who could wait for them.
 */
export function parseHanded(
  text: string | null,
  own: { readonly pid: number; readonly start_ticks: number; readonly at_ms: number },
): ParsedHanded {
  if (text === null) return nothing(null);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return nothing(error instanceof Error ? error.message : String(error));
  }
  if (!isHandedFile(value)) return nothing(errorsText(isHandedFile.errors, "handed-over"));
  const isOwn = value.pid === own.pid && value.start_ticks === own.start_ticks;
  if (!isOwn) return nothing(null);
  const passedMs = Math.max(0, own.at_ms - (value.at_ms ?? own.at_ms));
  const later = (each: HandedExecution): HandedExecution =>
    each.paused ? each : { ...each, remaining_ms: Math.max(0, each.remaining_ms - passedMs) };
  return { executions: value.executions.map(later), problem: null };
}

const nothing = (problem: string | null): ParsedHanded => ({ executions: [], problem });

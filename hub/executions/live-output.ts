/**
 * What running actions have written so far, in memory and bounded: to look on by, best effort. What an action came to is
 * in its result. Pure.
 */
import { Buffer } from "node:buffer";
import { isObject, type Json } from "../../shared/json.ts";
import type { StreamChunk } from "../../shared/wire/messages.ts";

export type OutputPiece = Pick<StreamChunk, "stream" | "offset" | "text">;
export type OutputName = OutputPiece["stream"];

/** Bytes of each stream that are known already. */
export type Offsets = Readonly<Record<OutputName, number>>;

export interface LiveOutputLimits {
  /** Bytes of one execution; an agent sends no more than 1 MiB of each stream. */
  readonly perExecution: number;
  /** Bytes of one agent's: one that floods has its own go, and not those of others. */
  readonly perAgent: number;
  /** Bytes of all; the agent that has been silent for the longest loses its oldest first. */
  readonly total: number;
}

const usualLimits: LiveOutputLimits = {
  perExecution: 2 * 1024 * 1024,
  perAgent: 8 * 1024 * 1024,
  total: 32 * 1024 * 1024,
};
/** Bytes that a piece costs beside its text. */
const pieceBytes = 100;

interface Kept {
  readonly pieces: OutputPiece[];
  readonly ends: Record<OutputName, number>;
  bytes: number;
}

/** Of one agent, by execution, in the order of their last piece. */
interface OfAgent {
  readonly kept: Map<string, Kept>;
  bytes: number;
}

export class LiveOutput {
  readonly #limits: LiveOutputLimits;
  /** In the order of their last piece. By agent, so that none can write into what another one runs. */
  readonly #agents = new Map<string, OfAgent>();
  #bytes = 0;

  constructor(limits: LiveOutputLimits = usualLimits) {
    this.#limits = limits;
  }

  /** A piece that overlaps what is there already is dropped; the first one again is that of another run (idempotent). */
  take(
    agent: string,
    { execution, stream, offset, text }: OutputPiece & { readonly execution: string },
  ): void {
    const own = this.#agents.get(agent) ?? { kept: new Map<string, Kept>(), bytes: 0 };
    let kept = own.kept.get(execution) ?? null;
    if (kept !== null && offset === 0 && kept.ends[stream] > 0) {
      this.#forget(own, execution, kept);
      kept = null;
    }
    kept ??= { pieces: [], ends: { stdout: 0, stderr: 0 }, bytes: 0 };
    const size = Buffer.byteLength(text);
    const cost = size + pieceBytes;
    if (offset < kept.ends[stream] || kept.bytes + cost > this.#limits.perExecution) return;
    kept.pieces.push({ stream, offset, text });
    kept.ends[stream] = offset + size;
    kept.bytes += cost;
    own.bytes += cost;
    this.#bytes += cost;
    toEnd(own.kept, execution, kept);
    toEnd(this.#agents, agent, own);
    while (own.bytes > this.#limits.perAgent) this.#forgetOldest(own);
    for (const [silent, others] of this.#agents) {
      while (this.#bytes > this.#limits.total && others.kept.size > 0) this.#forgetOldest(others);
      if (others.kept.size > 0) break;
      this.#agents.delete(silent);
    }
  }

  /** In the order they came. */
  since(agent: string, execution: string, known: Offsets): readonly OutputPiece[] {
    const kept = this.#agents.get(agent)?.kept.get(execution);
    return kept?.pieces.filter(({ stream, offset }) => offset >= known[stream]) ?? [];
  }

  #forgetOldest(own: OfAgent): void {
    const [oldest] = own.kept;
    if (oldest !== undefined) this.#forget(own, ...oldest);
  }

  #forget(own: OfAgent, execution: string, { bytes }: Kept): void {
    own.kept.delete(execution);
    own.bytes -= bytes;
    this.#bytes -= bytes;
  }
}

function toEnd<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
}

/**
 * Pieces behind `known` of an execution that has ended: `live`, and what its result has beyond them, or in place of those of
 * a stream that has holes. Of output that was read as JSON the text is not known any more: its value is spelled out where
 * nothing of it had come.
 */
export function endedOutput(
  live: readonly OutputPiece[],
  result: Json,
  known: Offsets,
): readonly OutputPiece[] {
  let pieces = live;
  for (const stream of ["stdout", "stderr"] as const) {
    const own = live.filter((piece) => piece.stream === stream);
    const value = isObject(result) ? (result[stream] ?? "") : "";
    if (typeof value !== "string" && own.length > 0) continue;
    const bytes = Buffer.from(typeof value === "string" ? value : JSON.stringify(value, null, 2));
    const whole = wholeUntil(own, known[stream]);
    const from = whole ?? known[stream];
    if (whole === null) pieces = pieces.filter((piece) => piece.stream !== stream);
    const text = bytes.subarray(from).toString();
    if (text !== "") pieces = [...pieces, { stream, offset: from, text }];
  }
  return pieces;
}

/** Where pieces end that follow each other from `known` on; `null` when there are holes between them. */
function wholeUntil(pieces: readonly OutputPiece[], known: number): number | null {
  let end = known;
  for (const { offset, text } of pieces) {
    if (offset !== end) return null;
    end += Buffer.byteLength(text);
  }
  return end;
}

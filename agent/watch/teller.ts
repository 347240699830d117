/**
 * Tells changes to the agent and, once they are accepted, writes them into the baseline, in that order. Each trigger
 * carries a note, so that a crash between the two neither loses nor repeats anything.
 */
import type { JsonObject } from "../../shared/json.ts";
import type { BytePath } from "../../shared/watch/paths.ts";
import type { SensorService } from "../sensors/sensor.ts";
import { encodeNote, type Note, noteName, syncEvery } from "./notes.ts";
import type { BaselineChange } from "./record.ts";

/** A change with what the baseline holds after it. */
export interface Told {
  readonly trigger: string;
  readonly payload: JsonObject;
  readonly changes: readonly BaselineChange[];
  readonly moves: Note["moves"];
  /** Of a moved folder's content: in the baseline, but too much for a note, which names the folder only. */
  readonly along: readonly BaselineChange[];
}

export interface TellerOptions {
  readonly dispatch: SensorService["dispatch"];
  readonly write: (
    changes: readonly BaselineChange[],
    options: { readonly meta?: Readonly<Record<string, number>>; readonly sync: boolean },
  ) => Promise<void>;
  /** Shows that a note is this sensor's. */
  readonly sealNote: (text: string) => string;
  /** Of the last note that the baseline has. */
  readonly appliedSeq: number;
  /** A payload that no entry can carry is told without these, one after the other. */
  readonly droppable: readonly string[];
  readonly warn: (message: string, path: BytePath) => void;
}

/** Name of the meta row that holds the last applied note's number. */
export const appliedSeqName = "applied_seq";

/** Told at once and not yet accepted; below the sensor protocol's window, so that the reader of answers keeps up. */
const inFlight = 256;

export class Teller {
  readonly #options: TellerOptions;
  #seq: number;
  #syncedSeq: number;

  constructor(options: TellerOptions) {
    this.#options = options;
    this.#seq = options.appliedSeq;
    this.#syncedSeq = options.appliedSeq;
  }

  /** Number of the last change that was told, accepted or not. */
  get seq(): number {
    return this.#seq;
  }

  /** Resolves once all are accepted and in the baseline. Waits for as long as the agent cannot take them. */
  async tell(all: readonly Told[]): Promise<void> {
    for (let from = 0; from < all.length; from += inFlight) {
      const part = all.slice(from, from + inFlight);
      await Promise.all(part.map((told) => this.#dispatch(told, ++this.#seq)));
      const isSyncDue = this.#seq - this.#syncedSeq >= syncEvery;
      if (isSyncDue) this.#syncedSeq = this.#seq;
      await this.#options.write(
        part.flatMap(({ changes, along }) => [...along, ...changes]),
        { meta: { [appliedSeqName]: this.#seq }, sync: isSyncDue },
      );
    }
  }

  async #dispatch({ trigger, payload, changes, moves }: Told, seq: number): Promise<void> {
    const { dispatch, droppable, sealNote, warn } = this.#options;
    const set = { [noteName(seq)]: sealNote(encodeNote({ seq, changes, moves })) };
    let rest: JsonObject = { ...payload, seq };
    for (const name of [...droppable, null]) {
      try {
        // What has priority is not marked as part of a burst.
        await dispatch(trigger, rest, { set, bulk: "burst" in payload });
        return;
      } catch (error) {
        const isTooLarge = error instanceof Error && "code" in error && error.code === "LINK_ENTRY_TOO_LARGE";
        if (!isTooLarge || name === null) throw error;
        warn(`the trigger is too large: told without ${name}`, String(payload.path));
        rest = { ...without(rest, name), truncated: true };
      }
    }
  }
}

function without(payload: JsonObject, name: string): JsonObject {
  const { [name]: dropped, ...rest } = payload;
  if (dropped !== undefined) return rest;
  const strip = (look: unknown) =>
    typeof look === "object" && look !== null && !Array.isArray(look)
      ? Object.fromEntries(Object.entries(look as JsonObject).filter(([key]) => key !== name))
      : (look ?? null);
  return { ...rest, before: strip(rest.before) as JsonObject, after: strip(rest.after) as JsonObject };
}

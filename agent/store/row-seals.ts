/** Rows of the agent's database that hold secrets: encrypted as they are written, opened as they are read. Pure. */
import type { RandomBytes } from "../../shared/clock.ts";
import { errorReport } from "../../shared/errors.ts";
import { isObject } from "../../shared/json.ts";
import type { NumberedEntry, Outbox } from "../../shared/link/ports.ts";
import type { Logger } from "../../shared/log.ts";
import { type PlaceCipher, placeNonceBytes } from "../../shared/place-cipher.ts";
import type { AssignmentEntry, ExecutionUpdateEntry, UpEntry } from "../../shared/wire/messages.ts";

/** What a row looks like; `also` is what has to be known of it without opening. */
type SealedRow = { readonly sealed: string };

export interface RowSeals {
  /** The row's text. `place` names the row: it can be opened nowhere else. Without secrets it is the value as JSON. */
  keep(place: string, value: object, isSecret: boolean, also?: object): string;
  /** Throws KEY_UNREADABLE. */
  read<T>(place: string, text: string): T;
}

export function rowSeals(cipher: PlaceCipher, random: RandomBytes): RowSeals {
  return {
    keep(place, value, isSecret, also) {
      const text = JSON.stringify(value);
      if (!isSecret) return text;
      const sealed = cipher.seal(place, text, random(placeNonceBytes));
      return JSON.stringify({ ...also, sealed } satisfies SealedRow);
    },
    read<T>(place: string, text: string): T {
      const value: unknown = JSON.parse(text);
      return isSealed(value) ? (JSON.parse(cipher.open(place, value.sealed)) as T) : (value as T);
    },
  };
}

function isSealed(value: unknown): value is SealedRow {
  return isObject(value) && typeof value.sealed === "string";
}

/** An assignment as it is kept; its `id` is there in any case. */
export function assignmentRow(entry: AssignmentEntry, rows: RowSeals): string {
  return rows.keep(`assignment/${entry.id}`, entry, entry.secret === true, { id: entry.id });
}

/** Throws KEY_UNREADABLE. */
export function assignmentIn(row: string, rows: RowSeals): AssignmentEntry {
  return rows.read<AssignmentEntry>(`assignment/${assignmentId(row)}`, row);
}

export function assignmentId(row: string): string {
  return (JSON.parse(row) as Pick<AssignmentEntry, "id">).id;
}

/** News of an execution as the outbox keeps them. */
type KeptUpdate = ExecutionUpdateEntry & { readonly sealed?: string };

const placeOf = (entry: string) => `update/${entry}`;

/** News with a result that may hold secrets, as the outbox is to keep them. */
export function keptUpdate(update: ExecutionUpdateEntry, rows: RowSeals): KeptUpdate {
  if (update.secret !== true || (update.result === undefined && update.result_key === undefined))
    return update;
  const { result, result_key, ...rest } = update;
  const secrets = {
    ...(result !== undefined && { result }),
    ...(result_key !== undefined && { result_key }),
  };
  const { sealed } = JSON.parse(rows.keep(placeOf(update.id), secrets, true)) as SealedRow;
  return { ...rest, sealed };
}

function sentUpdate({ sealed, ...update }: KeptUpdate, rows: RowSeals): ExecutionUpdateEntry {
  const secrets = rows.read<Partial<ExecutionUpdateEntry>>(placeOf(update.id), JSON.stringify({ sealed }));
  return { ...update, ...secrets };
}

/**
 * The outbox as the link sends from it: what it keeps encrypted is whole again. News whose result cannot be opened go
 * without it, and say so: how the execution ended counts for more, and nothing behind them waits.
 */
export function openedOutbox(
  outbox: Outbox<UpEntry>,
  rows: RowSeals,
  log: Pick<Logger, "error">,
): Outbox<UpEntry> {
  /** Told of once, however often they are sent. */
  const told = new Set<string>();
  const sent = (update: KeptUpdate): ExecutionUpdateEntry => {
    try {
      return sentUpdate(update, rows);
    } catch (error) {
      const { sealed: _, ...rest } = update;
      const { id, execution, status } = rest;
      if (!told.has(id))
        log.error("a secret result cannot be opened, and is reported without", { execution, status, error });
      told.add(id);
      const { code, message } = errorReport(error);
      return { ...rest, reason: `${code}: the agent cannot open its result: ${message}`.slice(0, 2_000) };
    }
  };
  const hasSealed = ({ entry }: NumberedEntry<UpEntry>) =>
    entry.kind === "execution-update" && isSealed(entry);
  const opened = (numbered: NumberedEntry<UpEntry>): NumberedEntry<UpEntry> => {
    const { entry, n, last } = numbered;
    if (entry.kind !== "execution-update" || !isSealed(entry)) return numbered;
    const whole = sent(entry);
    const text = JSON.stringify(whole);
    return { n, last, entry: whole, size: Buffer.byteLength(text), text };
  };
  const allOpened = (found: readonly NumberedEntry<UpEntry>[]) =>
    found.some(hasSealed) ? found.map(opened) : found;
  return {
    epochs: () => outbox.epochs(),
    passBacklog: () => outbox.passBacklog?.(),
    read(epoch, from, maxEntries, maxBytes) {
      const found = outbox.read(epoch, from, maxEntries, maxBytes);
      return found instanceof Promise ? found.then(allOpened) : allOpened(found);
    },
    receipted: (epoch, upTo) => outbox.receipted(epoch, upTo),
    park: (epoch, n, reason) => outbox.park(epoch, n, reason),
    onAppend: (listener) => outbox.onAppend(listener),
  };
}

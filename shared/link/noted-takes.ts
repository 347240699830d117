/** Takes that are noted before they begin: of those that killed the process the next one knows which entries they were. */
import type { Entry } from "../wire/messages.ts";
import { type IntakeJournal, type IntakeRecord, intakeParts, suspectAtStart } from "./poison.ts";
import type { Inbox, NumberedEntry } from "./ports.ts";

export class NotedTakes<E extends Entry = Entry> {
  readonly #inbox: Inbox<E>;
  readonly #journal: IntakeJournal<E> | undefined;
  readonly #markOf: (epoch: string) => Promise<number>;
  /** `undefined`: not looked for yet. */
  #suspect: IntakeRecord | null | undefined;

  /** Without a journal nothing is noted. */
  constructor(
    inbox: Inbox<E>,
    journal: IntakeJournal<E> | undefined,
    markOf: (epoch: string) => Promise<number>,
  ) {
    this.#inbox = inbox;
    this.#journal = journal;
    this.#markOf = markOf;
  }

  /** Resolves to the new mark. Rejects when the store does. */
  async take(epoch: string, mark: number, entries: readonly NumberedEntry<E>[]): Promise<number> {
    const journal = this.#journal;
    if (journal === undefined) return (await this.#inbox.take(epoch, mark, entries)).upTo;
    const suspect = this.#suspect === undefined ? await this.#suspected(journal) : this.#suspect;
    let upTo = mark;
    for (const { entries: part, crashes, dead } of intakeParts(suspect, epoch, entries)) {
      const [first] = part;
      const last = part.at(-1);
      if (first === undefined || last === undefined) continue;
      await journal.write({ epoch, from: first.n, to: last.last, crashes });
      try {
        const outcome = await (dead
          ? journal.deadLetter(epoch, upTo, first, `in intake during ${crashes} crashes`)
          : this.#inbox.take(epoch, upTo, part));
        upTo = outcome.upTo;
        if (!outcome.taken) break;
      } catch (error) {
        // Refused, not killed by: a disk that stays full over some restarts is no fault of these entries.
        await journal.write({ epoch, from: first.n, to: first.n - 1, crashes: 0 }).catch(() => {
          // The same disk; what matters is why the take was refused.
        });
        throw error;
      }
    }
    return upTo;
  }

  async #suspected(journal: IntakeJournal<E>): Promise<IntakeRecord | null> {
    const record = await journal.read();
    this.#suspect = record === null ? null : suspectAtStart(record, await this.#markOf(record.epoch));
    return this.#suspect;
  }
}

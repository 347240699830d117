/** Which row of the audit's chain is the last that speaks of a record: stories are read once, not once for each record. */
import { parseRow } from "../audit/row-text.ts";
import { keyOfItem } from "./chain-items.ts";
import { downNumber, keys, within } from "./keys.ts";
import type { Rows } from "./records.ts";

/** Records of all stories that are held: some 10 MB. */
const mostHeld = 50_000;
/** Rows read at once. */
const chunk = 16;

/** A row that speaks of a record, by the record's key. */
export interface Saying {
  readonly key: string;
  readonly seq: number;
}

interface Story {
  /** Record key to the number of the last row that speaks of it, as far as rows were read. */
  readonly last: Map<string, number>;
  through: number;
  /** False when it speaks of more records than are held. */
  isWhole: boolean;
}

/** Lives as long as one piece of work over many rows; rows that are written meanwhile are read when they matter. */
export class ChainStories {
  readonly #level: Rows;
  readonly #most: number;
  readonly #stories = new Map<string, Story>();
  #held = 0;

  constructor(level: Rows, most = mostHeld) {
    this.#level = level;
    this.#most = most;
  }

  /** Those of `sayings` behind which a row of their story speaks of the same record. */
  async outdated<T extends Saying>(root: string, sayings: readonly T[]): Promise<ReadonlySet<T>> {
    const story = this.#story(root);
    const isLast = ({ key, seq }: Saying) => (story.last.get(key) ?? 0) <= seq;
    if (sayings.some(isLast)) await this.#readOn(root, story);
    const found = new Set(sayings.filter((saying) => !isLast(saying)));
    // Of records that are not held, the rows are asked again.
    const open = sayings.filter((saying) => !found.has(saying));
    if (!story.isWhole && open.length > 0) await this.#search(root, open, found);
    return found;
  }

  async #search<T extends Saying>(root: string, sayings: readonly T[], found: Set<T>): Promise<void> {
    const open = new Map<string, Set<T>>();
    for (const saying of sayings) open.set(saying.key, (open.get(saying.key) ?? new Set()).add(saying));
    const from = Math.min(...sayings.map(({ seq }) => seq));
    for await (const { seq, told } of this.#rows(root, from)) {
      for (const key of told) {
        for (const saying of open.get(key) ?? []) if (saying.seq < seq) found.add(saying);
      }
    }
  }

  #story(root: string): Story {
    const known = this.#stories.get(root);
    if (known !== undefined) return known;
    for (const [oldest, { last }] of this.#stories) {
      if (this.#held < this.#most) break;
      this.#stories.delete(oldest);
      this.#held -= 1 + last.size;
    }
    const story: Story = { last: new Map(), through: 0, isWhole: true };
    this.#stories.set(root, story);
    this.#held++;
    return story;
  }

  async #readOn(root: string, story: Story): Promise<void> {
    for await (const { seq, told } of this.#rows(root, story.through)) {
      for (const key of told) {
        const known = story.last.get(key);
        if (known === undefined && story.last.size >= this.#most) {
          story.isWhole = false;
          continue;
        }
        if (known === undefined && this.#stories.get(root) === story) this.#held++;
        story.last.set(key, Math.max(known ?? 0, seq));
      }
      story.through = Math.max(story.through, seq);
    }
  }

  /** Rows of a story behind `after`, in their order, and the records of which they speak. */
  async *#rows(
    root: string,
    after: number,
  ): AsyncGenerator<{ readonly seq: number; readonly told: string[] }> {
    const range = { gt: keys.storyRow(root, after), lt: within(keys.story(root)).lt };
    const cursor = this.#level.keys(range);
    try {
      for (;;) {
        const seqs = (await cursor.nextv(chunk)).map(downNumber);
        if (seqs.length === 0) return;
        const texts = await this.#level.getMany(seqs.map(keys.chainRow));
        for (const [index, seq] of seqs.entries()) {
          const items = parseRow(texts[index] ?? "")?.items ?? [];
          yield { seq, told: items.map(keyOfItem).filter((key) => key !== null) };
        }
      }
    } finally {
      await cursor.close();
    }
  }
}

/**
 * What was true at the last look, in a LevelDB of the sensor's own. Rows: `b` + walk key → record, `m` + name → JSON.
 *
 * Written only after the change was accepted by the agent (or, at the first build, with nothing to tell). A number of
 * notes that the agent keeps says what was accepted and is not written here yet: see `notes.ts`.
 */
import { Buffer } from "node:buffer";
import { ClassicLevel } from "classic-level";
import type { Json } from "../../shared/json.ts";
import { type BytePath, keysBelow, pathOfKey, walkKey } from "../../shared/watch/paths.ts";
import type { Batches } from "./merge-join.ts";
import { type BaselineChange, type BaselineRecord, decodeRecord, encodeRecord } from "./record.ts";

export interface BaselineRow {
  readonly key: string;
  readonly path: BytePath;
  readonly bytes: Buffer;
}

const rowPrefix = "b";
const metaPrefix = "m";
const rowsOfBatch = 1_000;

export class BaselineStore {
  readonly #level: ClassicLevel<Buffer, Buffer>;

  private constructor(level: ClassicLevel<Buffer, Buffer>) {
    this.#level = level;
  }

  static async open(folder: string): Promise<BaselineStore> {
    const level = new ClassicLevel<Buffer, Buffer>(folder, {
      keyEncoding: "buffer",
      valueEncoding: "buffer",
    });
    await level.open();
    return new BaselineStore(level);
  }

  get(path: BytePath): BaselineRecord | null {
    const bytes = this.#level.getSync(rowKey(walkKey(path)));
    return bytes === undefined ? null : decodeRecord(bytes);
  }

  /** `path` itself and everything below it, in the order of a walk, as it was at the call. */
  within(path: BytePath): Batches<BaselineRow> & { close(): Promise<void> } {
    const own = this.#level.getSync(rowKey(walkKey(path)));
    const { gt, lt } = keysBelow(path);
    const iterator = this.#level.iterator({ gt: rowKey(gt), lt: rowKey(lt) });
    let first: readonly BaselineRow[] | null =
      own === undefined ? null : [{ key: walkKey(path), path, bytes: own }];
    return {
      next: async () => {
        if (first !== null) {
          const rows = first;
          first = null;
          return rows;
        }
        const entries = await iterator.nextv(rowsOfBatch);
        return entries.map(([keyBytes, bytes]) => {
          const key = keyBytes.toString("latin1", rowPrefix.length);
          return { key, path: pathOfKey(key), bytes };
        });
      },
      close: () => iterator.close(),
    };
  }

  /** Writes what was accepted. What a power cut takes of writes without `sync` is in the agent's notes. */
  async write(
    changes: readonly BaselineChange[],
    { meta = {}, sync }: { readonly meta?: Readonly<Record<string, Json>>; readonly sync: boolean },
  ): Promise<void> {
    const ops = [
      ...changes.map(({ path, record }) =>
        record === null
          ? ({ type: "del", key: rowKey(walkKey(path)) } as const)
          : ({ type: "put", key: rowKey(walkKey(path)), value: encodeRecord(record) } as const),
      ),
      ...Object.entries(meta).map(
        ([name, value]) =>
          ({ type: "put", key: metaKey(name), value: Buffer.from(JSON.stringify(value)) }) as const,
      ),
    ];
    await this.#level.batch(ops, { sync });
  }

  /** Everything within `from` is now within `to`. */
  async move(from: BytePath, to: BytePath): Promise<void> {
    const rows = this.within(from);
    try {
      for (let batch = await rows.next(); batch.length > 0; batch = await rows.next()) {
        await this.#level.batch(
          batch.flatMap(({ key, path, bytes }) => [
            { type: "del", key: rowKey(key) } as const,
            { type: "put", key: rowKey(walkKey(to + path.slice(from.length))), value: bytes } as const,
          ]),
        );
      }
    } finally {
      await rows.close();
    }
  }

  meta(name: string): Json {
    const bytes = this.#level.getSync(metaKey(name));
    return bytes === undefined ? null : (JSON.parse(bytes.toString()) as Json);
  }

  async close(): Promise<void> {
    await this.#level.close();
  }
}

function rowKey(key: string): Buffer {
  return Buffer.from(rowPrefix + key, "latin1");
}

function metaKey(name: string): Buffer {
  return Buffer.from(metaPrefix + name, "utf8");
}

/** How the baseline lies in its LevelDB: the names of its rows, and looks at all of them. */
import { Buffer } from "node:buffer";
import type { ClassicLevel } from "classic-level";
import { type BytePath, keysBelow, pathOfKey, walkKey } from "../../shared/watch/paths.ts";
import { macBytes, type Seal } from "./integrity/seal.ts";
import { openRow, rowHash, sealRow } from "./integrity/sealed-row.ts";
import { noRows, type Summary } from "./integrity/summary.ts";
import { Tally } from "./integrity/tally.ts";
import type { Batches } from "./merge-join.ts";
import { pathOfRow, rowKey, rowPrefix } from "./row-key.ts";

export type Rows = ClassicLevel<Buffer, Buffer>;

export interface BaselineRow {
  readonly key: string;
  readonly path: BytePath;
  /** The record, whoever wrote it. */
  readonly bytes: Buffer;
  /** With the seal behind it. */
  readonly sealed: Buffer;
}

/** Has to be closed. */
export type RowsWithin = Batches<BaselineRow> & { close(): Promise<void> };

/** Before the name of a row that is no path. */
export const metaPrefix = "m";
export const summaryKey = Buffer.from("s");
/** Rows read at once. */
export const rowsOfBatch = 1_000;

export function bytesOf(key: string): Buffer {
  return Buffer.from(key, "latin1");
}

export function metaKey(name: string): Buffer {
  return Buffer.from(metaPrefix + name, "utf8");
}

export function metaHash(seal: Seal, name: string, bytes: Buffer): string {
  return seal.hash(metaPrefix + name, bytes).slice(0, 2 * macBytes);
}

/** All rows of paths, or those from a key on, as they are at the call; has to be closed. */
export function allRows(level: Rows, from: string = rowPrefix) {
  return level.iterator({ gte: bytesOf(from), lt: Buffer.from("c") });
}

/** A path's own row and all below it, in the order of a walk, as they are at the call. */
export function rowsWithin(level: Rows, path: BytePath): RowsWithin {
  const own = level.getSync(bytesOf(rowKey(path)));
  const { gt, lt } = keysBelow(path);
  const iterator = level.iterator({ gt: bytesOf(rowPrefix + gt), lt: bytesOf(rowPrefix + lt) });
  let first: readonly BaselineRow[] | null =
    own === undefined ? null : [{ key: walkKey(path), path, bytes: openRow(own), sealed: own }];
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
        return { key, path: pathOfKey(key), bytes: openRow(bytes), sealed: bytes };
      });
    },
    close: () => iterator.close(),
  };
}

/** The greatest of the keys of paths; empty when there is none. */
export async function greatestKey(level: Rows): Promise<string> {
  const [greatest] = await level.keys({ lt: Buffer.from("c"), reverse: true, limit: 1 }).all();
  return greatest?.toString("latin1") ?? "";
}

/** The summary that says what is there. `all`: seals what is not sealed, too. */
export async function adopted(level: Rows, seal: Seal, which: "all" | "sealed"): Promise<Summary> {
  const there = new Tally();
  const iterator = allRows(level);
  try {
    for (;;) {
      const entries = await iterator.nextv(rowsOfBatch);
      if (entries.length === 0) break;
      const ops: { type: "put"; key: Buffer; value: Buffer }[] = [];
      for (const [keyBytes, bytes] of entries) {
        const key = keyBytes.toString("latin1");
        const hash = rowHash(seal, key, bytes);
        if (hash !== null) there.add(hash);
        else if (which === "all") {
          const sealed = sealRow(seal, key, openRow(bytes));
          there.add(sealed.hash);
          ops.push({ type: "put", key: keyBytes, value: sealed.row });
        }
      }
      if (ops.length > 0) await level.batch(ops, { sync: false });
    }
  } finally {
    await iterator.close();
  }
  const meta = Object.fromEntries(await metaHashes(level, seal));
  return { ...noRows, ...there.state(), meta };
}

/** Names of the rows that are no paths and not what the summary says of them. */
export async function wrongMeta(level: Rows, seal: Seal, { meta }: Summary): Promise<readonly string[]> {
  const rows = await metaHashes(level, seal);
  const names = new Set([...rows.keys(), ...Object.keys(meta)]);
  return [...names].filter((name) => rows.get(name) !== meta[name]);
}

async function metaHashes(level: Rows, seal: Seal): Promise<ReadonlyMap<string, string>> {
  const rows = await level.iterator({ gte: Buffer.from(metaPrefix), lt: Buffer.from("n") }).all();
  return new Map(
    rows.map(([key, bytes]) => {
      const name = key.toString("utf8", metaPrefix.length);
      return [name, metaHash(seal, name, bytes)] as const;
    }),
  );
}

/**
 * Adds up the rows whose seal is right, and counts the others: the first one's key, the first paths. Closes `rows`; `turn`
 * is waited for after each thousand.
 */
export async function tallied(
  rows: ReturnType<typeof allRows>,
  seal: Seal,
  mostNamed: number,
  turn: () => Promise<unknown>,
) {
  const there = new Tally();
  const names: BytePath[] = [];
  let first: string | null = null;
  let count = 0;
  try {
    for (;;) {
      const entries = await rows.nextv(rowsOfBatch);
      if (entries.length === 0) break;
      for (const [keyBytes, bytes] of entries) {
        const key = keyBytes.toString("latin1");
        const hash = rowHash(seal, key, bytes);
        if (hash !== null) {
          there.add(hash);
          continue;
        }
        first ??= key;
        count++;
        if (names.length < mostNamed) names.push(pathOfRow(key));
      }
      await turn();
    }
  } finally {
    await rows.close();
  }
  return { there, first, count, names };
}

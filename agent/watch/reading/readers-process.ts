/**
 * Threads that read many files ahead of those who ask for them: digests and extended attributes of what has no record
 * yet. There are none before the first such batch and after `rest`; what a thread does not answer is read without it.
 */
import { getCompileCacheDir } from "node:module";
import { dirname } from "node:path";
import type { Worker } from "node:worker_threads";
import { ownThread } from "../../../shared/runtime/own-programs-process.ts";
import type { BytePath } from "../../../shared/watch/paths.ts";
import { quickLook } from "../kernel/stat-calls-fs.ts";
import type { Extras, Stat } from "../look.ts";
import { isSameFile } from "../look-fs.ts";
import type { PackedRecord } from "../record.ts";
import {
  extrasOf,
  type FileToRead,
  packedRecordOf,
  type ReadAnswer,
  type ReadRequest,
  requestOf,
  type Xattrs,
} from "./batch.ts";
import type { ReaderData } from "./reader-main.ts";
import { type FileToSeal, type SealAnswer, type SealRequest, sealRequestOf } from "./sealing.ts";

export interface ReadersOptions {
  /** Threads at most; with 0 nothing is ever read ahead. */
  readonly threads: number;
  /** ms since the epoch. */
  readonly now: () => number;
  readonly warn: (message: string) => void;
  /** Of the baseline's seals, which rows get in the threads. */
  readonly sealKey: () => Uint8Array;
  /** What a thread runs, instead of `reader-main.ts`. */
  readonly program?: URL;
}

/** What was read of a file ahead of the asking. */
export interface ReadBefore {
  /** `null`: it changed under the reading. */
  readonly extras: () => Extras | null;
  /** Its first record, when there is nothing but a digest to say. */
  readonly packed: () => PackedRecord | null;
  /** ms since the epoch: it was read after that. */
  readonly at: number;
}

export interface Batch {
  /** Resolves once it is known what was read, or that its files have to be read without a thread; never rejects. */
  readonly read: Promise<void>;
  /** Forgets what was read. */
  release(): void;
}

/** With fewer files a thread costs more than it saves. */
const leastFiles = 128;

interface Reader {
  readonly worker: Worker;
  readonly waiting: Map<number, (answer: Answer | null) => void>;
}

type Answer = ReadAnswer | SealAnswer;

/** One batch that was read. */
interface Ready {
  readonly at: number;
  readonly answer: ReadAnswer;
  readonly files: readonly FileToRead[];
  readonly indexes: ReadonlyMap<BytePath, number>;
  readonly xattrs: ReadonlyMap<number, Xattrs>;
}

export class Readers {
  readonly #options: ReadersOptions;
  readonly #readers: Reader[] = [];
  readonly #ready = new Set<Ready>();
  #ids = 0;
  #isOver = false;

  constructor(options: ReadersOptions) {
    this.#options = options;
  }

  /** Whether there are threads, and system calls of our own, for `seal`. */
  get canSeal(): boolean {
    return this.#options.threads > 0 && !this.#isOver && quickLook() !== null;
  }

  /** Begins reading. The batches of one caller may be many: what is not released is kept. */
  begin(files: readonly FileToRead[]): Batch {
    const reader = files.length < leastFiles ? null : this.#leastBusy();
    if (reader === null) return { read: Promise.resolve(), release: () => {} };
    const id = ++this.#ids;
    const at = this.#options.now();
    const answered = ask<ReadAnswer>(reader, requestOf(id, files));
    let ready: Ready | null = null;
    return {
      read: answered.then((answer) => {
        if (answer === null) return;
        const indexes = new Map(files.map(({ path }, n) => [path, n]));
        ready = { at, answer, files, indexes, xattrs: new Map(answer.xattrs) };
        this.#ready.add(ready);
      }),
      release: () => {
        if (ready !== null) this.#ready.delete(ready);
      },
    };
  }

  /**
   * The first rows of files of which nothing is known yet, each read as it is now. `null`: nothing was read. Never
   * rejects. See `canSeal`.
   */
  async seal(files: readonly FileToSeal[]): Promise<SealAnswer | null> {
    const reader = files.length < leastFiles ? null : this.#leastBusy();
    return reader === null ? null : ask<SealAnswer>(reader, sealRequestOf(++this.#ids, files));
  }

  /** What was read of the path; `null` when nothing was. */
  of(path: BytePath, stat: Stat): ReadBefore | null {
    // Few: as many as are read ahead.
    for (const { at, answer, files, indexes, xattrs } of this.#ready) {
      const n = indexes.get(path) ?? -1;
      const file = files[n];
      if (file === undefined || (file.stat !== stat && !isSameFile(file.stat, stat))) continue;
      const own = xattrs.get(n);
      return {
        extras: () => extrasOf(answer, n, own),
        packed: () => (own === undefined ? packedRecordOf(answer, n, stat) : null),
        at,
      };
    }
    return null;
  }

  /** For good. */
  stop(): Promise<void> {
    this.#isOver = true;
    return this.rest();
  }

  /** Ends the threads, whatever they read: their memory is free then. The next batch begins new ones. */
  async rest(): Promise<void> {
    const ending = this.#readers.splice(0);
    this.#ready.clear();
    for (const reader of ending) giveUp(reader);
    await Promise.all(ending.map(({ worker }) => worker.terminate()));
  }

  #leastBusy(): Reader | null {
    const { threads } = this.#options;
    const idle = this.#readers.find(({ waiting }) => waiting.size === 0);
    if (idle !== undefined) return idle;
    if (this.#readers.length < threads && !this.#isOver) this.#start();
    return this.#readers.toSorted((a, b) => a.waiting.size - b.waiting.size)[0] ?? null;
  }

  #start(): void {
    const waiting: Reader["waiting"] = new Map();
    let worker: Worker;
    const ended = (error: unknown) => {
      const at = this.#readers.findIndex((reader) => reader.worker === worker);
      if (at < 0) return;
      this.#readers.splice(at, 1);
      // One that cannot be would not be the second time.
      this.#isOver = true;
      this.#options.warn(`a reading thread ended, what it read is read without it: ${String(error)}`);
      giveUp({ worker, waiting });
    };
    const { program = new URL("./reader-main.ts", import.meta.url), sealKey } = this.#options;
    try {
      const workerData: ReaderData = { sealKey: sealKey() };
      worker = ownThread(program, { env: environment(), workerData });
    } catch (error) {
      this.#isOver = true;
      this.#options.warn(`no reading thread: ${String(error)}`);
      return;
    }
    worker.on("message", (answer: Answer) => {
      waiting.get(answer.id)?.(answer);
      waiting.delete(answer.id);
    });
    worker.on("error", ended);
    worker.on("messageerror", ended);
    worker.on("exit", (code) => ended(`exit code ${code}`));
    this.#readers.push({ worker, waiting });
  }
}

/** The kind of the answer is that of the question. */
function ask<A extends Answer>(
  { worker, waiting }: Reader,
  request: ReadRequest | SealRequest,
): Promise<A | null> {
  return new Promise((resolve) => {
    worker.postMessage(request);
    waiting.set(request.id, (answer) => resolve(answer as A | null));
  });
}

function giveUp({ waiting }: Reader): void {
  for (const resolve of waiting.values()) resolve(null);
  waiting.clear();
}

/** With what this process has compiled before, which is the same code. */
function environment(): NodeJS.ProcessEnv {
  const folder = getCompileCacheDir();
  return folder === undefined ? process.env : { ...process.env, NODE_COMPILE_CACHE: dirname(folder) };
}

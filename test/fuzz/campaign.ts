/** Gives a decoder broken messages for as long as asked, and says what it did that it must not do. */
import { getHeapStatistics } from "node:v8";
import { errorReport, isPetrelError } from "../../shared/errors.ts";
import { growth } from "./growth.ts";
import { mutate } from "./mutate.ts";
import { seededRandom } from "./random.ts";

export type Verdict = "taken" | "refused";

export interface Decoder {
  readonly name: string;
  /** Real messages. */
  readonly seeds: readonly Uint8Array[];
  /** Words of the format that mutations may put in. */
  readonly words?: readonly string[];
  /** Bytes of an input; default 64 KiB. Most are far smaller. */
  readonly maxBytes?: number;
  /** MiB that the heap may grow by, where what is taken is kept: records of a store, say. */
  readonly growthMib?: number;
  /** Throws, or rejects, when something happened that must not: whatever is allowed it has caught itself. */
  take(input: Uint8Array): Verdict | Promise<Verdict>;
}

/** Makes a decoder; what it starts it leaves to `atEnd`. */
export type OpenDecoder = () => Promise<Decoder>;

export interface Fault {
  readonly what: string;
  readonly input: Uint8Array;
}

export interface Findings {
  readonly inputs: number;
  readonly taken: number;
  readonly refused: number;
  readonly slowestMs: number;
  /** MiB after a collection, from the start to the end; `null` where nobody can ask for one. */
  readonly heap: readonly number[] | null;
  readonly faults: readonly Fault[];
}

export interface CampaignOptions {
  readonly seed: number;
  /** It ends after so many inputs, or milliseconds. */
  readonly inputs?: number;
  readonly durationMs?: number;
  /** CPU of this thread: a busy machine makes no input slow. One that takes more is a fault. */
  readonly boundMs?: number;
  /** Told before each input, so that one which never ends is known. */
  readonly begins?: (input: Uint8Array) => void;
  readonly progress?: (inputs: number) => void;
}

/** More of the same help nobody. */
const mostFaults = 10;
const defaultBoundMs = 1_000;
/** Nobody waits longer for an answer, whatever the bound. */
const longestMs = 60_000;
const defaultMaxBytes = 64 * 1024;
/** Mutated messages that were taken, to be mutated further. */
const poolSize = 64;
const poolBytes = 8 * 1024;
/** One input in so many may be as large as its decoder takes: large ones are slow, and break in few ways of their own. */
const oneLargeIn = 40;
const smallBytes = 2 * 1024;
/** MiB that the heap may grow by. */
const defaultGrowthMib = 16;
/** The heap is measured so often. */
const heapSamples = 20;

/** Never rejects for what the decoder does. */
export async function campaign(decoder: Decoder, options: CampaignOptions): Promise<Findings> {
  const { seed, inputs: most = Number.POSITIVE_INFINITY, durationMs = Number.POSITIVE_INFINITY } = options;
  const { boundMs = defaultBoundMs } = options;
  const random = seededRandom(seed);
  const pool: Uint8Array[] = [];
  const faults: Fault[] = [];
  const counts = { taken: 0, refused: 0 };
  let inputs = 0;
  let slowestMs = 0;
  const heap: number[] = [];
  let input: Uint8Array = new Uint8Array();
  const stray = (reason: unknown) => faults.push({ what: `a promise was rejected: ${shown(reason)}`, input });
  process.on("unhandledRejection", stray);
  const from = performance.now();
  let lastBreath = from;
  try {
    // First what is whole: a decoder that refuses it is given nothing but rubbish.
    for (const message of decoder.seeds) await one(message);
    if (counts.taken === 0) faults.push({ what: "no real message was taken", input });
    const { words = [], maxBytes = defaultMaxBytes } = decoder;
    while (inputs < most && faults.length < mostFaults) {
      const now = performance.now();
      const share = Math.max((now - from) / durationMs, inputs / most);
      if (share >= 1) break;
      if (share * heapSamples >= heap.length) measure();
      if (now - lastBreath > 200) {
        await breath();
        lastBreath = performance.now();
        options.progress?.(inputs);
      }
      const others = pool.length > 0 && random.below(3) === 0 ? pool : decoder.seeds;
      const message = random.pick(others);
      const room =
        random.below(oneLargeIn) === 0
          ? maxBytes
          : Math.min(maxBytes, Math.max(smallBytes, 2 * message.length));
      await one(mutate(message, random, { others: decoder.seeds, words, maxBytes: room }));
    }
    await breath();
  } finally {
    process.off("unhandledRejection", stray);
  }
  measure();
  const grown = growth(heap, decoder.growthMib ?? defaultGrowthMib);
  if (grown !== null)
    faults.push({ what: `the heap grew from ${grown.from} to ${grown.to} MiB`, input: new Uint8Array() });
  if (isPolluted()) faults.push({ what: "a prototype was changed", input });
  return { inputs, ...counts, slowestMs, heap: heap.length > 0 ? heap : null, faults };

  function measure(): void {
    const mib = heapMib();
    if (mib !== null) heap.push(mib);
  }

  async function one(message: Uint8Array): Promise<void> {
    input = message;
    options.begins?.(input);
    inputs++;
    const began = cpuMs();
    try {
      const answer = decoder.take(input);
      const verdict =
        answer instanceof Promise ? await within(answer, Math.min(boundMs * 10, longestMs)) : answer;
      counts[verdict]++;
      if (verdict === "taken" && input.length <= poolBytes) {
        if (pool.length < poolSize) pool.push(input);
        else pool[random.below(poolSize)] = input;
      }
    } catch (error) {
      faults.push({ what: shown(error), input });
    }
    const took = cpuMs() - began;
    slowestMs = Math.max(slowestMs, took);
    if (took > boundMs && (await isSlow(message)))
      faults.push({ what: `it took ${Math.round(took)} ms of CPU`, input });
    if (isPolluted()) faults.push({ what: "a prototype was changed", input });
  }

  /** Once more: what was slow once may have been a collection of garbage, or the machine. */
  async function isSlow(message: Uint8Array): Promise<boolean> {
    const began = cpuMs();
    try {
      await decoder.take(message);
    } catch {
      // Said already.
    }
    return cpuMs() - began > boundMs;
  }
}

/** `refused` for an error that the project has a code for; anything else is thrown on. */
export function verdictOf(
  work: () => unknown,
  isAllowed: (error: unknown) => boolean = () => false,
): Verdict {
  try {
    work();
    return "taken";
  } catch (error) {
    if (isAllowed(error)) return "refused";
    // INTERNAL is the code of what nobody thought of.
    if (isPetrelError(error) && errorReport(error).code !== "INTERNAL") return "refused";
    throw error;
  }
}

function isPolluted(): boolean {
  return "polluted" in {} || "polluted" in [] || "polluted" in (() => {});
}

function heapMib(): number | null {
  const collect = globalThis.gc;
  if (collect === undefined) return null;
  collect();
  const { used_heap_size: used, external_memory: external } = getHeapStatistics();
  return Math.round(((used + external) / 1024 / 1024) * 10) / 10;
}

/** Milliseconds that this thread has computed. */
function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}

const breath = () => new Promise<void>((resolve) => setImmediate(resolve));

async function within<T>(promise: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

function shown(error: unknown): string {
  if (!(error instanceof Error)) return `${typeof error} thrown: ${String(error)}`;
  return (error.stack ?? error.message).split("\n").slice(0, 8).join("\n");
}

/** `npm run fuzz -- …`: broken messages for every decoder, for as long as asked. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import type { Fault, Findings } from "./campaign.ts";
import { decoders } from "./decoders.ts";
import { type Asked, mostInputBytes } from "./worker-main.ts";

const usage = `usage: npm run fuzz -- [NAME …] [options]

Gives each decoder mutated messages and sees that it throws nothing but errors with a code, rejects no promise, answers
each within a second of CPU, changes no prototype, and that its heap does not grow from a quarter of the time to the end.

  NAME …        which (default: all): ${[...decoders.keys()].join(" ")}
  --seconds N   for each (default 600)
  --seed N      the same seed gives the same inputs (default: from the clock)
  --beside N    decoders that run side by side (default 1)
  --keep DIR    where inputs that did something wrong are saved (default .fuzz)
  --help

Exit code 0: nothing was found. 1: something was; its input is saved. 2: wrong options.`;

/** An input that has not ended after so many seconds never will. */
const patienceMs = 60_000;

interface Options {
  readonly names: readonly string[];
  readonly seconds: number;
  readonly seed: number;
  readonly beside: number;
  readonly keep: string;
}

function readOptions(args: readonly string[]): Options | number {
  try {
    const text = { type: "string" } as const;
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { seconds: text, seed: text, beside: text, keep: text, help: { type: "boolean" } },
    });
    if (values.help) {
      console.log(usage);
      return 0;
    }
    const number = (name: "seconds" | "seed" | "beside", fallback: number) => {
      const value = values[name] === undefined ? fallback : Number(values[name]);
      if (!Number.isSafeInteger(value) || value < (name === "seed" ? 0 : 1))
        throw new Error(`--${name} is no whole number`);
      return value;
    };
    const names = positionals.flatMap((names) => names.split(",")).filter((name) => name !== "");
    const unknown = names.filter((name) => !decoders.has(name));
    if (unknown.length > 0) throw new Error(`no such decoder: ${unknown.join(", ")}`);
    return {
      names: names.length > 0 ? names : [...decoders.keys()],
      seconds: number("seconds", 600),
      seed: number("seed", Date.now() % 2 ** 31),
      beside: number("beside", 1),
      keep: resolve(values.keep ?? ".fuzz"),
    };
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${usage}`);
    return 2;
  }
}

/** In a thread of its own: one that never ends, or takes all memory, takes nobody along. */
function run(name: string, { seconds, seed }: Options): Promise<Findings | Fault> {
  const shared = new SharedArrayBuffer(8 + mostInputBytes);
  const [count, length] = [new Int32Array(shared, 0, 1), new Int32Array(shared, 4, 1)];
  const workerData: Asked = { name, seed, seconds, shared };
  const worker = new Worker(new URL("worker-main.ts", import.meta.url), {
    workerData,
    // As much stack as a process has: a thread has four times that, and would not see it overflow.
    resourceLimits: { maxOldGenerationSizeMb: 1_024, stackSizeMb: 1 },
  });
  const last = () => Uint8Array.from(new Uint8Array(shared, 8, length[0] ?? 0));
  return new Promise((done) => {
    let seen = 0;
    let since = performance.now();
    const watch = setInterval(() => {
      if ((count[0] ?? 0) !== seen) {
        seen = count[0] ?? 0;
        since = performance.now();
      } else if (seen > 0 && performance.now() - since > patienceMs) {
        end({ what: `it has not ended after ${patienceMs / 1000} s`, input: last() });
      }
    }, 500);
    const end = (result: Findings | Fault) => {
      clearInterval(watch);
      done(result);
      void worker.terminate();
    };
    worker.on("message", (findings: Findings) => end(findings));
    worker.on("error", (error) =>
      end({ what: `it ended the thread: ${error.stack ?? error.message}`, input: last() }),
    );
    worker.on("exit", () => end({ what: "it ended the thread", input: last() }));
  });
}

function report(name: string, result: Findings | Fault, { seed, keep }: Options): boolean {
  const faults = "faults" in result ? result.faults : [result];
  if ("faults" in result) {
    const { inputs, taken, refused, slowestMs, heap } = result;
    const memory =
      heap === null ? "heap not measured" : `heap ${heap[0]} MiB at the start, ${heap.at(-1)} at the end`;
    console.log(
      `${name.padEnd(13)} ${inputs} inputs: ${taken} taken, ${refused} refused; slowest ${slowestMs.toFixed(0)} ms; ${memory}; ${faults.length} faults`,
    );
  }
  for (const [i, { what, input }] of faults.entries()) {
    mkdirSync(keep, { recursive: true });
    const file = join(keep, `${name}-${seed}-${i}.bin`);
    writeFileSync(file, input);
    console.log(`${name}: ${what}\n  input: ${file} (${input.length} bytes)`);
  }
  return faults.length === 0;
}

const options = readOptions(process.argv.slice(2));
if (typeof options === "number") process.exitCode = options;
else {
  console.log(`seed ${options.seed}, ${options.seconds} s each`);
  const waiting = [...options.names];
  let isFine = true;
  const lane = async () => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      isFine = report(name, await run(name, options), options) && isFine;
    }
  };
  await Promise.all(Array.from({ length: options.beside }, lane));
  process.exitCode = isFine ? 0 : 1;
}

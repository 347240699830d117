/** One campaign, in a thread that may be ended from outside. */
import { parentPort, workerData } from "node:worker_threads";
import { cleanedUpAfter } from "../support/at-end.ts";
import { campaign } from "./campaign.ts";
import { decoders } from "./decoders.ts";

export interface Asked {
  readonly name: string;
  readonly seed: number;
  readonly seconds: number;
  /** Count of inputs, length of the present one, and the input itself: what is left of an input that never ends. */
  readonly shared: SharedArrayBuffer;
}

/** Bytes of the largest input of all decoders. */
export const mostInputBytes = 512 * 1024;

if (parentPort !== null) {
  const { name, seed, seconds, shared } = workerData as Asked;
  const [count, length] = [new Int32Array(shared, 0, 1), new Int32Array(shared, 4, 1)];
  const room = new Uint8Array(shared, 8);
  const open = decoders.get(name);
  if (open === undefined) throw new Error(`no such decoder: ${name}`);
  const findings = await cleanedUpAfter(async () =>
    campaign(await open(), {
      seed,
      durationMs: seconds * 1_000,
      begins(input) {
        length[0] = input.length;
        room.set(input);
        count[0] = (count[0] ?? 0) + 1;
      },
    }),
  );
  parentPort.postMessage(findings);
}

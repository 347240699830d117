/**
 * Questions to the hub from the agent's start on. The link is made last of all, since it takes entries at once; actions that a former
 * agent has handed over ask before. Pure.
 */
import { PetrelError } from "../../shared/errors.ts";
import type { Json, JsonObject } from "../../shared/json.ts";
import type { Timers } from "../../shared/timers.ts";

/** See `Link.ask`. */
export type Ask = (op: string, args: JsonObject, withinMs: number) => Promise<Json>;

export interface EarlyAsk {
  /** Waits for the link, and asks with what is left of its time then. Rejects with ASK_TIMEOUT when there is no link within it. */
  readonly ask: Ask;
  /** There is a link: what has waited is asked, in order. */
  made(ask: Ask): void;
}

export function createEarlyAsk(options: {
  readonly timers: Timers;
  readonly monotonic: () => number;
}): EarlyAsk {
  const { timers, monotonic } = options;
  const link = Promise.withResolvers<Ask>();
  let made: Ask | null = null;
  const waited = async (op: string, args: JsonObject, withinMs: number): Promise<Json> => {
    const until = monotonic() + withinMs;
    const late = Promise.withResolvers<null>();
    const cancel = timers.after(withinMs, () => late.resolve(null));
    const ask = await Promise.race([link.promise, late.promise]);
    cancel();
    const leftMs = until - monotonic();
    if (ask === null || leftMs <= 0)
      throw new PetrelError("ASK_TIMEOUT", "the link to the hub is not up yet");
    return ask(op, args, leftMs);
  };
  return {
    ask: (op, args, withinMs) => (made === null ? waited(op, args, withinMs) : made(op, args, withinMs)),
    made: (ask) => {
      made = ask;
      link.resolve(ask);
    },
  };
}

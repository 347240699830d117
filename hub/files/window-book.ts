/** The windows in which changes are expected: in memory for intake, on disk for good. */
import type { Logger } from "../../shared/log.ts";
import type { ChangeWindow } from "../../shared/model/change-window.ts";
import { Rounds } from "../../shared/rounds.ts";
import type { Timers } from "../../shared/timers.ts";
import type { Store } from "../store/store.ts";
import { type CompiledWindow, compileWindow } from "./expected.ts";

export interface WindowBook {
  /** In the order of their opening; those whose time is over stay as long as history does. */
  windows(): readonly CompiledWindow[];
  close(): Promise<void>;
}

export interface WindowBookOptions {
  readonly store: Pick<Store, "changeWindows" | "subscribeChanges">;
  readonly timers: Timers;
  readonly jitter: () => number;
  readonly log: Logger;
}

/** What is opened or closed counts from the moment its writer hears that it is on disk; also what another process does. */
export async function openWindowBook({ store, timers, jitter, log }: WindowBookOptions): Promise<WindowBook> {
  const known = new Map<string, CompiledWindow>();
  /** `null` after one came, changed or went. */
  let sorted: readonly CompiledWindow[] | null = null;
  /** Told while everything is read again: the reading may have passed it already. */
  let told: Map<string, ChangeWindow | null> | null = null;
  const note = (id: string, window: ChangeWindow | null) => {
    told?.set(id, window);
    if (window === null) known.delete(id);
    else known.set(id, compileWindow(window));
    sorted = null;
  };
  const readAll = async () => {
    const meanwhile = new Map<string, ChangeWindow | null>();
    told = meanwhile;
    try {
      const all = await store.changeWindows();
      told = null;
      known.clear();
      for (const window of all) note(window.id, window);
      for (const [id, window] of meanwhile) note(id, window);
    } finally {
      told = null;
    }
  };
  const reading = new Rounds({
    timers,
    jitter,
    work: readAll,
    failed: (error, retryMs) =>
      log.error("the windows for changes could not be read again yet", { error, retry_in_ms: retryMs }),
  });
  const stopListening = store.subscribeChanges(
    (changes) => {
      for (const change of changes) {
        if (change.type === "reopened") void reading.ask();
        else if (change.type === "window") note(change.id, change.window);
      }
    },
    ["window"],
  );
  await readAll();
  return {
    windows: () => {
      sorted ??= [...known.values()].sort((a, b) => (a.window.id < b.window.id ? -1 : 1));
      return sorted;
    },
    async close() {
      stopListening();
      await reading.stop();
    },
  };
}

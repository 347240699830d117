/** What people say of changes of files: that they have seen them, and when they expect some. */
import { timestamp } from "../../shared/clock.ts";
import { PetrelError } from "../../shared/errors.ts";
import { type ChangeWindow, windowEnd } from "../../shared/model/change-window.ts";
import type { FileAck } from "../../shared/model/file-change.ts";
import type { TriggerInstance } from "../../shared/model/trigger.ts";
import type { Store } from "../store/store.ts";
import { compileWindow, withExpected } from "./expected.ts";
import { openWindowBook, type WindowBookOptions } from "./window-book.ts";

export interface AckRequest {
  readonly ids: readonly string[];
  readonly reason: string;
  readonly user: string;
}

export interface WindowRequest {
  readonly labels: Readonly<Record<string, string>>;
  readonly agent: string | null;
  readonly paths: readonly string[];
  /** From now on. */
  readonly seconds: number;
  readonly reason: string;
  readonly user: string;
}

export interface FileDesk {
  /**
   * What holds for each of them, in their order, each once: whoever was first stays. NOT_FOUND when one is no change of
   * a file; then none is acknowledged.
   */
  acknowledge(request: AckRequest): Promise<readonly FileAck[]>;
  /** WATCH_GLOB, WINDOW_INVALID: then nothing is opened. */
  openWindow(request: WindowRequest): Promise<ChangeWindow>;
  /** Ends it now; one that has ended stays as it is. NOT_FOUND. */
  closeWindow(id: string, user: string): Promise<ChangeWindow>;
  /** In the order of their opening; without `all` those that are open. */
  windows(all: boolean): readonly ChangeWindow[];
  /** A fresh instance with what was expected of it. `skewMs`: the agent's clock less the hub's. */
  expect(instance: TriggerInstance, skewMs: number): TriggerInstance;
  close(): Promise<void>;
}

export interface FileDeskOptions extends WindowBookOptions {
  readonly store: Pick<Store, "acknowledge" | "changeWindows" | "putChangeWindow" | "subscribeChanges">;
  readonly now: () => number;
  readonly newId: () => string;
}

/** Each of them is looked at for each change. */
const mostOpen = 1_000;

export async function openFileDesk(options: FileDeskOptions): Promise<FileDesk> {
  const { store, now, newId } = options;
  const book = await openWindowBook(options);
  const isOpen = (window: ChangeWindow) => windowEnd(window) > now();
  const open = () => book.windows().filter(({ window }) => isOpen(window));

  return {
    async acknowledge({ ids, reason, user }) {
      const at = timestamp(now());
      const acks = [...new Set(ids)].map((change) => ({ change, by: user, at, reason }));
      const held = await store.acknowledge(acks);
      if (typeof held !== "string") return held;
      throw new PetrelError("NOT_FOUND", `no change of a file has the id ${held}; nothing was acknowledged`, {
        hint: "`petrel file changes` shows what there is",
      });
    },

    async openWindow({ labels, agent, paths, seconds, reason, user }) {
      if (agent === null && Object.keys(labels).length === 0) {
        throw new PetrelError("WINDOW_INVALID", "the window names neither labels nor an agent", {
          hint: "say where changes are expected: --labels role=web, or --agent web-1",
        });
      }
      if (open().length >= mostOpen) {
        throw new PetrelError(
          "WINDOW_INVALID",
          `${mostOpen} windows are open, which is the most there can be`,
          {
            hint: "close those that are no longer needed: `petrel change list`",
          },
        );
      }
      const at = now();
      const window: ChangeWindow = {
        id: newId(),
        labels,
        agent,
        paths,
        reason,
        opened_by: user,
        opened_at: timestamp(at),
        until: timestamp(at + seconds * 1_000),
        closed_at: null,
        closed_by: null,
        rev: 1,
      };
      compileWindow(window);
      await store.putChangeWindow(window, null);
      return window;
    },

    async closeWindow(id, user) {
      for (;;) {
        const window = book.windows().find((each) => each.window.id === id)?.window;
        if (window === undefined) {
          throw new PetrelError("NOT_FOUND", `no window for changes has the id ${id}`, {
            hint: "`petrel change list --all` shows what there is",
          });
        }
        if (!isOpen(window)) return window;
        const closed = { ...window, closed_at: timestamp(now()), closed_by: user, rev: window.rev + 1 };
        if (await store.putChangeWindow(closed, window.rev)) return closed;
      }
    },

    windows: (all) => (all ? book.windows() : open()).map(({ window }) => window),
    expect: (instance, skewMs) => withExpected(instance, skewMs, book.windows()),
    close: () => book.close(),
  };
}

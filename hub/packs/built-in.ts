/** The packs that belong to the program. */
import type { LabelSelector } from "../../shared/model/pack.ts";
import type { PackFile } from "../../shared/packs/pack-file.ts";

/** Of the agent that the hub starts beside itself. */
export const neighborLabels = { petrel: "hub" } as const;

export interface BuiltInPack {
  readonly name: string;
  /** Which agents run it until an operator says otherwise. */
  readonly assignTo: readonly LabelSelector[];
}

export interface BuiltInFiles {
  readonly pack: BuiltInPack;
  readonly files: readonly PackFile[];
}

/** `watch` is a process of its own on each agent: nobody pays for it before there is something to watch. */
export const builtIn: readonly BuiltInPack[] = [
  { name: "core", assignTo: [{}] },
  { name: "watch", assignTo: [] },
  // Its configuration has secrets: they go where alerts are sent from, and nowhere else.
  { name: "alert", assignTo: [neighborLabels] },
  // Triggers that the hub tells itself: there is nothing in them to run.
  { name: "petrel", assignTo: [] },
  { name: "execution", assignTo: [] },
];

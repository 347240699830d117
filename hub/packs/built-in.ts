/** The packs that belong to the program. */
import type { LabelSelector } from "../../shared/model/pack.ts";

export interface BuiltInPack {
  readonly name: string;
  /** Which agents run it until an operator says otherwise. */
  readonly assignTo: readonly LabelSelector[];
}

/** `watch` is a process of its own on each agent: nobody pays for it before there is something to watch. */
export const builtIn: readonly BuiltInPack[] = [
  { name: "core", assignTo: [{}] },
  { name: "watch", assignTo: [] },
  // Triggers that the hub tells itself: there is nothing in them to run.
  { name: "petrel", assignTo: [] },
  { name: "execution", assignTo: [] },
];

/** Who made a change, as far as the host can tell; never blank. */
import type { BytePath } from "../../shared/watch/paths.ts";

export interface ActorParent {
  readonly pid: number;
  readonly exe: string;
}

/** Either what is known of the process, or why nothing is. Fields that are not known are left out. */
export interface Actor {
  readonly pid?: number;
  /** Path of its program. */
  readonly exe?: string;
  readonly cmdline?: string;
  readonly uid?: number;
  readonly user?: string;
  /** Who logged in at the beginning of it all (`loginuid`). */
  readonly login_user?: string;
  /** systemd unit or container of its control group. */
  readonly unit?: string;
  /** The nearest first. */
  readonly parents?: readonly ActorParent[];
  /** The execution of one of Petrel's own actions. */
  readonly execution_id?: string;
  /** The package manager among its parents. */
  readonly via?: string;
  /** Why the rest is missing. */
  readonly unknown?: string;
  /** Why audit says nothing of it although it was to be asked (`who: audit`). */
  readonly audit_missing?: string;
}

/** By the operator's choice (`who: off`). */
export const silentWitness: Witness = {
  noticed: () => {},
  actor: ({ pid }) => ({ ...(pid > 0 && { pid }), unknown: "not asked: who is off" }),
  missing: () => [],
};

/** What an event said of who touched a path. */
export interface Touch {
  /** 0: the backend does not say. Negative: somebody outside of what this host may see. */
  readonly pid: number;
  readonly path: BytePath;
  /** When the event was read; ms of the monotonic clock. */
  readonly heardAt: number;
}

export interface Witness {
  /** To be called as soon as an event was read: short-lived processes are gone a moment later. */
  noticed(pid: number): void;
  /** Who it was. Never throws. */
  actor(touch: Touch): Actor;
  /** What it would ask besides and is not to be had here, each with the reason; empty when nothing is missing. */
  missing(): readonly string[];
}

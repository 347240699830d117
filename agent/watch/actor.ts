/** Who made a change, as far as the host can tell; never blank. */

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
}

/** Tells who touched a path. `pid` 0: the kernel did not say. `heardAt`: ms since the epoch. */
export interface Witness {
  /** To be called as soon as an event was read: short-lived processes are gone a moment later. */
  noticed(pid: number): void;
  actor(pid: number): Actor;
}

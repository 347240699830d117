/** What the agent's host does of an upgrade: everything after the file is here and verified. */
import type { PetrelError } from "../../shared/errors.ts";

/** A whole file whose digest was seen. */
export interface UpgradeFile {
  readonly path: string;
  readonly version: string;
  /** In hexadecimal. */
  readonly sha256: string;
  readonly allowDowngrade: boolean;
}

export type HostOutcome =
  /** It goes on, in another process. */
  | { readonly kind: "running" }
  /** Nobody carries it out, and nothing was switched: `start` may be called again. */
  | { readonly kind: "none" }
  | { readonly kind: "upgraded"; readonly why: string }
  | { readonly kind: "rolled-back"; readonly why: string };

export interface HostUpgrade {
  /** Why this agent cannot be upgraded on its host, whatever the file: NOT_INSTALLED; `null`: it can. */
  unable(): Promise<PetrelError | null>;
  /** Names the outcome of the last upgrade, so that it is not taken for that of the next one. */
  lastMark(): Promise<string | null>;
  /**
   * Resolves once the upgrade goes on by itself, in a process that outlives this one: the agent is going to be stopped.
   * Rejects, and nothing has changed, with the errors of `prepare` in shared/install/prepare-process.ts.
   */
  start(file: UpgradeFile): Promise<void>;
  /** What became of it; `mark` is what `lastMark` said before its start. */
  outcome(file: Pick<UpgradeFile, "version" | "sha256">, mark: string | null): Promise<HostOutcome>;
}

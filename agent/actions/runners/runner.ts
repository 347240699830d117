/** What a runner is: one way of carrying out an action, behind one interface. */
import type { Json, JsonObject } from "../../../shared/json.ts";
import type { Logger } from "../../../shared/log.ts";
import type { ActionRequestEntry } from "../../../shared/wire/messages.ts";
import type { DatastoreMessage } from "../../sensors/messages.ts";
import type { ActionUser } from "../action-users-process.ts";
import type { GatedSettings } from "../gated-process.ts";
import type { HandedProcess } from "../handed-over.ts";
import type { ProcessGroup } from "../journal.ts";
import type { RunOutcome } from "../outcome.ts";
import type { OnOutput } from "../output-capture.ts";
import type { StartedProcess } from "../started-process.ts";

/** One call of an action on its datastore; `owner` is `pack.ActionClass`, the prefix of local names. */
export type DatastoreCall = (owner: string, call: DatastoreMessage) => Promise<Json>;

/** The packs this agent holds. */
export interface PackSource {
  /** The folder of exactly this version, fetched if need be. Throws PACK_MISSING. */
  ensurePack(ref: string, digest: string): Promise<string>;
  /** The effective configuration of exactly this version. Throws PACK_MISSING. */
  packConfig(ref: string, digest: string): Promise<JsonObject>;
}

/** What all runners with processes share. */
export interface RunnerSettings extends GatedSettings {
  /** From `baseEnvironment`. */
  readonly env: Readonly<Record<string, string>>;
  /** Where actions of the agent's own user run that name no `cwd`; has to exist. */
  readonly workFolder: string;
  /** `null`: the agent's own user. Rejects with RUN_AS_REFUSED and ACTION_USER. */
  readonly userOf: (request: ActionRequestEntry) => Promise<ActionUser | null>;
}

/** Everything a run needs besides its request. */
export interface RunContext {
  /** Aborted, with a StopReason, when the run has to end; the runner then ends all of it and resolves. */
  readonly stop: AbortSignal;
  /**
   * To be awaited before the first side effect: resolves once the start is on disk. When it rejects nothing
   * may run. `group` is what a recovery has to look for; `null` when the runner has no process. With `canBeHandedOver` it
   * rejects with `HandedOver` once `handOver` is aborted.
   */
  readonly started: (group: ProcessGroup | null, canBeHandedOver?: boolean) => Promise<void>;
  readonly onOutput: OnOutput;
  readonly packs: PackSource;
  readonly datastore: DatastoreCall;
  /** See `GatedContext`. */
  readonly handOver?: AbortSignal;
  readonly log: Logger;
}

/** Resolves with an outcome for whatever the action did; rejects with a PetrelError when it could not begin. */
export interface Runner {
  readonly name: string;
  /** SIGSTOP of its process group does what people mean by pause. */
  readonly mayPause: boolean;
  /** A crash can leave nothing half done: start and result are written together, and `started` waits for nothing. */
  readonly isInstant?: boolean;
  /**
   * What comes of a request, for a runner that has no effect outside: there is nothing that a record of its start could
   * tell the next life, so its outcome is written with the request, in one batch.
   */
  readonly outcome?: (request: ActionRequestEntry) => RunOutcome;
  run(request: ActionRequestEntry, context: RunContext): Promise<RunOutcome>;
  /** Goes on with what `run` of the agent before this one has rejected with `HandedOver`; `child` is that process here. */
  takeUp?(
    request: ActionRequestEntry,
    context: RunContext,
    handed: HandedProcess,
    child: StartedProcess,
  ): Promise<RunOutcome>;
}

/** Executions, and the gates at which their requests wait. */
import type { Execution } from "../../../shared/model/execution.ts";
import type { LimitOf } from "../gates.ts";
import type { Dispatch } from "./ledgers.ts";
import type { Page, PageOf } from "./page.ts";
import type { Written } from "./written.ts";

/** Fields that are given must all fit. */
export interface ExecutionFilter {
  readonly action?: string | undefined;
  readonly status?: string | undefined;
  readonly agent?: string | undefined;
  readonly rule?: string | undefined;
  readonly trigger_instance?: string | undefined;
  readonly user?: string | undefined;
  readonly trace_tag?: string | undefined;
  /** The fan-out that has started it; every attempt counts. */
  readonly parent?: string | undefined;
  /** Only these; those that are not there are left out. */
  readonly ids?: readonly string[] | undefined;
}

/** Executions, each replaced by its revision. */
export interface ExecutionStore {
  /** New executions made by hand (`petrel run`, re-run) with their dispatches, in one batch. */
  createExecutions(executions: readonly Execution[], dispatches: readonly Dispatch[]): Promise<void>;
  /** Replaces an execution that still has `expectRev`, and dispatches, in one batch. */
  updateExecution(
    execution: Execution,
    expectRev: number,
    dispatches?: readonly Dispatch[],
  ): Promise<Written>;
  execution(id: string): Promise<Execution | null>;
  executions(filter: ExecutionFilter, page: Page): Promise<PageOf<Execution>>;
  /** Executions on this agent that have not ended. */
  openExecutions(agent: string): Promise<readonly Execution[]>;
}

/**
 * Requests of new executions whose `policies` name full gates wait on disk with their execution `delayed`, or end it as
 * `canceled`; so do those whose `start_at` is to come, with a job of kind `start-held` due then. The end of an
 * execution frees its slots, and puts a job of kind `retry-execution` on the clock where a policy asks for it: all in
 * the batch that makes or ends it.
 */
export interface GateStore {
  /** Lets requests go on that wait at this gate, oldest first, while there is room by today's limits. */
  admit(gate: string, limitOf: LimitOf): Promise<void>;
  /** Gates at which something waits. */
  waitingGates(): Promise<readonly string[]>;
  /** Sends a request whose `start_at` has come, or lets it wait at a gate. */
  startHeld(execution: string, limitOf: LimitOf): Promise<void>;
}

/** Policies: when an action may run, and when it runs again (st2 docs, Policies). */

interface PolicyBase {
  readonly ref: string;
  readonly pack: string;
  readonly name: string;
  readonly description: string;
  readonly enabled: boolean;
  /** Ref of the action it is for. */
  readonly resource_ref: string;
}

interface ConcurrencyParameters {
  /** So many executions at once, in the whole fleet. */
  readonly threshold: number;
  /** What becomes of one more: it waits for its turn, or it is canceled. */
  readonly action: "delay" | "cancel";
}

export interface ConcurrencyPolicy extends PolicyBase {
  readonly policy_type: "action.concurrency";
  readonly parameters: ConcurrencyParameters;
}

export interface AttributePolicy extends PolicyBase {
  readonly policy_type: "action.concurrency.attr";
  /** Executions with the same values of these parameters are counted together. */
  readonly parameters: ConcurrencyParameters & { readonly attributes: readonly string[] };
}

export interface RetryPolicy extends PolicyBase {
  readonly policy_type: "action.retry";
  readonly parameters: {
    readonly retry_on: "failure" | "timeout";
    readonly max_retry_count: number;
    /** Seconds. */
    readonly delay: number;
  };
}

export type PolicyDefinition = ConcurrencyPolicy | AttributePolicy | RetryPolicy;

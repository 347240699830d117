/** Kinds of jobs by which executions start later, or again, or once for many triggers. */

/** `{execution}`: its `start_at` has come. */
export const startHeldJob = "start-held";
/** `{execution}`: it has ended in a way that one of its policies answers with another attempt. */
export const retryJob = "retry-execution";
/** `{window}`: its time is over, and what it has held back is to be told. */
export const digestJob = "throttle-digest";

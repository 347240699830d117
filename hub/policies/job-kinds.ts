/** Kinds of jobs by which executions start later, or again. */

/** `{execution}`: its `start_at` has come. */
export const startHeldJob = "start-held";
/** `{execution}`: it has ended in a way that one of its policies answers with another attempt. */
export const retryJob = "retry-execution";

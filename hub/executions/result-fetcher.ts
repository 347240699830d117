/** Brings results that were too large for an entry from the agent that keeps them. */
import { PetrelError } from "../../shared/errors.ts";
import type { BlobRef } from "../../shared/model/execution.ts";
import type { JobWork } from "../jobs/job-runner.ts";

export interface ResultFetcherOptions {
  /** Resolves once the content is on this hub's disk; rejects at once while the agent is away. */
  readonly fetch: (agent: string, ref: BlobRef) => Promise<unknown>;
  /** Whether this execution is still in the history. */
  readonly isKept: (execution: string) => Promise<boolean>;
}

/** Results of one agent at a time: one that does not answer must not hold up those of all others. */
const perAgent = 4;

export function resultFetcher({ fetch, isKept }: ResultFetcherOptions): JobWork {
  const busy = new Map<string, number>();
  return async ({ execution, agent, digest, size }) => {
    if (typeof execution === "string" && !(await isKept(execution))) return;
    if (typeof agent !== "string" || typeof digest !== "string" || typeof size !== "number") return;
    const others = busy.get(agent) ?? 0;
    if (others >= perAgent) throw new PetrelError("ASK_TIMEOUT", `agent ${agent} is asked for other results`);
    busy.set(agent, others + 1);
    try {
      await fetch(agent, { digest, size });
    } finally {
      const left = (busy.get(agent) ?? 1) - 1;
      if (left > 0) busy.set(agent, left);
      else busy.delete(agent);
    }
  };
}

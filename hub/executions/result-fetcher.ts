/** Brings results that were too large for an entry from the agent that keeps them. */
import type { JsonObject } from "../../shared/json.ts";
import type { BlobRef } from "../../shared/model/execution.ts";
import type { JobWork } from "../jobs/job-runner.ts";
import type { Effect, Store } from "../store/store.ts";

export const fetchResultJob = "fetch-result";

export interface ResultFetcherOptions {
  readonly store: Store;
  readonly now: () => number;
  /** Resolves once the content is on this hub's disk. */
  readonly fetch: (agent: string, ref: BlobRef) => Promise<unknown>;
}

/** One job for each result: it survives a restart of the hub and an agent that is away. */
export function createResultFetcher({ store, now, fetch }: ResultFetcherOptions) {
  const work: JobWork = async (job: JsonObject) => {
    const { agent, digest, size } = job;
    if (typeof agent === "string" && typeof digest === "string" && typeof size === "number") {
      await fetch(agent, { digest, size });
    }
  };
  return {
    work,
    /** To be called after a take: says true when there is something to fetch, once that is on disk. */
    async noticed(effects: readonly Effect[]): Promise<boolean> {
      let found = false;
      for (const effect of effects) {
        if (effect.type !== "execution" || effect.execution.result_blob === null) continue;
        const { id, agent, result_blob } = effect.execution;
        const data = { agent, digest: result_blob.digest, size: result_blob.size };
        await store.schedule({ id: `${fetchResultJob}/${id}`, kind: fetchResultJob, dueAt: now(), data });
        found = true;
      }
      return found;
    },
  };
}

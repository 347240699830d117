/** Jobs over a store that is a list: what is due is done, what failed comes back, one slow job holds up nobody. */
import { expect, it } from "vitest";
import { resultFetcher } from "../../../../hub/executions/result-fetcher.ts";
import { type JobWork, startJobRunner } from "../../../../hub/jobs/job-runner.ts";
import type { Job } from "../../../../hub/store/port/jobs.ts";
import { PetrelError } from "../../../../shared/errors.ts";
import type { JsonObject } from "../../../../shared/json.ts";
import { silentLogger } from "../../../../shared/log.ts";
import { manualTime } from "../../../support/manual-time.ts";

const settle = () => new Promise((resolve) => setImmediate(resolve));

function start(work: Readonly<Record<string, JobWork>>, jobs: readonly Job[]) {
  const time = manualTime(0);
  const waiting = new Map(jobs.map((job) => [job.id, { ...job, at: job.dueAt }]));
  const state = { refuses: false, reads: 0 };
  const guard = () => {
    if (state.refuses) throw new Error("the disk refuses");
  };
  const runner = startJobRunner({
    timers: time.timers,
    jitter: () => 0.5,
    log: silentLogger,
    now: () => time.clock.now(),
    work,
    store: {
      async claimDue(now, limit, leaseMs) {
        state.reads++;
        guard();
        const due = [...waiting.values()].filter(({ at }) => at <= now).slice(0, limit);
        for (const job of due) waiting.set(job.id, { ...job, at: now + leaseMs });
        return due.map(({ at: _, ...job }) => job);
      },
      async schedule(job) {
        guard();
        waiting.set(job.id, { ...job, at: job.dueAt });
      },
      async finishJob(id) {
        guard();
        waiting.delete(id);
      },
    },
  });
  return { time, runner, waiting, state };
}

const job = (n: number, kind = "do", data: JsonObject = {}): Job => ({
  id: `job-${n}`,
  kind,
  dueAt: 0,
  data: { n, ...data },
});
const jobs = (count: number) => Array.from({ length: count }, (_, n) => job(n));

it("does each job once, however many there are", async () => {
  const done: unknown[] = [];
  const { waiting } = start({ do: async ({ n }) => void done.push(n) }, jobs(200));
  for (let i = 0; i < 50; i++) await settle();
  expect(done).toEqual(Array.from({ length: 200 }, (_, n) => n));
  expect(waiting.size).toBe(0);
});

it("a job that takes long does not hold up those behind it", async () => {
  const done: unknown[] = [];
  const work: JobWork = ({ n }) => (n === 0 ? new Promise(() => {}) : Promise.resolve(void done.push(n)));
  start({ do: work }, jobs(100));
  for (let i = 0; i < 50; i++) await settle();
  expect(done).toHaveLength(99);
});

it("a job that failed is tried again later and later, and given up after a week", async () => {
  let tried = 0;
  const failing: JobWork = async () => {
    tried++;
    throw new Error("not yet");
  };
  const { time, waiting } = start({ do: failing }, [job(1)]);
  await settle();
  expect(waiting.get("job-1")).toMatchObject({ at: 2_000, data: { n: 1, attempt: 1 } });
  time.advance(2_000);
  await settle();
  expect(waiting.get("job-1")?.at).toBe(2_000 + 4_000);
  for (let day = 0; day < 8 && waiting.size > 0; day++) {
    time.advance(86_400_000);
    await settle();
  }
  expect(waiting.size).toBe(0);
  expect(tried).toBeGreaterThan(5);
});

it("a job that waits for an agent that is away is never given up", async () => {
  let isAway = true;
  const done: unknown[] = [];
  const work: JobWork = async ({ n }) => {
    if (isAway) throw new PetrelError("LINK_CLOSED", "agent web-1 is not connected to this hub");
    done.push(n);
  };
  const { time, waiting } = start({ do: work }, [job(1)]);
  for (let day = 0; day < 30; day++) {
    await settle();
    time.advance(86_400_000);
  }
  await settle();
  expect(waiting.size).toBe(1);
  isAway = false;
  time.advance(600_000);
  await settle();
  expect({ done, left: waiting.size }).toEqual({ done: [1], left: 0 });
});

it("a result of an execution that is no longer kept is not asked for", async () => {
  const asked: string[] = [];
  const work = resultFetcher({
    isKept: async (execution) => execution === "kept",
    fetch: async (_agent, { digest }) => asked.push(digest),
  });
  const result = (n: number, execution: string) =>
    job(n, "do", { execution, agent: "web-1", digest: `sha256:${execution}`, size: 1 });
  const { waiting } = start({ do: work }, [result(1, "purged"), result(2, "kept")]);
  await settle();
  await settle();
  expect({ asked, left: waiting.size }).toEqual({ asked: ["sha256:kept"], left: 0 });
});

it("a job of an unknown kind stays", async () => {
  const { waiting, time } = start({ do: async () => {} }, [job(1, "constructor")]);
  await settle();
  time.advance(600_000);
  await settle();
  expect([...waiting.keys()]).toEqual(["job-1"]);
});

it("a store that refuses for a while is asked again, later and later", async () => {
  const done: unknown[] = [];
  const { time, state, waiting } = start({ do: async ({ n }) => void done.push(n) }, [job(1)]);
  state.refuses = true;
  await settle();
  time.advance(60_000);
  await settle();
  const reads = state.reads;
  expect(reads).toBeLessThan(12);
  state.refuses = false;
  for (let i = 0; i < 20 && waiting.size > 0; i++) {
    time.advance(30_000);
    await settle();
  }
  expect(waiting.size).toBe(0);
  expect(done.length).toBeGreaterThan(0);
});

it("stop waits for what is being done, and takes up no more", async () => {
  const done: unknown[] = [];
  let end = () => {};
  const slow: JobWork = async ({ n }) => {
    await new Promise<void>((resolve) => {
      end = resolve;
    });
    done.push(n);
  };
  const { runner, time, waiting } = start({ do: slow }, [job(1)]);
  await settle();
  let isStopped = false;
  const stopped = runner.stop().then(() => {
    isStopped = true;
  });
  await settle();
  expect(isStopped).toBe(false);
  waiting.set("job-2", { ...job(2), at: 0 });
  end();
  await stopped;
  time.advance(100_000);
  await settle();
  expect(done).toEqual([1]);
});

it("results of an agent that does not answer leave room for those of the others", async () => {
  const fetched: string[] = [];
  const work = resultFetcher({
    isKept: async () => true,
    fetch: (agent, { digest }) =>
      agent === "frozen" ? new Promise(() => {}) : Promise.resolve(void fetched.push(digest)),
  });
  const result = (n: number, agent: string) => job(n, "do", { agent, digest: `sha256:${n}`, size: 1 });
  const all = Array.from({ length: 100 }, (_, n) => result(n, n < 90 ? "frozen" : "web-1"));
  const { time } = start({ do: work }, all);
  for (let i = 0; i < 20 && fetched.length < 10; i++) {
    await settle();
    time.advance(2_000);
  }
  expect(fetched).toHaveLength(10);
});

/** Work that is due at a time, and slots that policies hand out; both survive a restart. */
import { type JobRecord, putJob } from "./job-record.ts";
import { keys, time } from "./keys.ts";
import type { Job, JobStore } from "./port/jobs.ts";
import type { RecordWriter, Rows } from "./records.ts";

interface SlotsRecord {
  readonly holders: readonly { readonly holder: string; readonly slots: number; readonly until: number }[];
}

const maxClaimed = 1000;

interface JobsParts {
  readonly database: { readonly level: Rows };
  readonly writer: RecordWriter;
}

/**
 * Makes due again what was leased. For a store that one process has at a time, when it opens it: whoever held these
 * leases is dead, and nobody need wait for their end.
 */
export async function freeLeases({ database, writer }: JobsParts): Promise<void> {
  const leased: string[] = [];
  for await (const [key, text] of database.level.iterator({ gt: "j/", lt: "j0" }))
    if ((JSON.parse(text) as JobRecord).isLeased) leased.push(key);
  if (leased.length === 0) return;
  await writer.submit({
    source: "",
    reads: leased,
    plan: (draft) => {
      for (const key of leased) {
        const job = draft.get<JobRecord>(key);
        if (job !== null) putJob(draft, { id: job.id, kind: job.kind, data: job.data, dueAt: job.dueAt });
      }
    },
  });
}

export function createJobsStore({ database, writer }: JobsParts): JobStore {
  return {
    schedule: (job) =>
      writer.submit({
        source: "",
        reads: [keys.job(job.id)],
        plan: (draft) => putJob(draft, job),
      }),

    async claimDue(now, limit, leaseMs) {
      const rows = database.level.keys({
        gte: "jd/",
        // `0` follows the separator: what is due at `now` itself is due.
        lt: `jd/${time(now)}0`,
        limit: Math.min(limit, maxClaimed),
      });
      const due = (await rows.all()).map((key) => `j/${key.slice(`jd/${time(0)}/`.length)}`);
      if (due.length === 0) return [];
      return writer.submit({
        source: "",
        reads: due,
        plan: (draft) => {
          const claimed: Job[] = [];
          for (const key of due) {
            const job = draft.get<JobRecord>(key);
            // Somebody else has claimed or finished it since the rows were read.
            if (job === null || job.at > now) continue;
            const leased: JobRecord = { ...job, at: now + leaseMs, isLeased: true };
            draft.dropRow(keys.jobDue(job.at, job.id));
            draft.row(keys.jobDue(leased.at, job.id));
            draft.put(key, leased);
            claimed.push({ id: job.id, kind: job.kind, data: job.data, dueAt: job.dueAt });
          }
          return claimed;
        },
      });
    },

    finishJob: (id) =>
      writer.submit({
        source: "",
        reads: [keys.job(id)],
        plan: (draft) => {
          const job = draft.get<JobRecord>(keys.job(id));
          if (job === null || !job.isLeased) return;
          draft.remove(keys.job(id));
          draft.dropRow(keys.jobDue(job.at, id));
        },
      }),

    reserve: (policy, wanted, capacity, holder, until, now) =>
      writer.submit({
        source: "",
        reads: [keys.slots(policy)],
        plan: (draft) => {
          const record = draft.get<SlotsRecord>(keys.slots(policy));
          const live = (record?.holders ?? []).filter((each) => each.until > now);
          const others = live.filter((each) => each.holder !== holder);
          const has = live.find((each) => each.holder === holder)?.slots ?? 0;
          const taken = others.reduce((sum, { slots }) => sum + slots, 0);
          const slots = Math.max(has, Math.min(wanted, Math.max(0, capacity - taken)));
          const holders = slots > 0 ? [...others, { holder, slots, until }] : others;
          draft.put(keys.slots(policy), { holders } satisfies SlotsRecord);
          return slots;
        },
      }),

    release: (policy, holder) =>
      writer.submit({
        source: "",
        reads: [keys.slots(policy)],
        plan: (draft) => {
          const record = draft.get<SlotsRecord>(keys.slots(policy));
          const holders = (record?.holders ?? []).filter((each) => each.holder !== holder);
          if (holders.length > 0) draft.put(keys.slots(policy), { holders } satisfies SlotsRecord);
          else draft.remove(keys.slots(policy));
        },
      }),
  };
}

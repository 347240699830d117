/** Finds what has outlived its time, a bounded piece in each call, and has it deleted. */
import { encodeTime } from "../../shared/ids.ts";
import type { Logger } from "../../shared/log.ts";
import { type ChangeWindow, windowEnd } from "../../shared/model/change-window.ts";
import type { Execution } from "../../shared/model/execution.ts";
import type { TriggerInstance } from "../../shared/model/trigger.ts";
import { purgeApiRequests } from "./access-store.ts";
import { createChainPurge } from "./chain-purge-store.ts";
import type { PackVersion } from "./content-store.ts";
import type { Draft } from "./draft.ts";
import { type Family, removeLetter } from "./history-record.ts";
import { createHistorySize, type DiskRanges } from "./history-size-store.ts";
import { keys, placeTime, time, within } from "./keys.ts";
import type { DeadLetter } from "./port/history.ts";
import type { RetentionStore } from "./port/retention.ts";
import { nothingPurged, type Purged, purgeAlone, purgeFamily } from "./purge.ts";
import type { RecordWriter, Rows } from "./records.ts";
import type { MarkRecord } from "./take-in.ts";
import { readTally } from "./tally-record.ts";
import { releaseBlobs } from "./upgrade-store.ts";
import { oldVerificationKeys } from "./verification-store.ts";

/** Rows read at once. */
const chunk = 200;
/** Records looked at per deletion allowed: what is old but still open must not make a purge long. */
const examinedPerDeletion = 4;
/** Marks of an agent that stay whatever their age: its current epoch may be quiet for months. */
const keptMarks = 16;
/** Marks of one agent beyond this go whatever their age, oldest first: far more epochs than an agent keeps. */
const mostMarks = 1_024;
/** Dead letters and gaps beyond this go, unless the policy says otherwise. */
const mostNotes = 50_000;
/** Requests to the API of each kind beyond this go: some 60 MB. */
const mostRequests = 200_000;

/** Families deleted between two looks at how much has gone: few, since one may be large. */
const bySize = 25;
/** Milliseconds by which the chain outlives what it speaks of: rows of records that go soon would be carried on. */
const chainStaysMs = 86_400_000;
/** Later than any id. */
const endOfTime = 2 ** 48 - 1;

export function createRetentionStore({
  database,
  writer,
  logger,
  disk = null,
}: {
  readonly database: { readonly level: Rows };
  readonly writer: RecordWriter;
  readonly logger: Logger;
  /** What the engine knows of its ranges; without it they are read. */
  readonly disk?: DiskRanges | null;
}): RetentionStore {
  const { level } = database;
  const purgeChain = createChainPurge({ level, writer, logger });
  // Where the next call goes on, so that open records at the old end are not looked at every time. In memory only:
  // after a restart the search begins at the old end again.
  let familiesFrom = "";
  let oldestFrom = "";
  let executionsFrom = "";
  let marksFrom = "";

  const submit = <T>(plan: (draft: Draft) => T) => writer.submit({ source: "~retention", plan, weight: 8 });

  /** Asks for all at once, so that they share batches, and adds up what went. */
  const purgeAll = async (plans: readonly ((draft: Draft) => Purged | null)[]) => {
    const results = await Promise.all(plans.map((plan) => submit(plan)));
    const gone = results.filter((purged) => purged !== null);
    return { total: gone.reduce(sum, nothingPurged), families: gone.length };
  };

  const purgeFamilies = async (before: number, maxInstances: number, batch: number) => {
    const { counts } = await readTally(writer);
    let total = nothingPurged;
    let left = batch;
    for (let examined = 0; left > 0 && examined < batch * examinedPerDeletion + chunk; ) {
      const excess = counts.instances - maxInstances - total.instances;
      const range = { gt: familiesFrom || "i/", lt: within("i/").lt };
      const rows = await level.iterator({ ...range, limit: Math.min(chunk, left) }).all();
      const due = rows.filter(([key], index) => placeTime(key.slice(2)) < before || index < excess);
      const { total: purged, families } = await purgeAll(
        due.map(([key, text]) => {
          const { id } = JSON.parse(text) as TriggerInstance;
          const limit = placeTime(key.slice(2)) < before ? before : null;
          return (draft) => purgeFamily(draft, id, limit);
        }),
      );
      total = sum(total, purged);
      left -= families;
      examined += rows.length;
      familiesFrom = due.at(-1)?.[0] ?? "";
      // Beyond these nothing is due, unless some of them could not go and younger ones must in their place.
      if (due.length === 0 || (due.length < rows.length && families === due.length)) {
        familiesFrom = "";
        break;
      }
    }
    return total;
  };

  /** Executions that belong to no instance. */
  const purgeExecutions = async (before: number, batch: number) => {
    let total = nothingPurged;
    for (let examined = 0; total.executions < batch && examined < batch * examinedPerDeletion + chunk; ) {
      const range = { gt: executionsFrom || "e/", lt: `e/${encodeTime(before)}` };
      const rows = await level.iterator({ ...range, limit: chunk }).all();
      const found = rows.map(([, text]) => JSON.parse(text) as Execution);
      const families = await writer.readMany<Family>(
        found.map(({ trigger_instance: instance }) => keys.family(instance ?? "")),
      );
      const alone = found
        .filter(({ trigger_instance: instance }, index) => instance === null || !families[index]?.place)
        .slice(0, batch - total.executions);
      const { total: purged } = await purgeAll(
        alone.map(
          ({ id }) =>
            (draft: Draft) =>
              purgeAlone(draft, id, before),
        ),
      );
      total = sum(total, purged);
      examined += rows.length;
      executionsFrom = rows.at(-1)?.[0] ?? "";
      if (rows.length < chunk) {
        executionsFrom = "";
        break;
      }
    }
    return total;
  };

  const purgeOldest = async (bytes: number, batch: number): Promise<Purged> => {
    let total = nothingPurged;
    let reached = 0;
    for (let examined = 0; total.bytes < bytes && total.instances < batch; ) {
      const limit = Math.min(bySize, batch - total.instances);
      const range = { gt: oldestFrom || "i/", lt: within("i/").lt, limit };
      const rows = await level.iterator(range).all();
      const { total: purged } = await purgeAll(
        rows.map(([, text]) => {
          const { id } = JSON.parse(text) as TriggerInstance;
          return (draft) => purgeFamily(draft, id, null);
        }),
      );
      total = sum(total, purged);
      examined += rows.length;
      const last = rows.at(-1)?.[0];
      reached = rows.length < limit || last === undefined ? endOfTime : placeTime(last.slice(2));
      oldestFrom = reached === endOfTime ? "" : (last ?? "");
      if (reached === endOfTime || examined >= batch * examinedPerDeletion) break;
    }
    // Made by hand, and no younger than what has gone with its instance; so is what is said of them.
    total = sum(total, await purgeExecutions(reached, batch));
    if (total.instances + total.executions === 0) return total;
    return sum(total, { ...nothingPurged, bytes: await purgeChain(reached) });
  };

  /** The oldest keys under `prefix`: those from before that time, and `excess` whatever their age. */
  const oldest = async (prefix: string, before: number, batch: number, excess: number) => {
    const rows = await level.keys({ ...within(prefix), limit: batch }).all();
    return rows.filter((row, index) => index < excess || row < `${prefix}${time(before)}`);
  };

  const purgeLetters = async (before: number, batch: number, most: number): Promise<void> => {
    const { counts } = await readTally(writer);
    const rows = await oldest("lr/", before, batch, counts.dead_letters - most);
    if (rows.length === 0) return;
    const letters = rows.map((row) => `l/${row.slice(`lr/${time(0)}/`.length)}`);
    await submit((draft) => {
      draft.need([...letters, keys.tally()]);
      for (const key of letters) {
        const letter = draft.get<DeadLetter>(key);
        if (letter !== null) removeLetter(draft, letter);
      }
    });
    if (rows.length === batch) await purgeLetters(before, batch, most);
  };

  const purgeGaps = async (before: number, batch: number, most: number): Promise<void> => {
    const held = await level.keys({ ...within("g/"), limit: most + batch }).all();
    const rows = await oldest("g/", before, batch, held.length - most);
    if (rows.length === 0) return;
    await submit((draft) => {
      for (const key of rows) draft.remove(key);
    });
    if (rows.length === batch) await purgeGaps(before, batch, most);
  };

  const purgeWindows = async (before: number, batch: number) => {
    const rows = (await level.values(within("w/")).all()).map((text) => JSON.parse(text) as ChangeWindow);
    const over = rows.filter((window) => windowEnd(window) < before).slice(0, batch);
    if (over.length === 0) return;
    await submit((draft) => {
      for (const { id } of over) {
        draft.remove(keys.window(id));
        draft.change({ type: "window", id, window: null });
      }
    });
  };

  /** One in each call: it has a row for each agent. */
  const purgeVerification = async (before: number) => {
    const rows = await oldVerificationKeys(level, before, chunk);
    if (rows.length === 0) return;
    await submit((draft) => {
      for (const key of rows) draft.remove(key);
    });
    if (rows.length === chunk) await purgeVerification(before);
  };

  /** Marks of epochs that their agents have long forgotten; some agents in each call. */
  const purgeMarks = async (before: number) => {
    const range = { ...within("m/"), ...(marksFrom !== "" && { gte: marksFrom }) };
    const rows = await level.iterator({ ...range, limit: chunk * 10 }).all();
    const byAgent = Map.groupBy(rows, ([key]) => key.slice(0, key.indexOf("/", 2)));
    const lastAgent = [...byAgent.keys()].at(-1);
    const whole = rows.length < chunk * 10 || byAgent.size === 1;
    // An agent cut off by the limit begins the next call; one with more marks than that is thinned out as it is.
    marksFrom = whole || lastAgent === undefined ? "" : `${lastAgent}/`;
    if (!whole && lastAgent !== undefined) byAgent.delete(lastAgent);
    const old = [...byAgent.values()].flatMap((marks) =>
      marks
        .map(([key, text]) => ({ key, at: (JSON.parse(text) as MarkRecord).at }))
        .sort((a, b) => b.at - a.at)
        .filter(({ at }, index) => index >= mostMarks || (index >= keptMarks && at < before)),
    );
    if (old.length === 0) return;
    await submit((draft) => {
      draft.need(old.map(({ key }) => key));
      for (const { key, at } of old) if (draft.get<MarkRecord>(key)?.at === at) draft.remove(key);
    });
  };

  /** Contents of a replaced pack version may go once nothing kept was run with it. */
  const purgePackVersions = async (before: number) => {
    const versions = (await level.values(within("kd/")).all()).map((text) => JSON.parse(text) as PackVersion);
    const old = versions.filter(({ replaced_at: at }) => at !== null && at < before);
    if (old.length === 0) return;
    const used = new Set<string>();
    // Whatever names an old version was made before that was replaced, or runs such an execution again and so keeps
    // it (see `purge.ts`). What is left of that time is little; the rest of a long search is left to another day.
    const newest = Math.max(...old.map(({ replaced_at: at }) => at ?? 0));
    const rows = level.values({ gte: "e/", lte: `e/${encodeTime(newest)}~`, limit: 20_000 });
    let examined = 0;
    for await (const text of rows) {
      used.add((JSON.parse(text) as Execution).pack_digest);
      examined++;
    }
    if (examined === 20_000) return;
    await submit((draft) => {
      for (const { digest, replaced_at: at } of old) {
        if (used.has(digest)) continue;
        // Registered again meanwhile: it is current and stays.
        const now = draft.get<PackVersion>(keys.packVersion(digest));
        if (now?.replaced_at === at) draft.remove(keys.packVersion(digest));
      }
    });
  };

  return {
    async purge({
      before: beforeText,
      maxInstances,
      maxNotes = mostNotes,
      maxRequests = mostRequests,
      batch,
    }) {
      const before = Date.parse(beforeText);
      const families = await purgeFamilies(before, maxInstances, batch);
      const alone = await purgeExecutions(before, Math.max(0, batch - families.instances));
      await purgeLetters(before, batch, maxNotes);
      await purgeGaps(before, batch, maxNotes);
      await purgeMarks(before);
      await purgeWindows(before, batch);
      await purgeVerification(before);
      await purgePackVersions(before);
      await purgeApiRequests({ database, writer }, { before, most: maxRequests, batch });
      await purgeChain(before - chainStaysMs);
      const { bytes: _, ...gone } = sum(families, alone);
      return gone;
    },

    purgeOldest,
    ...createHistorySize(level, disk),

    referencedBlobs: () => namedBlobs(level),
  };
}

/** Digests that records name. */
export async function namedBlobs(level: Pick<Rows, "values">): Promise<ReadonlySet<string>> {
  const digests = new Set<string>();
  for await (const text of level.values(within("kd/"))) digests.add((JSON.parse(text) as PackVersion).digest);
  for await (const text of level.values(within("q/"))) {
    for (const digest of JSON.parse(text) as string[]) digests.add(digest);
  }
  for (const digest of await releaseBlobs(level)) digests.add(digest);
  return digests;
}

function sum(a: Purged, b: Purged): Purged {
  return {
    instances: a.instances + b.instances,
    executions: a.executions + b.executions,
    enforcements: a.enforcements + b.enforcements,
    bytes: a.bytes + b.bytes,
  };
}

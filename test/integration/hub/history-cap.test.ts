/** History on a real LevelDB, beyond its cap: what goes, how much, and that it is said. */
import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { HistoryCap } from "../../../hub/history-cap.ts";
import type { Store } from "../../../hub/store/store.ts";
import { timestamp } from "../../../shared/clock.ts";
import { derivedId } from "../../../shared/ids.ts";
import { createLogger, type Logger } from "../../../shared/log.ts";
import { failingStore } from "../../support/failing-store.ts";
import { anExecution, anInstance, noon } from "../../support/records.ts";

const mib = 1024 * 1024;

/** Families of 4 KiB that no compression makes smaller; those in `open` have not ended. */
async function fill(store: Store, count: number, open: (n: number) => boolean): Promise<string[]> {
  const made = Array.from({ length: count }, (_, n) => {
    const at = timestamp(noon + n);
    const id = derivedId(noon + n, "instance", String(n));
    const payload = { text: randomBytes(3_072).toString("base64") };
    const instance = anInstance({ id, received_at: at, occurrence_time: at, status: "processed", payload });
    const status = open(n) ? ("running" as const) : ("succeeded" as const);
    const run = derivedId(noon + n, "execution", String(n));
    const execution = anExecution({ id: run, trigger_instance: id, created_at: at, status });
    return { instance, enforcements: [], executions: [execution], dispatches: [] };
  });
  for (let start = 0; start < count; start += 500) {
    await Promise.all(made.slice(start, start + 500).map((outcome) => store.emit(outcome)));
  }
  return made.map(({ instance }) => instance.id);
}

function capOf(store: Store, capBytes: number | null) {
  const lines: string[] = [];
  const log: Logger = createLogger({
    level: "warn",
    format: "text",
    write: (line) => lines.push(line),
    now: () => noon,
  });
  const cap = new HistoryCap({ store, blobs: { list: async () => [] }, capBytes, now: () => noon, log });
  const toTheEnd = async () => {
    let steps = 0;
    while (await cap.step()) if (++steps > 500) throw new Error("it never ends");
    return steps;
  };
  return { cap, lines, toTheEnd };
}

async function kept(store: Store): Promise<string[]> {
  const ids: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await store.instances({}, { limit: 1_000, ascending: true, cursor });
    ids.push(...page.items.map(({ id }) => id));
    cursor = page.cursor;
  } while (cursor !== undefined);
  return ids;
}

test("the oldest that have ended go until there is room, and not much more", {
  timeout: 120_000,
}, async () => {
  const { store } = await failingStore();
  const all = await fill(store, 4_000, (n) => n < 3);
  const { cap, lines, toTheEnd } = capOf(store, 12 * mib);
  // What was written last is no file yet, and so has no size: on a slow disk all of it.
  await store.reclaim();
  await toTheEnd();
  const { used_bytes, cut_instances, cut_executions, cut_at, cap_bytes } = cap.figures();
  expect(cap_bytes).toBe(12 * mib);
  expect(used_bytes).toBeLessThanOrEqual(12 * mib);
  expect(used_bytes).toBeGreaterThan(9 * mib);
  const left = await kept(store);
  // What is open stays, and beside it the newest without a hole.
  expect(left.slice(0, 3)).toEqual(all.slice(0, 3));
  expect(left.slice(3)).toEqual(all.slice(-(left.length - 3)));
  expect([cut_instances, cut_executions]).toEqual([4_000 - left.length, 4_000 - left.length]);
  expect(cut_at).toBe(timestamp(noon));
  expect(lines.some((line) => line.includes("history removed to stay below its cap"))).toBe(true);
  // Below its cap nothing goes.
  await toTheEnd();
  expect(await kept(store)).toEqual(left);
});

test("without a cap nothing is measured, and what is all open is told and left", {
  timeout: 60_000,
}, async () => {
  const { store } = await failingStore();
  const all = await fill(store, 1_500, () => true);
  const free = capOf(store, null);
  expect(await free.toTheEnd()).toBe(0);
  expect(free.cap.figures().used_bytes).toBeNull();
  const { cap, lines, toTheEnd } = capOf(store, 2 * mib);
  await store.reclaim();
  await toTheEnd();
  expect(await kept(store)).toEqual(all);
  expect(cap.figures()).toMatchObject({ cut_instances: 0, cut_at: null });
  expect(lines.some((line) => line.includes("beyond its cap, and all of it is open or needed"))).toBe(true);
});

/** An agent that is away for sixty days while requests for it go on: what is kept, what is given up, what still runs. */
import { expect, onTestFinished, test } from "vitest";
import { abandonLost } from "../../../../hub/agents/lost-agents.ts";
import { openLevelStore } from "../../../../hub/store/level-store.ts";
import type { Store } from "../../../../hub/store/store.ts";
import { timestamp } from "../../../../shared/clock.ts";
import { silentLogger } from "../../../../shared/log.ts";
import type { Execution, Status } from "../../../../shared/model/execution.ts";
import { systemRandom } from "../../../../shared/system-process.ts";
import { allPages, claimed, execution, id, request } from "../../../contract/store/world.ts";
import { anAgent, knownAgents, noon } from "../../../support/records.ts";
import { tempFolder } from "../../../support/temp-folder.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const mib = 1024 * 1024;

async function openStore(clock: { at: number }): Promise<Store> {
  const store = await openLevelStore({
    folder: await tempFolder("away"),
    clock: { now: () => clock.at, monotonic: () => clock.at },
    random: systemRandom,
    logger: silentLogger,
  });
  onTestFinished(() => store.close());
  await claimed(store);
  return store;
}

/** With their requests, as many at once as a packet of triggers brings. */
async function dispatchAll(
  store: Store,
  executions: readonly Execution[],
  parameters: Record<string, string> = {},
) {
  for (let start = 0; start < executions.length; start += 200) {
    const some = executions.slice(start, start + 200);
    await store.createExecutions(
      some,
      some.map((each) => request(each, { expires_at: each.expires_at, runner_parameters: parameters })),
    );
  }
}

const idsOf = async (store: Store, status: Status): Promise<readonly string[]> =>
  (
    await allPages((cursor) =>
      store.executions(
        { status, agent: "web-1" },
        { limit: 1_000, ascending: true, ...(cursor !== undefined && { cursor }) },
      ),
    )
  ).map((each) => each.id);

/** Takes the ledger as an agent does, to its end: the executions whose requests had not expired, in their order. */
async function takeLedger(store: Store, nowMs: number): Promise<{ ran: string[]; expired: string[] }> {
  const ran: string[] = [];
  const expired: string[] = [];
  for (;;) {
    const epoch = (await store.downEpochs("web-1")).find(({ first, last }) => first <= last);
    if (epoch === undefined) return { ran, expired };
    const entries = await store.readDown("web-1", epoch.id, epoch.first, 64, 256 * 1024);
    for (const { entry } of entries) {
      if (entry.kind !== "action-request") continue;
      const isOver = entry.expires_at !== null && Date.parse(entry.expires_at) < nowMs;
      (isOver ? expired : ran).push(entry.execution);
    }
    await store.receiptDown("web-1", epoch.id, entries.at(-1)?.last ?? epoch.first);
  }
}

test("10,000 requests wait in its ledger, the others visibly; what has expired never runs, the rest in order", async () => {
  const clock = { at: noon };
  const store = await openStore(clock);
  const executions = Array.from({ length: 10_100 }, (_, n) =>
    execution(n, { expires_at: timestamp(noon + (n % 50 === 0 ? 90 * dayMs : hourMs)) }),
  );
  await dispatchAll(store, executions);
  const all = executions.map((each) => each.id);
  const lasting = all.filter((_, n) => n % 50 === 0);

  expect(await idsOf(store, "delayed")).toEqual(all.slice(10_000));
  expect(await idsOf(store, "scheduled")).toEqual(all.slice(0, 10_000));
  expect(await store.execution(id(10_050))).toMatchObject({
    status: "delayed",
    reason: "the agent has too many requests waiting",
  });

  clock.at = noon + 60 * dayMs;
  const registry = knownAgents(anAgent({ online: false, last_seen: timestamp(noon) }));
  await abandonLost({ store, registry, log: silentLogger, now: () => clock.at, afterMs: hourMs });
  // Never sent, so it has not run; what was sent may have.
  expect(await idsOf(store, "timeout")).toEqual(all.slice(10_000).filter((each) => !lasting.includes(each)));
  expect(await store.execution(id(10_049))).toMatchObject({ status: "timeout", reason: "expired" });
  expect(await idsOf(store, "abandoned")).toEqual(
    all.slice(0, 10_000).filter((each) => !lasting.includes(each)),
  );
  expect(await idsOf(store, "delayed")).toEqual(lasting.slice(200));

  const { ran, expired } = await takeLedger(store, clock.at);
  expect(ran).toEqual(lasting);
  expect(expired).toEqual(all.slice(0, 10_000).filter((each) => !lasting.includes(each)));
  expect(await idsOf(store, "scheduled")).toEqual(lasting);
  expect(await idsOf(store, "delayed")).toEqual([]);
});

test("64 MiB of requests wait in its ledger, however few they are; the others follow in order", async () => {
  const clock = { at: noon };
  const store = await openStore(clock);
  const executions = Array.from({ length: 600 }, (_, n) => execution(n));
  await dispatchAll(store, executions, { cmd: "x".repeat(120_000) });
  const waiting = await idsOf(store, "delayed");
  const [epoch] = await store.downEpochs("web-1");
  const held = (epoch?.last ?? 0) - (epoch?.first ?? 0) + 1;
  expect(held + waiting.length).toBe(600);
  expect(held * 120_000).toBeLessThanOrEqual(64 * mib);
  expect((held + 1) * 121_000).toBeGreaterThan(64 * mib);
  expect((await takeLedger(store, clock.at)).ran).toEqual(executions.map((each) => each.id));
  expect(await idsOf(store, "delayed")).toEqual([]);
});

/** What an agent is sent of its ledger: secrets are opened on the way, and one that cannot be keeps nothing behind it. */
import { expect, onTestFinished, test } from "vitest";
import {
  type DownOutbox,
  type DownOutboxOptions,
  openDownOutbox,
} from "../../../../hub/agents/down-outbox.ts";
import { openedEntry } from "../../../../hub/secrets/opened-entry.ts";
import { openLevelStore } from "../../../../hub/store/level-store.ts";
import type { Store } from "../../../../hub/store/store.ts";
import { PetrelError } from "../../../../shared/errors.ts";
import { ulidSource } from "../../../../shared/ids.ts";
import { silentLogger } from "../../../../shared/log.ts";
import type { Execution } from "../../../../shared/model/execution.ts";
import { systemClock, systemJitter, systemRandom, systemTimers } from "../../../../shared/system-process.ts";
import { claimed, execution, request } from "../../../contract/store/world.ts";
import { manualTime } from "../../../support/manual-time.ts";
import { tempFolder } from "../../../support/temp-folder.ts";
import { testSealer } from "../../../support/test-sealer.ts";

async function openStore() {
  const store = await openLevelStore({
    folder: await tempFolder("down"),
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
  });
  onTestFinished(() => store.close());
  await claimed(store);
  const ask = async (
    n: number,
    sealer: ReturnType<typeof testSealer> | null,
    expires: string | null = null,
  ) => {
    const made = execution(n);
    const taken = JSON.stringify([[["token"], `secret ${n}`]]);
    const sealed = sealer?.seal(`execution/${made.id}/parameters`, taken);
    const dispatch = request(made, { parameters: { token: "********" }, expires_at: expires });
    const entry = sealed === undefined ? dispatch.entry : { ...dispatch.entry, sealed };
    await store.createExecutions([made], [{ ...dispatch, entry } as typeof dispatch]);
    return made.id;
  };
  return { store, ask };
}

async function openOutbox(
  store: Store,
  changes: Pick<DownOutboxOptions, "openEntry"> & Partial<DownOutboxOptions>,
) {
  const outbox = await openDownOutbox({
    store,
    agent: "web-1",
    isPaused: () => false,
    timers: systemTimers,
    jitter: systemJitter,
    clock: systemClock,
    newId: ulidSource(systemClock, systemRandom),
    log: silentLogger,
    ...changes,
  });
  onTestFinished(() => outbox.close());
  return outbox;
}

/** Kinds and tokens of what would be sent now. */
async function sentBy(outbox: DownOutbox) {
  const sent: (readonly [kind: string, token: unknown])[] = [];
  for (const { id, first, last } of outbox.epochs()) {
    for (let n = first; n <= last; ) {
      const entries = await outbox.read(id, n, 100, 1_000_000);
      for (const { entry } of entries)
        sent.push([entry.kind, entry.kind === "action-request" ? entry.parameters.token : null]);
      n = (entries.at(-1)?.last ?? last) + 1;
    }
  }
  return sent;
}

test("while the key is missing what needs it waits, in its place; it is sent when the key is back", async () => {
  const { store, ask } = await openStore();
  const sealer = testSealer();
  const ids = [await ask(1, null), await ask(2, sealer), await ask(3, null)];
  let isThere = false;
  const time = manualTime();
  const said: string[] = [];
  const log = { ...silentLogger, error: (message: string) => said.push(message) };
  const outbox = await openOutbox(store, {
    timers: time.timers,
    log: log as typeof silentLogger,
    openEntry: (entry) => {
      if (!isThere && "sealed" in entry) throw new PetrelError("KEY_FILE", "datastore.key is missing");
      return openedEntry(entry, sealer, ["sealed-blob"]);
    },
  });
  let woken = 0;
  outbox.onAppend(() => woken++);
  const [epoch] = outbox.epochs();
  expect(await sentBy(outbox)).toEqual([["action-request", "********"]]);
  expect(await outbox.read(epoch?.id ?? "", 2, 100, 1e6)).toEqual([]);
  expect(await outbox.read(epoch?.id ?? "", 2, 100, 1e6)).toEqual([]);
  expect(said).toEqual([expect.stringContaining("waits for the key")]);
  time.advance(60_000);
  expect(woken).toBe(1);
  isThere = true;
  expect(await sentBy(outbox)).toEqual([
    ["action-request", "********"],
    ["action-request", "secret 2"],
    ["action-request", "********"],
  ]);
  for (const id of ids) expect(await store.execution(id)).toMatchObject({ status: "scheduled" });
  expect((await store.deadLetters({ limit: 10 })).items).toEqual([]);
});

test("a request that is over holds nothing up, key or not", async () => {
  const { store, ask } = await openStore();
  const over = await ask(1, testSealer(), "2026-01-01T00:00:00.000Z");
  await ask(2, null);
  const outbox = await openOutbox(store, {
    openEntry: (entry) => {
      if ("sealed" in entry) throw new PetrelError("KEY_FILE", "datastore.key is missing");
      return openedEntry(entry, testSealer(), ["sealed-blob"]);
    },
  });
  expect(await sentBy(outbox)).toEqual([
    ["void", null],
    ["action-request", "********"],
  ]);
  expect(await store.execution(over)).toMatchObject({
    status: "failed",
    reason: expect.stringMatching(/^KEY_FILE/),
  });
  expect((await store.deadLetters({ limit: 10 })).items).toEqual([]);
});

test("what an agent is too old for fails with the reason, and leaves no letter: to send it again changes nothing", async () => {
  const { store, ask } = await openStore();
  const ids = [
    await ask(1, testSealer()),
    await ask(2, testSealer()),
    await ask(3, testSealer(), "2026-01-01T00:00:00.000Z"),
    await ask(4, null),
  ];
  const found = await store.execution(ids[1] ?? "");
  await store.updateExecution({ ...(found as Execution), status: "canceling", rev: 2 }, 1);
  const said: unknown[] = [];
  const log = { ...silentLogger, error: (_message: string, about: object) => said.push(about) };
  const outbox = await openOutbox(store, {
    log: log as typeof silentLogger,
    openEntry: (entry) => {
      if ("sealed" in entry) throw new PetrelError("AGENT_TOO_OLD", "upgrade it");
      return openedEntry(entry, testSealer(), []);
    },
  });
  expect((await sentBy(outbox)).map(([kind]) => kind)).toEqual(["void", "void", "void", "action-request"]);
  const ends = await Promise.all(ids.map((id) => store.execution(id)));
  expect(ends.map((end) => [end?.status, end?.reason])).toEqual([
    ["failed", "AGENT_TOO_OLD: upgrade it"],
    ["canceled", "AGENT_TOO_OLD: upgrade it"],
    ["failed", "AGENT_TOO_OLD: upgrade it"],
    ["scheduled", null],
  ]);
  expect((await store.deadLetters({ limit: 10 })).items).toEqual([]);
  // Of those that somebody still waited for.
  expect(said).toMatchObject([{ execution: ids[0] }]);
});

test("secrets of a request that was canceled cannot be opened, and nobody is told", async () => {
  const { store, ask } = await openStore();
  const id = await ask(1, testSealer(8));
  const found = await store.execution(id);
  await store.updateExecution({ ...(found as Execution), status: "canceling", rev: 2 }, 1);
  const said: unknown[] = [];
  const log = { ...silentLogger, error: (message: string) => said.push(message) };
  const outbox = await openOutbox(store, {
    log: log as typeof silentLogger,
    openEntry: (entry) => openedEntry(entry, testSealer(7), []),
  });
  expect(await sentBy(outbox)).toEqual([["void", null]]);
  expect((await store.execution(id))?.status).toBe("canceled");
  expect([said, (await store.deadLetters({ limit: 10 })).items]).toEqual([[], []]);
});

test("a request whose secrets cannot be opened fails with the reason, and those behind it are sent", async () => {
  const { store, ask } = await openStore();
  const sealerOf = (fill: number) => testSealer(fill);
  // The key was another one for the second: that of a hub that was restored without its own, say.
  const ids = [
    await ask(1, sealerOf(7)),
    await ask(2, sealerOf(8)),
    await ask(3, null),
    await ask(4, sealerOf(7)),
  ];
  const outbox = await openOutbox(store, { openEntry: (entry) => openedEntry(entry, sealerOf(7), []) });
  expect(await sentBy(outbox)).toEqual([
    ["action-request", "secret 1"],
    ["void", null],
    ["action-request", "********"],
    ["action-request", "secret 4"],
  ]);
  expect(await store.execution(ids[1] ?? "")).toMatchObject({
    status: "failed",
    reason: expect.stringMatching(/^KEY_UNREADABLE: .*encrypted with the key 0+8/),
  });
  const { items } = await store.deadLetters({ limit: 10 });
  expect(items).toMatchObject([{ code: "KEY_UNREADABLE" }]);
  expect(JSON.stringify(items)).not.toContain("secret 2");
});

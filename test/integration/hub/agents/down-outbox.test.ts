/** What an agent is sent of its ledger: secrets are opened on the way, and one that cannot be keeps nothing behind it. */
import { expect, onTestFinished, test } from "vitest";
import { openDownOutbox } from "../../../../hub/agents/down-outbox.ts";
import { openedEntry } from "../../../../hub/secrets/opened-entry.ts";
import { openLevelStore } from "../../../../hub/store/level-store.ts";
import { ulidSource } from "../../../../shared/ids.ts";
import { silentLogger } from "../../../../shared/log.ts";
import { systemClock, systemJitter, systemRandom, systemTimers } from "../../../../shared/system-process.ts";
import { claimed, execution, request } from "../../../contract/store/world.ts";
import { tempFolder } from "../../../support/temp-folder.ts";
import { testSealer } from "../../../support/test-sealer.ts";

test("a request whose secrets cannot be opened fails with the reason, and those behind it are sent", async () => {
  const store = await openLevelStore({
    folder: await tempFolder("down"),
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
  });
  onTestFinished(() => store.close());
  await claimed(store);
  const sealerOf = (fill: number) => testSealer(fill);
  const ask = async (n: number, sealer: ReturnType<typeof testSealer> | null) => {
    const made = execution(n);
    const taken = JSON.stringify([[["token"], `secret ${n}`]]);
    const sealed = sealer?.seal(`execution/${made.id}/parameters`, taken);
    const dispatch = request(made, { parameters: { token: "********" } });
    const entry = sealed === undefined ? dispatch.entry : { ...dispatch.entry, sealed };
    await store.createExecutions([made], [{ ...dispatch, entry } as typeof dispatch]);
    return made.id;
  };
  // The key was another one for the second: that of a hub that was restored without its own, say.
  const ids = [
    await ask(1, sealerOf(7)),
    await ask(2, sealerOf(8)),
    await ask(3, null),
    await ask(4, sealerOf(7)),
  ];
  const outbox = await openDownOutbox({
    store,
    agent: "web-1",
    isPaused: () => false,
    openEntry: (entry) => openedEntry(entry, sealerOf(7)),
    timers: systemTimers,
    jitter: systemJitter,
    clock: systemClock,
    newId: ulidSource(systemClock, systemRandom),
    log: silentLogger,
  });
  onTestFinished(() => outbox.close());
  const sent: (readonly [kind: string, token: unknown])[] = [];
  for (const { id, first, last } of outbox.epochs()) {
    for (let n = first; n <= last; ) {
      const entries = await outbox.read(id, n, 100, 1_000_000);
      for (const { entry } of entries)
        sent.push([entry.kind, entry.kind === "action-request" ? entry.parameters.token : null]);
      n = (entries.at(-1)?.last ?? last) + 1;
    }
  }
  expect(sent).toEqual([
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

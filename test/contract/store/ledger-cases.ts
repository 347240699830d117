/** The down ledger: numbers without holes, receipts, the cap, and what waits behind it. */
import { describe, expect, it } from "vitest";
import { sealedAssignment } from "../../../hub/secrets/opened-entry.ts";
import type { Execution } from "../../../shared/model/execution.ts";
import { maxEntryBytes } from "../../../shared/wire/messages.ts";
import { noon } from "../../support/records.ts";
import { testSealer } from "../../support/test-sealer.ts";
import {
  asked,
  assignment,
  cancel,
  claimed,
  execution,
  hub,
  id,
  lease,
  ledger,
  nowAndReopened,
  type OpenStore,
  outcome,
  outcomes,
  request,
  take,
} from "./world.ts";

export function ledgerCases(open: OpenStore): void {
  describe("claims", () => {
    it("opens a new epoch with a higher fence at every claim of the same hub", async () => {
      const { store } = await open();
      const first = await claimed(store);
      await store.appendDown([asked(1)]);
      const second = await claimed(store);
      expect(second.fence).toBe(first.fence + 1);
      await store.appendDown([asked(2)]);
      expect(await store.downEpochs("web-1")).toEqual([
        { id: first.epoch, first: 1, last: 1 },
        { id: second.epoch, first: 1, last: 1 },
      ]);
      expect(await store.takeIn(take(first, 0, []))).toMatchObject({ why: "not-owner" });
    });

    it("prolongs a lease that still holds", async () => {
      const { store } = await open();
      const claim = await claimed(store);
      expect(await store.renewClaim(claim, lease, claim.until)).toBe(true);
      expect(await store.claimAgent("hub-b", "web-1", lease, claim.until + 1)).toBeNull();
      expect(await store.claimAgent("hub-b", "web-1", lease, claim.until + lease)).not.toBeNull();
    });
  });

  describe("the down ledger", () => {
    it("numbers entries from 1 without holes, also when many are appended at once", async () => {
      const world = await open();
      const claim = await claimed(world.store);
      await Promise.all(
        Array.from({ length: 50 }, (_, n) => world.store.appendDown([asked(2 * n), asked(2 * n + 1)])),
      );
      const expected = Array.from({ length: 100 }, (_, n) => [n + 1, id(n)]);
      for await (const store of nowAndReopened(world)) {
        const entries = await store.readDown("web-1", claim.epoch, 1, 1000, 1e9);
        expect(entries.map(({ n, entry }) => [n, "execution" in entry && entry.execution])).toEqual(expected);
        expect(entries.every(({ n, last }) => n === last)).toBe(true);
        expect(entries[0]?.size).toBe(Buffer.byteLength(JSON.stringify(entries[0]?.entry)));
      }
    });

    it("reads from a number on, within both limits, and at least one entry", async () => {
      const world = await open();
      const { epoch } = await claimed(world.store);
      await world.store.appendDown([1, 2, 3, 4].map((n) => asked(n)));
      const size = Buffer.byteLength(JSON.stringify(asked(1).entry));
      const cases: [from: number, entries: number, bytes: number, expected: number[]][] = [
        [1, 10, 1e6, [1, 2, 3, 4]],
        [3, 10, 1e6, [3, 4]],
        [2, 2, 1e6, [2, 3]],
        [1, 10, size * 2, [1, 2]],
        [1, 10, 1, [1]],
        [5, 10, 1e6, []],
        [-3, 1, 1e6, [1]],
      ];
      for await (const store of nowAndReopened(world)) {
        for (const [from, entries, bytes, expected] of cases) {
          const read = await store.readDown("web-1", epoch, from, entries, bytes);
          expect(read.map(({ n }) => n)).toEqual(expected);
        }
        expect(await store.readDown("web-1", "unknown", 1, 10, 1e6)).toEqual([]);
        expect(await store.readDown("nobody", epoch, 1, 10, 1e6)).toEqual([]);
      }
    });

    it("deletes what a receipt covers, whatever number the receipt claims", async () => {
      const world = await open();
      const { epoch } = await claimed(world.store);
      await world.store.appendDown([1, 2, 3].map((n) => asked(n)));
      await world.store.receiptDown("web-1", "unknown", 9);
      await world.store.receiptDown("web-1", epoch, 2);
      await world.store.receiptDown("web-1", epoch, 1);
      expect(await ledger(world.store)).toEqual([`3 ${id(3)}`]);
      expect(await world.store.downEpochs("web-1")).toEqual([{ id: epoch, first: 3, last: 3 }]);
      await world.store.receiptDown("web-1", epoch, Number.MAX_SAFE_INTEGER);
      await world.store.receiptDown("web-1", epoch, Number.NaN);
      expect(await world.store.downEpochs("web-1")).toEqual([{ id: epoch, first: 4, last: 3 }]);
      await world.store.appendDown([asked(4)]);
      expect(await ledger(world.store)).toEqual([`4 ${id(4)}`]);
      expect(await ledger(await world.reopen())).toEqual([`4 ${id(4)}`]);
    });

    it("gives every entry its own number, also while receipts delete those before it", async () => {
      const world = await open();
      const { epoch } = await claimed(world.store);
      const count = 300;
      await world.store.appendDown(Array.from({ length: count }, (_, n) => asked(n + 1)));
      // Nothing of it is in memory any more.
      const store = await world.reopen();
      let isOver = false;
      const receipts = async () => {
        for (let n = 1; n <= count; n++) await store.receiptDown("web-1", epoch, n);
        isOver = true;
      };
      const reader = async () => {
        while (!isOver) {
          const read = await store.readDown("web-1", epoch, 1, 3, 1e6);
          for (const { n, last, entry } of read) expect([n, last, entry]).toEqual([n, n, asked(n).entry]);
          await new Promise((resolve) => setImmediate(resolve));
        }
      };
      await Promise.all([receipts(), ...Array.from({ length: 4 }, reader)]);
      expect(await ledger(store)).toEqual([]);
    });

    it("forgets an older epoch once it is receipted", async () => {
      const { store } = await open();
      const first = await claimed(store);
      await store.appendDown([asked(1)]);
      const second = await claimed(store);
      await store.receiptDown("web-1", first.epoch, 1);
      expect(await store.downEpochs("web-1")).toEqual([{ id: second.epoch, first: 1, last: 0 }]);
    });

    it("never goes on numbering in an epoch of an earlier run", async () => {
      const world = await open();
      const { epoch } = await claimed(world.store);
      await world.store.appendDown([asked(1)]);
      const store = await world.reopen();
      // Not claimed again yet, and already something to send.
      await store.appendDown([asked(2), asked(3)]);
      const epochs = await store.downEpochs("web-1");
      expect(epochs).toMatchObject([
        { id: epoch, first: 1, last: 1 },
        { first: 1, last: 2 },
      ]);
      expect(epochs[1]?.id).not.toBe(epoch);
    });

    it("holds entries for an agent that nobody has claimed yet", async () => {
      const { store } = await open();
      await store.appendDown([asked(1, {}, "new-1")]);
      await claimed(store, "new-1");
      expect(await ledger(store, "new-1")).toEqual([`1 ${id(1)}`]);
    });

    it("refuses an entry that no agent could take, with all that came with it", async () => {
      const { store } = await open();
      const claim = await claimed(store);
      const run = execution(1);
      const large = request(run, { parameters: { text: "x".repeat(maxEntryBytes) } });
      const refused = { code: "LINK_ENTRY_TOO_LARGE" };
      await expect(store.appendDown([asked(1), large])).rejects.toMatchObject(refused);
      await expect(store.createExecutions([run], [large])).rejects.toMatchObject(refused);
      const effect = { type: "outcome", outcome: { ...outcome(1), dispatches: [large] } } as const;
      await expect(store.takeIn(take(claim, 0, [effect]))).rejects.toMatchObject(refused);
      expect(await ledger(store)).toEqual([]);
      expect(await store.execution(run.id)).toBeNull();
      expect(await store.instance(id(1))).toBeNull();
    });

    it("measures an entry as it is sent: what is sealed in it takes more room where it waits", async () => {
      const { store } = await open();
      await claimed(store);
      const assigned = (n: number, bytes: number) => {
        const entry = {
          kind: "assignment",
          id: id(n),
          at: "2026-01-01T00:00:00Z",
          pack: "p",
          digest: null,
          size: 0,
        } as const;
        const config = { text: "x".repeat(bytes) };
        return { agent: "web-1", entry: sealedAssignment({ ...entry, config }, testSealer()) };
      };
      const fits = assigned(1, maxEntryBytes - 512);
      expect(JSON.stringify(fits.entry).length).toBeGreaterThan(maxEntryBytes);
      await store.appendDown([fits]);
      expect(await ledger(store)).toEqual([`1 ${id(1)}`]);
      const refused = store.appendDown([assigned(2, maxEntryBytes + 1)]);
      await expect(refused).rejects.toMatchObject({ code: "LINK_ENTRY_TOO_LARGE" });
    });

    it("parks an entry that the agent cannot decode, and settles its execution as failed", async () => {
      const world = await open();
      const { epoch } = await claimed(world.store);
      const runs = [1, 2].map((n) => execution(n));
      await world.store.createExecutions(
        runs,
        runs.map((run) => request(run)),
      );
      const letter = {
        id: id(9),
        agent: "web-1",
        received_at: "2026-11-22T12:00:01.000Z",
        code: "WIRE_PACKET",
        reason: "the agent cannot decode it",
        entry: null,
      };
      await world.store.parkDown("web-1", epoch, 1, letter);
      await world.store.parkDown("web-1", epoch, 1, { ...letter, id: id(10) });
      await world.store.parkDown("web-1", epoch, 7, { ...letter, id: id(11) });
      for await (const store of nowAndReopened(world)) {
        const entries = await store.readDown("web-1", epoch, 1, 10, 1e6);
        expect(entries.map(({ n, last, entry }) => [n, last, entry.kind])).toEqual([
          [1, 1, "void"],
          [2, 2, "action-request"],
        ]);
        expect(entries[0]?.entry).toMatchObject({ from: 1, to: 1, reason: letter.reason });
        expect(await store.execution(id(1))).toMatchObject({
          status: "failed",
          reason: letter.reason,
          end_timestamp: letter.received_at,
          rev: 2,
        });
        expect(await store.execution(id(2))).toMatchObject({ status: "scheduled" });
        expect((await store.deadLetters({ limit: 10 })).items).toEqual([letter]);
      }
    });
  });

  it("voids an entry that only fails again: its execution fails, and no letter is left", async () => {
    const world = await open();
    const { epoch } = await claimed(world.store);
    await world.store.createExecutions([execution(1)], [request(execution(1))]);
    const why = { received_at: "2026-11-22T12:00:01.000Z", reason: "AGENT_TOO_OLD: upgrade it" };
    await world.store.voidDown("web-1", epoch, 1, why);
    await world.store.voidDown("web-1", epoch, 1, { ...why, reason: "again" });
    await world.store.voidDown("web-1", epoch, 7, why);
    for await (const store of nowAndReopened(world)) {
      expect(await store.readDown("web-1", epoch, 1, 10, 1e6)).toMatchObject([
        { n: 1, last: 1, entry: { kind: "void", from: 1, to: 1, reason: why.reason } },
      ]);
      expect(await store.execution(id(1))).toMatchObject({
        status: "failed",
        reason: why.reason,
        end_timestamp: why.received_at,
        rev: 2,
      });
      expect((await store.deadLetters({ limit: 10 })).items).toEqual([]);
    }
  });

  describe("a full down ledger", () => {
    const downCap = { entries: 3, bytes: 1e6 };

    it("delays executions visibly, and brings them on in order as receipts come", async () => {
      const world = await open({ downCap });
      const claim = await claimed(world.store);
      await world.store.takeIn(take(claim, 0, outcomes([1, 2, 3, 4, 5])));
      const runs = [1, 2, 3, 4, 5].map((n) => outcome(n).executions[0]?.id ?? "");
      const statuses = async (store = world.store) =>
        Promise.all(runs.map(async (run) => (await store.execution(run))?.status));
      expect(await statuses()).toEqual(["scheduled", "scheduled", "scheduled", "delayed", "delayed"]);
      expect(await world.store.execution(runs[3] ?? "")).toMatchObject({
        reason: "the agent has too many requests waiting",
        rev: 1,
        log: [{ status: "delayed" }],
      });
      expect(await ledger(world.store)).toHaveLength(3);
      await world.store.receiptDown("web-1", claim.epoch, 1);
      expect(await statuses()).toEqual(["scheduled", "scheduled", "scheduled", "scheduled", "delayed"]);
      expect(await world.store.execution(runs[3] ?? "")).toMatchObject({ reason: null, rev: 2 });
      expect((await world.store.executions({ status: "delayed" }, { limit: 10 })).items).toHaveLength(1);
      expect(await ledger(world.store)).toEqual([2, 3, 4].map((n) => `${n} ${runs[n - 1]}`));
      await world.store.receiptDown("web-1", claim.epoch, 4);
      expect(await ledger(world.store)).toEqual([`5 ${runs[4]}`]);
    });

    it("goes on after a restart even if every receipt had come before it", async () => {
      const world = await open({ downCap: { entries: 1, bytes: 1e6 } });
      const { epoch } = await claimed(world.store);
      await world.store.appendDown([1, 2].map((n) => asked(n)));
      // The receipt is written, what should follow it is not.
      world.failWrite({ after: 1 });
      await expect(world.store.receiptDown("web-1", epoch, 1)).rejects.toMatchObject({ code: "STORE_WRITE" });
      const store = await world.reopen();
      expect(await ledger(store)).toEqual([]);
      await claimed(store);
      expect(await ledger(store)).toEqual([`1 ${id(2)}`]);
    });

    it("counts bytes too, and always has room for one entry", async () => {
      const size = Buffer.byteLength(JSON.stringify(asked(1).entry));
      const { store } = await open({ downCap: { entries: 10, bytes: size + 1 } });
      const { epoch } = await claimed(store);
      await store.appendDown([1, 2, 3].map((n) => asked(n)));
      expect(await ledger(store)).toEqual([`1 ${id(1)}`]);
      await store.receiptDown("web-1", epoch, 1);
      expect(await ledger(store)).toEqual([`2 ${id(2)}`]);
      await store.receiptDown("web-1", epoch, 2);
      const large = asked(4, { user: "u".repeat(size * 2) });
      await store.appendDown([large]);
      await store.receiptDown("web-1", epoch, 3);
      expect(await ledger(store)).toEqual([`4 ${id(4)}`]);
    });

    it("has as many bytes of room again as receipts have freed", async () => {
      const size = (n: number) => Buffer.byteLength(JSON.stringify(asked(n).entry));
      const world = await open({ downCap: { entries: 10, bytes: size(1) * 3 } });
      const { epoch } = await claimed(world.store);
      await world.store.appendDown([1, 2, 3, 4, 5].map((n) => asked(n)));
      expect(await ledger(world.store)).toHaveLength(3);
      await world.store.receiptDown("web-1", epoch, 2);
      expect(await ledger(world.store)).toEqual([3, 4, 5].map((n) => `${n} ${id(n)}`));
      await world.store.appendDown([asked(6)]);
      expect(await ledger(world.store)).toHaveLength(3);
    });

    it("never lets a later entry overtake one that waits", async () => {
      const { store } = await open({ downCap });
      const { epoch } = await claimed(store);
      await store.appendDown([1, 2, 3, 4].map((n) => asked(n)));
      await Promise.all([store.receiptDown("web-1", epoch, 2), store.appendDown([asked(5)])]);
      await store.receiptDown("web-1", epoch, 3);
      expect(await ledger(store)).toEqual([`4 ${id(4)}`, `5 ${id(5)}`]);
    });

    it("leaves out a waiting request whose execution has been canceled", async () => {
      const { store } = await open({ downCap });
      const claim = await claimed(store);
      const runs = [1, 2, 3, 4, 5].map((n) => execution(n));
      await store.createExecutions(
        runs,
        runs.map((run) => request(run)),
      );
      const fourth = await store.execution(id(4));
      if (fourth === null) throw new Error("the execution is gone");
      expect(await store.updateExecution({ ...fourth, status: "canceled", rev: 2 }, 1)).toBe(true);
      await store.receiptDown("web-1", claim.epoch, 3);
      expect(await ledger(store)).toEqual([`4 ${id(5)}`]);
      expect(await store.execution(id(4))).toMatchObject({ status: "canceled", rev: 2 });
    });

    it("has room for control entries, whatever waits", async () => {
      const world = await open({ downCap: { entries: 1, bytes: 1e6 } });
      const claim = await claimed(world.store);
      const runs = [1, 2].map((n) => execution(n));
      await world.store.createExecutions(
        runs,
        runs.map((run) => request(run)),
      );
      const first = await world.store.execution(id(1));
      if (first === null) throw new Error("the execution is gone");
      const canceling: Execution = { ...first, status: "canceling", rev: 2 };
      await world.store.updateExecution(canceling, 1, [cancel(first)]);
      await world.store.appendDown([assignment(9)]);
      for await (const store of nowAndReopened(world)) {
        expect(await ledger(store)).toEqual([`1 ${id(1)}`, `1 ${id(1)}`, `2 ${id(9)}`]);
        expect(await store.execution(id(2))).toMatchObject({ status: "delayed" });
        expect(await store.downEpochs("web-1")).toMatchObject([
          { id: claim.epoch, first: 1, last: 1 },
          { first: 1, last: 2, isControl: true },
        ]);
      }
    });

    it("is no less full after the receipt of control entries", async () => {
      const { store } = await open({ downCap: { entries: 1, bytes: 1e6 } });
      await claimed(store);
      await store.appendDown([asked(1), assignment(8), asked(2)]);
      const control = (await store.downEpochs("web-1")).find(({ isControl }) => isControl);
      await store.receiptDown("web-1", control?.id ?? "", 1);
      expect(await ledger(store)).toEqual([`1 ${id(1)}`]);
    });
  });

  describe("control entries", () => {
    it("are numbered in an epoch of their own, of each run of the store", async () => {
      const world = await open();
      const claim = await claimed(world.store);
      await world.store.appendDown([asked(1), assignment(2), asked(3), cancel(execution(1))]);
      expect(await world.store.downEpochs("web-1")).toEqual([
        { id: claim.epoch, first: 1, last: 2 },
        { id: expect.any(String), first: 1, last: 2, isControl: true },
      ]);
      const store = await world.reopen();
      await store.appendDown([assignment(4), asked(5)]);
      expect(await ledger(store)).toEqual([
        `1 ${id(1)}`,
        `2 ${id(3)}`,
        `1 ${id(2)}`,
        `2 ${id(1)}`,
        `1 ${id(4)}`,
        `1 ${id(5)}`,
      ]);
    });

    it("go on in their epoch once it is receipted, and in another once it is forgotten", async () => {
      const { store } = await open();
      await claimed(store);
      await store.appendDown([assignment(1)]);
      const own = async () => (await store.downEpochs("web-1")).filter(({ isControl }) => isControl);
      const [epoch] = await own();
      await store.receiptDown("web-1", epoch?.id ?? "", 1);
      await store.appendDown([assignment(2)]);
      expect(await own()).toEqual([{ ...epoch, first: 2, last: 2 }]);
      await store.receiptDown("web-1", epoch?.id ?? "", 2);
      await claimed(store);
      expect(await own()).toEqual([]);
      await store.appendDown([assignment(3)]);
      const [other, ...more] = await own();
      expect(more).toEqual([]);
      expect(other).toMatchObject({ first: 1, last: 1 });
      expect(other?.id).not.toBe(epoch?.id);
    });
  });

  it("a claim for another time is judged by the time given, not by the store's clock", async () => {
    const { store } = await open();
    const claim = await store.claimAgent(hub, "web-1", 10, noon);
    expect(claim).toMatchObject({ hub, agent: "web-1", until: noon + 10 });
  });
}

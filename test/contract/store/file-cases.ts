/** Changes of files: their history by path, and acknowledgements, which stay and go with them. */
import { describe, expect, it } from "vitest";
import type { Change } from "../../../hub/store/port/changes.ts";
import type { Effect } from "../../../hub/store/port/intake.ts";
import type { Store } from "../../../hub/store/store.ts";
import { timestamp } from "../../../shared/clock.ts";
import type { JsonObject } from "../../../shared/json.ts";
import type { ChangeWindow } from "../../../shared/model/change-window.ts";
import { type FileAck, fileChangedTrigger } from "../../../shared/model/file-change.ts";
import type { TriggerInstance } from "../../../shared/model/trigger.ts";
import { noon } from "../../support/records.ts";
import { allPages, claimed, id, instance, nowAndReopened, type OpenStore, take } from "./world.ts";

const all = { limit: 1000, ascending: true };

function fileChange(
  n: number,
  payload: JsonObject,
  agent = "web-1",
  over: Partial<TriggerInstance> = {},
): TriggerInstance {
  return instance(n, {
    trigger: fileChangedTrigger,
    payload,
    status: "processed",
    origin: { agent, host: agent, labels: {} },
    ...over,
  });
}

const effects = (changes: readonly TriggerInstance[]): Effect[] =>
  changes.map((each) => ({
    type: "outcome",
    outcome: { instance: each, enforcements: [], executions: [], dispatches: [] },
  }));

async function takeAll(store: Store, changes: readonly TriggerInstance[], agent = "web-1"): Promise<void> {
  const claim = await claimed(store, agent);
  expect(await store.takeIn(take(claim, 0, effects(changes)))).toEqual({ done: true });
}

const ack = (n: number, over: Partial<FileAck> = {}): FileAck => ({
  change: id(n),
  by: "ann",
  at: timestamp(noon + 50_000),
  reason: "ticket 1",
  ...over,
});

const idsOf = (changes: readonly { readonly instance: TriggerInstance }[]) =>
  changes.map((change) => change.instance.id);

export function fileCases(open: OpenStore): void {
  describe("changes of files", () => {
    it("are found by agent and path, whatever the path, also under the name before a renaming", async () => {
      const world = await open();
      const odd = `/srv/${"ü%/#".repeat(120)}\u0000\ud800`;
      await takeAll(world.store, [
        fileChange(1, { path: "/etc/hosts" }),
        fileChange(2, { path: "/etc/hosts/x" }),
        fileChange(3, { path: "/etc/hosts2" }),
        fileChange(4, { path: "/etc/hosts.new", old_path: "/etc/hosts" }),
        fileChange(5, { path: odd }),
        fileChange(6, { path: ["/etc/hosts"] }),
        fileChange(7, { path: "/etc/hosts" }, "web-1", { re_emit_of: id(1) }),
        instance(8, { payload: { path: "/etc/hosts" } }),
      ]);
      await takeAll(world.store, [fileChange(11, { path: "/etc/hosts" }, "db-1")], "db-1");
      for await (const store of nowAndReopened(world)) {
        const history = async (path: string, agent?: string) =>
          idsOf((await store.fileChanges({ agent, path }, all)).items);
        expect(await history("/etc/hosts", "web-1")).toEqual([id(1), id(4)]);
        expect(await history("/etc/hosts.new", "web-1")).toEqual([id(4)]);
        expect(await history("/etc/hosts", "db-1")).toEqual([id(11)]);
        expect(await history("/etc/hosts")).toEqual([id(1), id(4), id(11)]);
        expect(await history(odd, "web-1")).toEqual([id(5)]);
        expect(await history("/etc", "web-1")).toEqual([]);
        const ofAgent = (await store.fileChanges({ agent: "web-1" }, all)).items;
        expect(idsOf(ofAgent)).toEqual([1, 2, 3, 4, 5, 6].map(id));
        expect(idsOf((await store.fileChanges({}, all)).items)).toEqual([1, 2, 3, 4, 5, 6, 11].map(id));
        expect(await store.fileChange(id(8))).toBeNull();
        expect(await store.fileChange(id(7))).toBeNull();
        expect((await store.fileChange(id(4)))?.instance.id).toBe(id(4));
      }
    });

    it("of one path are read without looking at those of others", async () => {
      const { store } = await open();
      const claim = await claimed(store);
      const others = Array.from({ length: 5_100 }, (_, n) => fileChange(n + 10, { path: `/srv/${n}` }));
      await store.takeIn(take(claim, 0, effects([fileChange(1, { path: "/etc/hosts" })])));
      for (let from = 0; from < others.length; from += 500) {
        await store.takeIn(take(claim, from + 1, effects(others.slice(from, from + 500))));
      }
      // More rows than one call looks at lie before it: only its own index finds it at once.
      const page = await store.fileChanges({ agent: "web-1", path: "/etc/hosts" }, { limit: 10 });
      expect({ ids: idsOf(page.items), cursor: page.cursor }).toEqual({ ids: [id(1)], cursor: undefined });
      await store.acknowledge(others.slice(0, 500).map(({ id: change }) => ({ ...ack(0), change })));
      const open_ = await store.fileChanges({ unacknowledged: true }, { limit: 2, ascending: true });
      expect(idsOf(open_.items)).toEqual([id(1), id(510)]);
      const asked: string[] = [];
      const fits = ({ instance: { id: each } }: { instance: TriggerInstance }) => asked.push(each) > 0;
      await store.fileChanges({ agent: "web-1", path: "/etc/hosts", fits }, { limit: 10 });
      expect(asked).toEqual([id(1)]);
    });

    it("come in pages that a further wish does not tear apart", async () => {
      const { store } = await open();
      await takeAll(
        store,
        Array.from({ length: 20 }, (_, n) => fileChange(n + 1, { path: "/a", even: n % 2 === 0 })),
      );
      const found = await allPages((cursor) =>
        store.fileChanges(
          { fits: ({ instance: { payload } }) => (payload as JsonObject).even === true },
          { limit: 3, cursor },
        ),
      );
      expect(idsOf(found)).toEqual([19, 17, 15, 13, 11, 9, 7, 5, 3, 1].map(id));
    });
  });

  describe("an acknowledgement", () => {
    it("stays as the first one said it, and takes the change off what is open", async () => {
      const world = await open();
      await takeAll(world.store, [fileChange(1, { path: "/a" }), fileChange(2, { path: "/b" })]);
      const second = ack(1, { by: "bob", reason: "me too", at: timestamp(noon + 60_000) });
      expect(await world.store.acknowledge([ack(1)])).toEqual([ack(1)]);
      for await (const store of nowAndReopened(world)) {
        expect(await store.acknowledge([second])).toEqual([ack(1)]);
        expect((await store.fileChange(id(1)))?.ack).toEqual(ack(1));
        const everything = (await store.fileChanges({}, all)).items;
        expect(everything.map((each) => each.ack)).toEqual([ack(1), null]);
        expect(idsOf((await store.fileChanges({ unacknowledged: true }, all)).items)).toEqual([id(2)]);
        expect(
          idsOf((await store.fileChanges({ agent: "web-1", path: "/a", unacknowledged: true }, all)).items),
        ).toEqual([]);
      }
    });

    it("of several is all or none, and names the one that is no change of a file", async () => {
      const { store } = await open();
      await takeAll(store, [fileChange(1, { path: "/a" }), instance(2, { status: "processed" })]);
      expect(await store.acknowledge([ack(1), ack(2)])).toBe(id(2));
      expect(await store.acknowledge([ack(1), ack(3)])).toBe(id(3));
      expect((await store.fileChange(id(1)))?.ack).toBeNull();
      expect(await store.acknowledge([ack(1), ack(1, { by: "bob" })])).toEqual([ack(1), ack(1)]);
    });

    it("of a change that is still to be judged outlives the judgement", async () => {
      const { store } = await open();
      const pending = fileChange(1, { path: "/a" }, "web-1", { status: "pending" });
      await takeAll(store, [pending]);
      await store.acknowledge([ack(1)]);
      const outcome = { enforcements: [], executions: [], dispatches: [] };
      expect(await store.process({ ...outcome, instance: { ...pending, status: "processed" } })).toBe(true);
      expect((await store.fileChanges({ unacknowledged: true }, all)).items).toEqual([]);
      expect((await store.fileChange(id(1)))?.ack).toEqual(ack(1));
    });

    it("goes with its change when history is cut, and so do the rows by path", async () => {
      const world = await open();
      await takeAll(world.store, [
        fileChange(1, { path: "/a" }),
        fileChange(2, { path: "/a" }),
        fileChange(2_000, { path: "/a" }),
      ]);
      await world.store.acknowledge([ack(1), ack(2_000)]);
      await world.store.purge({ before: timestamp(noon + 1_000), maxInstances: 1_000, batch: 100 });
      // The same ids again: what was said of those before them must not be true of these.
      const claim = await claimed(world.store);
      await world.store.takeIn(take(claim, 0, effects([fileChange(1, { path: "/c" })]), "E2"));
      for await (const store of nowAndReopened(world)) {
        const found = (await store.fileChanges({}, all)).items;
        expect(found.map(({ instance: each, ack: said }) => [each.id, said?.by])).toEqual([
          [id(2_000), "ann"],
          [id(1), undefined],
        ]);
        const ofPath = await store.fileChanges({ agent: "web-1", path: "/a" }, all);
        expect(idsOf(ofPath.items)).toEqual([id(2_000)]);
        expect(idsOf((await store.fileChanges({ unacknowledged: true }, all)).items)).toEqual([id(1)]);
      }
    });
  });

  describe("windows for expected changes", () => {
    const window = (n: number, over: Partial<ChangeWindow> = {}): ChangeWindow => ({
      id: id(n),
      labels: { role: "web" },
      agent: null,
      paths: ["/etc/**"],
      reason: "ticket 1",
      opened_by: "ann",
      opened_at: timestamp(noon),
      until: timestamp(noon + n),
      closed_at: null,
      closed_by: null,
      rev: 1,
      ...over,
    });

    it("are there in the order of their ids, and change only as whoever changes them knows them", async () => {
      const world = await open();
      const told: Change[] = [];
      world.store.subscribeChanges((changes) => void told.push(...changes));
      expect(await world.store.putChangeWindow(window(2), null)).toBe(true);
      expect(await world.store.putChangeWindow(window(1), null)).toBe(true);
      expect(await world.store.putChangeWindow(window(1, { reason: "another" }), null)).toBe(false);
      const closed = window(1, { closed_at: timestamp(noon), closed_by: "bob", rev: 2 });
      expect(await world.store.putChangeWindow(closed, 2)).toBe(false);
      expect(await world.store.putChangeWindow(closed, 1)).toBe(true);
      expect(told).toEqual([
        { type: "window", id: id(2), window: window(2) },
        { type: "window", id: id(1), window: window(1) },
        { type: "window", id: id(1), window: closed },
      ]);
      for await (const store of nowAndReopened(world)) {
        expect(await store.changeWindows()).toEqual([closed, window(2)]);
      }
    });

    it("go when they ended before what history keeps, by the time they really ended", async () => {
      const { store } = await open();
      const closed = window(5_000, { closed_at: timestamp(noon + 10) });
      for (const each of [window(10), window(2_000), closed]) await store.putChangeWindow(each, null);
      const told: Change[] = [];
      store.subscribeChanges((changes) => void told.push(...changes));
      await store.purge({ before: timestamp(noon + 1_000), maxInstances: 1_000, batch: 100 });
      expect(await store.changeWindows()).toEqual([window(2_000)]);
      expect(told).toEqual([
        { type: "window", id: id(10), window: null },
        { type: "window", id: id(5_000), window: null },
      ]);
    });
  });
}

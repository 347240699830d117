/** Keys of the HTTP API, and the requests that were noted: kept apart by kind, so that many push out no others. */
import { describe, expect, it } from "vitest";
import type { Change } from "../../../hub/store/port/changes.ts";
import type { Store } from "../../../hub/store/store.ts";
import { timestamp } from "../../../shared/clock.ts";
import type { ApiKeyRecord, ApiRequestRecord } from "../../../shared/model/api-key.ts";
import { noon } from "../../support/records.ts";
import { allPages, id, nowAndReopened, type OpenStore } from "./world.ts";

const key = (n: number, over: Partial<ApiKeyRecord> = {}): ApiKeyRecord => ({
  id: id(n),
  name: `key-${n}`,
  role: "observer",
  scopes: [],
  digest: "0".repeat(64),
  enabled: true,
  created_at: timestamp(noon),
  created_by: "api",
  expires_at: null,
  last_used_at: null,
  last_used_from: null,
  rev: 1,
  ...over,
});

const request = (n: number, over: Partial<ApiRequestRecord> = {}): ApiRequestRecord => ({
  id: id(n),
  at: timestamp(noon + n),
  key: "local",
  user: "ann",
  address: "127.0.0.1",
  noun: "rule",
  verb: "create",
  ref: null,
  method: "POST",
  status: 201,
  code: null,
  ...over,
});

const idsOf = async (store: Store) =>
  (await allPages((cursor) => store.apiRequests({}, { limit: 2, cursor }))).map((found) => found.id);

export function accessCases(open: OpenStore): void {
  describe("keys of the API", () => {
    it("are written by revision, told to who listens, and are there after a restart", async () => {
      const world = await open();
      const heard: Change[] = [];
      world.store.subscribeChanges((changes) => heard.push(...changes));
      expect(await world.store.putApiKey(key(2), null)).toBe(true);
      expect(await world.store.putApiKey(key(1), null)).toBe(true);
      expect(await world.store.putApiKey(key(1, { rev: 2 }), null)).toBe(false);
      expect(await world.store.putApiKey(key(1, { enabled: false, rev: 2 }), 1)).toBe(true);
      for await (const store of nowAndReopened(world)) {
        expect(await store.apiKeys()).toEqual([key(1, { enabled: false, rev: 2 }), key(2)]);
      }
      expect(heard.map((change) => change.type)).toEqual(["api-key", "api-key", "api-key"]);
    });

    it("are gone once they are removed", async () => {
      const world = await open();
      await world.store.putApiKey(key(1), null);
      expect(await world.store.removeApiKey(id(1))).toBe(true);
      expect(await world.store.removeApiKey(id(1))).toBe(false);
      for await (const store of nowAndReopened(world)) expect(await store.apiKeys()).toEqual([]);
    });
  });

  describe("requests to the API", () => {
    it("are listed newest first, by page, time and what is asked for", async () => {
      const world = await open();
      for (let n = 1; n <= 5; n++) {
        const isRefused = n % 2 === 0;
        const over = { user: isRefused ? null : "ann", code: isRefused ? "API_FORBIDDEN" : null };
        await world.store.noteApiRequest(request(n, over), isRefused);
      }
      for await (const store of nowAndReopened(world)) {
        expect(await idsOf(store)).toEqual([5, 4, 3, 2, 1].map(id));
        const numbers = async (filter: object, page: object = {}) =>
          (await store.apiRequests(filter, { limit: 100, ...page })).items.map((found) => found.id);
        expect(await numbers({ user: "ann" })).toEqual([5, 3, 1].map(id));
        expect(await numbers({ refused: true })).toEqual([4, 2].map(id));
        expect(await numbers({ noun: "pack" })).toEqual([]);
        expect(await numbers({}, { since: timestamp(noon + 4) })).toEqual([5, 4].map(id));
        expect(await numbers({}, { ascending: true, until: timestamp(noon + 3) })).toEqual([1, 2].map(id));
      }
    });

    it("go when they are old, and when there are too many of their kind", async () => {
      const { store } = await open();
      for (let n = 1; n <= 8; n++) await store.noteApiRequest(request(n), n > 4);
      const policy = { maxInstances: 1_000, batch: 3 };
      await store.purge({ ...policy, before: timestamp(noon + 2) });
      expect(await idsOf(store)).toEqual([8, 7, 6, 5, 4, 3, 2].map(id));
      await store.purge({ ...policy, before: timestamp(noon), maxRequests: 2 });
      expect(await idsOf(store)).toEqual([8, 7, 4, 3].map(id));
    });
  });
}

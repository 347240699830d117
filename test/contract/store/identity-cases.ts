/** Identities and enrolment tokens: a use is taken with the identity or not at all. */
import { describe, expect, it } from "vitest";
import { tidyEnrolment } from "../../../hub/enrolment/tidy.ts";
import type { Change } from "../../../hub/store/port/changes.ts";
import { timestamp } from "../../../shared/clock.ts";
import type { AgentIdentity, EnrolmentToken } from "../../../shared/model/identity.ts";
import { noon } from "../../support/records.ts";
import { nowAndReopened, type OpenStore } from "./world.ts";

const identity = (agent: string, over: Partial<AgentIdentity> = {}): AgentIdentity => ({
  agent,
  key: "k".repeat(43),
  state: "active",
  labels: { role: "web" },
  token: "t1",
  requested_at: timestamp(noon),
  enrolled_at: timestamp(noon),
  address: null,
  host: null,
  certificate: null,
  rev: 1,
  ...over,
});

const token = (id: string, over: Partial<EnrolmentToken> = {}): EnrolmentToken => ({
  id,
  sealed: "sealed",
  uses: 1,
  uses_at_first: 1,
  created_at: timestamp(noon),
  expires_at: timestamp(noon + 1_000),
  labels: {},
  agent: null,
  revoked: false,
  rev: 1,
  ...over,
});

export function identityCases(open: OpenStore): void {
  describe("identities", () => {
    it("of hosts that nobody let in go after a week, with tokens that ended then; no others", async () => {
      const world = await open();
      const { store } = world;
      const week = 7 * 86_400_000;
      const asked = (agent: string, ms: number, state: AgentIdentity["state"] = "pending") =>
        store.putIdentity(identity(agent, { state, requested_at: timestamp(ms) }), null);
      await asked("waits", noon + 1);
      await asked("forgotten", noon - 1);
      await asked("enrolled", noon - 1, "active");
      await asked("removed", noon - 1, "removed");
      await store.putToken(token("old", { expires_at: timestamp(noon - 1) }), null);
      await store.putToken(token("ended", { expires_at: timestamp(noon + 1) }), null);
      expect(await tidyEnrolment(store, noon + week)).toEqual({ hosts: 1, tokens: 1 });
      expect((await store.identities()).map(({ agent }) => agent)).toEqual(["enrolled", "removed", "waits"]);
      expect((await store.tokens()).map(({ id }) => id)).toEqual(["ended"]);
    });

    it("are written when they are as expected, and told", async () => {
      const world = await open();
      const told: Change[] = [];
      world.store.subscribeChanges((changes) => told.push(...changes));
      const first = identity("web-1", { state: "pending" });
      expect(await world.store.putIdentity(first, null)).toBe("done");
      expect(await world.store.putIdentity(first, null)).toBe("changed");
      const second = identity("web-1", { rev: 2 });
      expect(await world.store.putIdentity(second, 2)).toBe("changed");
      expect(await world.store.putIdentity(second, 1)).toBe("done");
      expect(told.filter(({ type }) => type === "identity")).toEqual([
        { type: "identity", identity: first },
        { type: "identity", identity: second },
      ]);
      await world.store.putIdentity(identity("web-2"), null);
      for await (const store of nowAndReopened(world)) {
        expect(await store.identity("web-1")).toEqual(second);
        expect((await store.identities()).map(({ agent }) => agent)).toEqual(["web-1", "web-2"]);
      }
    });

    it("are dropped at the expected revision only", async () => {
      const { store } = await open();
      await store.putIdentity(identity("web-1"), null);
      expect(await store.dropIdentity("web-1", 2)).toBe(false);
      expect(await store.dropIdentity("web-1", 1)).toBe(true);
      expect(await store.identity("web-1")).toBe(null);
    });

    it("take a use of their token in the same batch, and none when either does not fit", async () => {
      const world = await open();
      const { store } = world;
      await store.putToken(token("t1", { uses: 2 }), null);
      const use = { token: "t1", now: noon };
      expect(await store.putIdentity(identity("web-1"), null, use)).toBe("done");
      expect(await store.putIdentity(identity("web-1"), null, use)).toBe("changed");
      expect((await store.token("t1"))?.uses).toBe(1);
      const both = [identity("web-2"), identity("web-3")].map((one) => store.putIdentity(one, null, use));
      expect((await Promise.all(both)).sort()).toEqual(["done", "token"]);
      for await (const now of nowAndReopened(world)) {
        expect((await now.token("t1"))?.uses).toBe(0);
        expect(await now.identities()).toHaveLength(2);
      }
    });

    it.each([
      ["unknown", null],
      ["used up", token("t1", { uses: 0 })],
      ["revoked", token("t1", { revoked: true })],
      ["expired", token("t1", { expires_at: timestamp(noon) })],
    ])("are not written with a token that is %s", async (_what, kept) => {
      const { store } = await open();
      if (kept !== null) await store.putToken(kept, null);
      expect(await store.putIdentity(identity("web-1"), null, { token: "t1", now: noon })).toBe("token");
      expect(await store.identity("web-1")).toBe(null);
    });

    it("leave no token that expired long ago", async () => {
      const { store } = await open();
      await store.putToken(token("t1"), null);
      await store.putToken(token("t2", { expires_at: timestamp(noon + 5_000) }), null);
      expect(await store.putToken(token("t2", { rev: 2 }), 3)).toBe(false);
      expect(await store.dropTokens(noon + 2_000)).toBe(1);
      expect((await store.tokens()).map(({ id }) => id)).toEqual(["t2"]);
    });
  });
}

/** Verifications of watched files: kept with what was noted of each agent, until they are old or too many. */
import { describe, expect, it } from "vitest";
import { timestamp } from "../../../shared/clock.ts";
import type { AgentVerification, VerificationHead } from "../../../shared/model/file-verification.ts";
import { noon } from "../../support/records.ts";
import { id, nowAndReopened, type OpenStore } from "./world.ts";

const head = (n: number, asked: readonly string[] = ["web-1", "web-2"]): VerificationHead => ({
  id: id(n),
  full: false,
  path: null,
  started_at: timestamp(noon + n),
  asked,
});

const heard = (agent: string, over: Partial<AgentVerification> = {}): AgentVerification => ({
  agent,
  state: "waiting",
  why: null,
  error: null,
  started_at: null,
  ended_at: null,
  looked: 0,
  expected: null,
  differences: 0,
  unreadable: 0,
  unreadable_paths: [],
  ...over,
});

export function verificationCases(open: OpenStore): void {
  describe("verifications of files", () => {
    it("keep the last that was noted of each agent, apart from those of others", async () => {
      const world = await open();
      await world.store.putVerification(head(1));
      await world.store.putVerification(head(2));
      await world.store.noteVerified(id(1), [heard("web-2"), heard("web-1")]);
      const done = heard("web-2", { state: "done", differences: 3 });
      await world.store.noteVerified(id(1), [done]);
      for await (const store of nowAndReopened(world)) {
        expect(await store.verification(id(1))).toEqual({ head: head(1), heard: [heard("web-1"), done] });
        expect(await store.verification(id(2))).toEqual({ head: head(2), heard: [] });
        expect(await store.verification(id(3))).toBe(null);
      }
    });

    it("go when they are older than what history keeps, and when there are more than a hundred", async () => {
      const { store } = await open();
      for (let n = 1; n <= 104; n++) await store.putVerification(head(n));
      await store.noteVerified(id(1), [heard("web-1")]);
      const purge = (ms: number) =>
        store.purge({ before: timestamp(noon + ms), maxInstances: 1_000, batch: 100 });
      const known = async () => {
        const all = Array.from({ length: 104 }, (_, n) => store.verification(id(n + 1)));
        return (await Promise.all(all)).filter((one) => one !== null).map((one) => one.head.id);
      };
      for (let n = 0; n < 6; n++) await purge(0);
      expect(await known()).toEqual(Array.from({ length: 100 }, (_, n) => id(n + 5)));
      await purge(7);
      await purge(7);
      expect((await known())[0]).toEqual(id(7));
      await store.putVerification(head(1));
      expect(await store.verification(id(1))).toEqual({ head: head(1), heard: [] });
    });
  });
}

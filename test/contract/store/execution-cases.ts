/** Executions of many agents: writing them at once, and finding those of a user, a tag, a fan-out. */
import { describe, expect, it } from "vitest";
import type { Store } from "../../../hub/store/store.ts";
import type { Execution } from "../../../shared/model/execution.ts";
import { execution, id, nowAndReopened, type OpenStore, request } from "./world.ts";

export function executionCases(open: OpenStore): void {
  describe("executions of many agents", () => {
    it("are created on many agents with a look or two at each request", async () => {
      const { store } = await open();
      const runs = Array.from({ length: 100 }, (_, n) => execution(n, { agent: `host-${n}` }));
      let looks = 0;
      const requests = runs.map((run) => {
        const { agent, entry } = request(run);
        return {
          agent,
          get entry() {
            looks += 1;
            return entry;
          },
        };
      });
      await store.createExecutions(runs, requests);
      // A record that was not read beforehand has all of them looked at again: a thousand agents would be a million looks.
      expect(looks).toBeLessThan(20 * runs.length);
    });

    it("know whose executions they are, and which fan-out started them", async () => {
      const world = await open();
      const by = (n: number, over: Partial<Execution>) => execution(n, { trigger_instance: null, ...over });
      const parent = by(1, { user: "ann", agent: "*" });
      const children = [2, 3].map((n) => by(n, { user: "ann", parent: parent.id }));
      const others = [by(4, { user: "bob", trace_tag: "cr-7" }), by(5, { user: "bob", parent: id(9) })];
      await world.store.createExecutions([parent, ...children, ...others], []);
      const [first] = children;
      if (first === undefined) throw new Error("no child");
      const ended = { ...first, status: "failed" as const, rev: first.rev + 1 };
      expect(await world.store.updateExecution(ended, first.rev)).toBeTruthy();
      for await (const store of nowAndReopened(world)) {
        const ids = async (filter: Parameters<Store["executions"]>[0]) =>
          (await store.executions(filter, { limit: 100, ascending: true })).items.map((found) => found.id);
        expect(await ids({ user: "ann" })).toEqual([parent, ...children].map((found) => found.id));
        expect(await ids({ user: "an" })).toEqual([]);
        expect(await ids({ trace_tag: "cr-7" })).toEqual([id(4)]);
        expect(await ids({ parent: parent.id })).toEqual(children.map((found) => found.id));
        expect(await ids({ parent: parent.id, status: "failed" })).toEqual([first.id]);
        expect(await ids({ parent: parent.id, user: "bob" })).toEqual([]);
        expect(await ids({ parent: id(8) })).toEqual([]);
      }
    });
  });
}

/** Taking parts down: all of them, the last made first, whatever one of them does. */
import { expect, it } from "vitest";
import { silentLogger } from "../../../shared/log.ts";
import { Teardown } from "../../../shared/teardown.ts";
import { manualTime } from "../../support/manual-time.ts";

it("stops every part in reverse, past one that fails and one that never ends", async () => {
  const time = manualTime();
  const teardown = new Teardown({ timers: time.timers, log: silentLogger });
  const stopped: string[] = [];
  teardown.add("first", () => void stopped.push("first"));
  teardown.add("throws", () => {
    throw new Error("cannot");
  });
  teardown.add("rejects", async () => {
    throw new Error("cannot");
  });
  teardown.add("stuck", () => new Promise(() => {}), 1_000);
  teardown.add("last", async () => void stopped.push("last"));
  const done = teardown.run();
  expect(teardown.run()).toBe(done);
  await new Promise((resolve) => setImmediate(resolve));
  expect(stopped).toEqual(["last"]);
  time.advance(1_000);
  expect(await done).toBe(false);
  expect(stopped).toEqual(["last", "first"]);
  expect(time.pending()).toEqual([]);
});

it("is clean when every part stops", async () => {
  const teardown = new Teardown({ timers: manualTime().timers, log: silentLogger });
  teardown.add("one", () => {});
  expect(await teardown.run()).toBe(true);
});

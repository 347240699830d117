import { expect, test } from "vitest";
import { giveBackMemory, giveBackNativeMemory } from "../../../shared/spare-memory-process.ts";

test("garbage that nothing would collect is collected", async () => {
  const kept = new WeakRef(new Array(1_000_000).fill(0).map((_, i) => ({ i })));
  // A WeakRef keeps what it names until the end of the turn that made it, and a compiler at work may a little longer.
  for (let turn = 0; turn < 20 && kept.deref() !== undefined; turn++) {
    await new Promise((done) => setTimeout(done, 10));
    giveBackMemory();
    giveBackNativeMemory();
  }
  expect(kept.deref()).toBeUndefined();
  expect("gc" in globalThis).toBe(false);
});

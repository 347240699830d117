import { expect, test } from "vitest";
import { giveBackMemory, giveBackNativeMemory } from "../../../shared/spare-memory-process.ts";

test("garbage that nothing would collect is collected", async () => {
  const hadGc = "gc" in globalThis;
  const kept = new WeakRef(new Array(1_000_000).fill(0).map((_, i) => ({ i })));
  // A WeakRef keeps what it names until the end of the turn that made it.
  await new Promise((done) => setImmediate(done));
  giveBackMemory();
  giveBackNativeMemory();
  expect(kept.deref()).toBeUndefined();
  expect("gc" in globalThis).toBe(hadGc);
});

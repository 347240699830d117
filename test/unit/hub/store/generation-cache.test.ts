import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { GenerationCache } from "../../../../hub/store/generation-cache.ts";

const stored = (value: number) => ({ value, text: "x".repeat(20) });

describe("the cache", () => {
  it("never answers with anything but what was set last, and forgets what was deleted", () => {
    const key = fc.constantFrom("a", "b", "c", "d", "e", "f");
    const step = fc.record({ key, do: fc.constantFrom("set", "set", "get", "delete") });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const cache = new GenerationCache(50);
        const truth = new Map<string, number>();
        for (const [n, { key, do: what }] of steps.entries()) {
          if (what === "set") {
            cache.set(key, stored(n));
            truth.set(key, n);
          }
          if (what === "delete") {
            cache.delete(key);
            truth.delete(key);
          }
          const found = cache.get(key)?.value;
          if (found !== undefined) expect(found).toBe(truth.get(key));
        }
      }),
    );
  });

  it("holds a bounded amount and keeps what is used", () => {
    const cache = new GenerationCache(21 * 10);
    cache.set("k", stored(-1));
    for (let n = 0; n < 1000; n++) {
      cache.set(`${n}`, stored(n));
      expect(cache.get("k")?.value).toBe(-1);
    }
    const kept = Array.from({ length: 1000 }, (_, n) => cache.get(`${n}`)).filter(Boolean);
    expect(kept.length).toBeGreaterThan(0);
    expect(kept.length).toBeLessThan(25);
    cache.clear();
    expect(cache.get("k")).toBeUndefined();
  });
});

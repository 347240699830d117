import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { OccurrenceKeys } from "../../../../agent/sensors/occurrence-keys.ts";

/** The rows on disk, and a sensor's lives over them. */
class Disk {
  readonly rows = new Map<string, number>();
  readonly stored: string[] = [];
  keys = new OccurrenceKeys([]);
  id = 0;

  newLife(maxKeys?: number): void {
    const held = [...this.rows].map(([key, sequence]) => ({ key, sequence }));
    this.keys = new OccurrenceKeys(held, maxKeys);
    this.id = 0;
  }

  dispatch(...keys: (string | null)[]): { fresh: (string | null)[]; crowdedOut: number } {
    const plan = this.keys.planDispatches(keys.map((key) => ({ id: ++this.id, key })));
    this.#write(plan);
    for (const { key } of plan.fresh) if (key !== null) this.stored.push(key);
    return { fresh: plan.fresh.map(({ key }) => key), crowdedOut: plan.crowdedOut };
  }

  checkpoint(upTo: number, earlier = false): void {
    this.#write(this.keys.planCheckpoint({ upTo, earlier }, this.id));
  }

  #write({ hold, release, commit }: ReturnType<OccurrenceKeys["planDispatches"]>): void {
    for (const key of release) this.rows.delete(key);
    for (const { key, sequence } of hold) this.rows.set(key, sequence);
    commit();
    expect(this.keys.size).toBe(this.rows.size);
  }
}

describe("occurrence keys", () => {
  test("a repeated key is stored once: in one batch, in one life, in the next life", () => {
    const disk = new Disk();
    expect(disk.dispatch("a", "b", "a").fresh).toEqual(["a", "b"]);
    expect(disk.dispatch("a", null).fresh).toEqual([null]);
    disk.newLife();
    expect(disk.dispatch("b", "c").fresh).toEqual(["c"]);
  });

  test("a checkpoint lets go of the keys up to it, and of no others", () => {
    const disk = new Disk();
    disk.dispatch("a", "b", "c");
    disk.checkpoint(2);
    expect(disk.dispatch("a", "b", "c").fresh).toEqual(["a", "b"]);
  });

  test("a repeated key belongs to its newest dispatch", () => {
    const disk = new Disk();
    disk.dispatch("a", "b", "a");
    disk.checkpoint(2);
    expect(disk.dispatch("a", "b").fresh).toEqual(["b"]);
  });

  test("a checkpoint beyond what is accepted reaches only as far as that", () => {
    const disk = new Disk();
    disk.dispatch("a");
    disk.checkpoint(1_000);
    disk.dispatch("b");
    expect(disk.dispatch("b").fresh).toEqual([]);
  });

  test("a checkpoint never lets go of a dispatch that its sensor was not told of yet", () => {
    const disk = new Disk();
    disk.dispatch("a", "b", "c");
    // All three are on disk; `accepted` has only named the first two.
    expect(disk.keys.planCheckpoint({ upTo: 3, earlier: false }, 2).release).toEqual(["a", "b"]);
  });

  test("keys of earlier lives stay through the checkpoints of this one", () => {
    const disk = new Disk();
    disk.dispatch("a", "b");
    disk.newLife();
    disk.dispatch("a");
    disk.checkpoint(1);
    expect(disk.dispatch("b", "a").fresh).toEqual(["a"]);
  });

  test("a checkpoint that says so lets go of those of earlier lives which this one did not repeat", () => {
    const disk = new Disk();
    disk.dispatch("a", "b");
    disk.newLife();
    disk.dispatch("a");
    disk.checkpoint(0, true);
    expect(disk.dispatch("a", "b").fresh).toEqual(["b"]);
    expect([...disk.rows.keys()]).toEqual(["a", "b"]);
  });

  test("a plan that was not written changes nothing", () => {
    const keys = new OccurrenceKeys([]);
    keys.planDispatches([{ id: 1, key: "a" }]);
    expect(keys.planDispatches([{ id: 1, key: "a" }]).fresh.length).toBe(1);
  });

  test("beyond the cap the oldest goes, across lives too, and is counted", () => {
    const disk = new Disk();
    disk.newLife(3);
    disk.dispatch("a", "b");
    disk.newLife(3);
    expect(disk.dispatch("c", "d").crowdedOut).toBe(1);
    expect([...disk.rows.keys()]).toEqual(["b", "c", "d"]);
    expect(disk.dispatch("e", "f", "g", "h", "h").crowdedOut).toBe(3);
    expect(disk.dispatch("h", "b").fresh).toEqual(["b"]);
  });

  test("whatever dies when: between two checkpoints no occurrence is stored twice, and none is lost", () => {
    const step = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({ kind: fc.constant("look" as const), batch: fc.integer({ min: 1, max: 5 }) }),
      },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant("crash" as const) }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant("checkpoint" as const), isTold: fc.boolean() }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const disk = new Disk();
        /** What the sensor has on its own disk: it looks again from there after a crash. */
        let baseline = 0;
        let seen = 0;
        for (const action of steps) {
          if (action.kind === "look") {
            const batch = Array.from({ length: action.batch }, (_, at) => `occurrence ${seen + at + 1}`);
            disk.dispatch(...batch);
            seen += action.batch;
          } else if (action.kind === "checkpoint") {
            baseline = seen;
            // It may also forget to tell, or crash before it could.
            if (action.isTold) disk.checkpoint(disk.id);
          } else {
            disk.newLife();
            seen = baseline;
          }
        }
        expect(new Set(disk.stored).size).toBe(disk.stored.length);
        for (let n = 1; n <= seen; n++) expect(disk.stored).toContain(`occurrence ${n}`);
      }),
    );
  });
});

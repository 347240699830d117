import { describe, expect, test } from "vitest";
import { nothingTold, untold } from "../../../../hub/packs/assign.ts";
import type { PackRecord } from "../../../../shared/model/pack.ts";
import { anAgent } from "../../../support/records.ts";

function aPack(over: Partial<PackRecord> = {}): PackRecord {
  const manifest = {
    ref: "mypack",
    name: "mypack",
    description: "",
    version: "1.0.0",
    author: "",
    email: null,
    keywords: [],
    python_versions: [],
  };
  return {
    ref: "mypack",
    version: "1.0.0",
    digest: "sha256:aa",
    size: 10,
    registered_at: "2026-11-22T12:00:00.000Z",
    pack: {
      manifest,
      trigger_types: [],
      sensors: [],
      actions: [],
      rules: [],
      config_schema: {},
      legacy_config: {},
    },
    config: {},
    layers: [],
    assigned_to: [{}],
    rev: 1,
    ...over,
  };
}

describe("assigning packs to an agent", () => {
  test("says each assigned pack once", () => {
    const first = untold(anAgent(), [aPack()], nothingTold);
    expect(first.say).toEqual([
      { pack: "mypack", digest: "sha256:aa", size: 10, config: {}, fingerprint: expect.any(String) },
    ]);
    expect(untold(anAgent(), [aPack()], first.told).say).toEqual([]);
  });

  test.each([
    ["a new version", { digest: "sha256:bb" }],
    ["a new configuration", { config: { log: "/tmp/x" } }],
  ])("says it again for %s", (_, over) => {
    const { told } = untold(anAgent(), [aPack()], nothingTold);
    expect(untold(anAgent(), [aPack(over)], told).say).toHaveLength(1);
  });

  test("takes away what is no longer assigned", () => {
    const { told } = untold(anAgent(), [aPack()], nothingTold);
    const gone = untold(anAgent(), [aPack({ assigned_to: [] })], told);
    expect(gone.say).toEqual([{ pack: "mypack", digest: null, size: 0, config: {} }]);
    expect(untold(anAgent(), [], gone.told).say).toEqual([]);
  });

  test("tells an agent with a new store everything again", () => {
    const { told } = untold(anAgent({ incarnation: "old" }), [aPack()], nothingTold);
    expect(untold(anAgent({ incarnation: "new" }), [aPack()], told).say).toHaveLength(1);
  });

  test("takes away, once, what the agent holds and nobody here remembers telling it", () => {
    const agent = anAgent({ packs: { mypack: "sha256:aa", stray: "sha256:cc" } });
    const first = untold(agent, [aPack()], nothingTold);
    expect(first.say.map(({ pack, digest }) => [pack, digest])).toEqual([
      ["mypack", "sha256:aa"],
      ["stray", null],
    ]);
    expect(untold(agent, [aPack()], first.told).say).toEqual([]);
    const back = untold(agent, [aPack(), aPack({ ref: "stray" })], first.told);
    expect(back.say.map(({ pack }) => pack)).toEqual(["stray"]);
  });

  test("follows labels", () => {
    const pack = aPack({ assigned_to: [{ role: "web" }] });
    expect(untold(anAgent({ labels: { role: "db" } }), [pack], nothingTold).say).toEqual([]);
    expect(untold(anAgent({ labels: { role: "web", zone: "a" } }), [pack], nothingTold).say).toHaveLength(1);
  });

  test("a pack whose configuration cannot be made stays as the agent has it, and keeps no other back", () => {
    const first = untold(anAgent(), [aPack()], nothingTold);
    const configOf = ({ ref }: PackRecord) => {
      if (ref === "other") return { key: "rendered" };
      throw new Error("no such key");
    };
    const agent = anAgent({ packs: { mypack: "sha256:aa" } });
    const packs = [aPack({ digest: "sha256:bb" }), aPack({ ref: "other" })];
    const next = untold(agent, packs, first.told, { configOf });
    expect(next.say).toMatchObject([{ pack: "other", config: { key: "rendered" } }]);
    expect(next.broken).toMatchObject([{ pack: "mypack", error: { message: "no such key" } }]);
    // Said as soon as it can be made.
    expect(untold(agent, packs, next.told).say.map(({ pack }) => pack)).toEqual(["mypack", "other"]);
    expect(untold(agent, packs, nothingTold, { configOf }).say.map(({ pack }) => pack)).toEqual(["other"]);
  });
});

import { describe, expect, test } from "vitest";
import { fingerprintFor } from "../../../../hub/packs/assign.ts";
import { packOnAgents } from "../../../../hub/packs/progress.ts";
import type { AgentRecord, SensorRecord } from "../../../../shared/model/agent.ts";
import type { SensorDefinition } from "../../../../shared/model/pack.ts";
import { anAgent } from "../../../support/records.ts";
import { aPackRecord } from "../../../support/start-api.ts";

function aSensor(name: string, over: Partial<SensorDefinition> = {}): SensorDefinition {
  return {
    ref: `mypack.${name}`,
    pack: "mypack",
    class_name: name,
    entry_point: `${name}.ts`,
    description: "",
    enabled: true,
    poll_interval: null,
    language: "node",
    trigger_types: [],
    ...over,
  };
}

const base = aPackRecord();
const pack = {
  ...base,
  pack: { ...base.pack, sensors: [aSensor("One"), aSensor("Two"), aSensor("Off", { enabled: false })] },
  assigned_to: [{ role: "web" }],
  layers: [{ labels: { site: "berlin" }, config: { sensor: { depth: 9 } } }],
};
const labels = { role: "web", site: "berlin" };
const wanted = fingerprintFor(pack, labels);
const holds = {
  labels,
  packs: { mypack: pack.digest },
  fingerprints: { mypack: wanted },
} satisfies Partial<AgentRecord>;

const runs = (name: string, over: Partial<SensorRecord> = {}): SensorRecord => ({
  agent: "web-1",
  sensor: `mypack.${name}`,
  state: "running",
  pid: 7,
  restarts: 0,
  last_error: null,
  since: "2026-01-01T00:00:00.000Z",
  fingerprint: wanted,
  problem: null,
  ...over,
});
const allRun = [runs("One"), runs("Two")];

describe("how far an agent is", () => {
  test.each<[string, Partial<AgentRecord>, readonly SensorRecord[], string, RegExp | null]>([
    ["with all that it was given running", holds, allRun, "applied", null],
    ["and away", { ...holds, online: false }, allRun, "applied", null],
    ["with an earlier configuration", { ...holds, fingerprints: { mypack: "old" } }, allRun, "pending", null],
    [
      "that installs requirements",
      { ...holds, fingerprints: { mypack: "old" }, preparing: ["mypack"] },
      allRun,
      "pending",
      /^its requirements are being installed$/,
    ],
    [
      "that could not install them",
      { ...holds, pack_problems: { mypack: "PACK_VIRTUALENV: no" } },
      allRun,
      "failed",
      /^PACK_VIRTUALENV: no$/,
    ],
    ["with nothing yet", { labels, fingerprints: {} }, [], "pending", null],
    ["with nothing yet, and away", { labels, fingerprints: {}, online: false }, [], "away", null],
    ["whose sensor was not heard of", holds, [runs("One")], "pending", /^mypack\.Two is not started yet$/],
    [
      "whose sensor runs with what was before",
      holds,
      [runs("One"), runs("Two", { fingerprint: "old" })],
      "pending",
      /Two is not started/,
    ],
    [
      "whose sensor starts",
      holds,
      [runs("One"), runs("Two", { state: "starting" })],
      "pending",
      /^mypack\.Two is starting$/,
    ],
    [
      "whose sensor was stopped",
      holds,
      [runs("One", { state: "stopped" }), runs("Two")],
      "pending",
      /One is stopped$/,
    ],
    [
      "whose sensor crashes",
      holds,
      [runs("One", { state: "backing-off", last_error: "no disk" }), runs("Two")],
      "failed",
      /^mypack\.One is backing-off: no disk$/,
    ],
    [
      "whose sensor cannot be loaded, and says nothing",
      holds,
      [runs("One"), runs("Two", { state: "failed" })],
      "failed",
      /^mypack\.Two is failed: no reason given$/,
    ],
    [
      "whose sensor goes on as it was before",
      holds,
      [runs("One"), runs("Two", { problem: "no such profile" })],
      "failed",
      /^mypack\.Two goes on as before: no such profile$/,
    ],
    [
      "of which one sensor failed while another starts",
      holds,
      [runs("One", { state: "starting" }), runs("Two", { state: "failed", last_error: "no" })],
      "failed",
      /Two is failed: no/,
    ],
    [
      "whose sensors are those of another agent",
      holds,
      allRun.map((sensor) => ({ ...sensor, agent: "web-2" })),
      "pending",
      /One is not started/,
    ],
    [
      "of a version that tells no configuration",
      { labels, packs: holds.packs },
      allRun,
      "unknown",
      /does not tell/,
    ],
    ["of such a version, without the pack", { labels, packs: {} }, [], "pending", null],
    [
      "whose host lets no version of it be",
      { labels, packs: {}, fingerprints: {}, pack_problems: { mypack: "HOST_REFUSED: not here" } },
      [],
      "failed",
      /^HOST_REFUSED: not here$/,
    ],
    [
      "that gets another version than the one it has, which cannot run",
      { ...holds, fingerprints: { mypack: "old" }, pack_problems: { mypack: "PACK_VIRTUALENV: no" } },
      [],
      "pending",
      null,
    ],
    [
      "that is to let it go",
      { ...holds, labels: { site: "berlin" } },
      allRun,
      "pending",
      /it is to let the pack go/,
    ],
  ])("%s", (_, over, sensors, state, detail) => {
    const agent = anAgent(over);
    const told = packOnAgents(pack, [agent], sensors);
    expect(told).toEqual([
      {
        agent: "web-1",
        online: agent.online,
        state,
        detail: detail === null ? null : expect.stringMatching(detail),
      },
    ]);
  });
});

test("agents that neither run it nor are to are left out, the others come by id", () => {
  const agents = [
    anAgent({ id: "web-2", labels }),
    anAgent({ id: "db-1", labels: { role: "db" } }),
    anAgent({ id: "old-1", packs: { mypack: "sha256:old" } }),
    anAgent({ id: "web-10", labels }),
  ];
  expect(packOnAgents(pack, agents, []).map(({ agent }) => agent)).toEqual(["old-1", "web-10", "web-2"]);
});

test("a pack without sensors is applied as soon as it is held", () => {
  const plain = { ...pack, pack: { ...pack.pack, sensors: [] } };
  const agent = anAgent({ labels, fingerprints: { mypack: fingerprintFor(plain, labels) } });
  expect(packOnAgents(plain, [agent], [])).toMatchObject([{ state: "applied" }]);
});

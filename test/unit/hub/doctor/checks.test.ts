import { describe, expect, test } from "vitest";
import { hubChecks } from "../../../../hub/doctor/checks.ts";
import type { HubFacts } from "../../../../hub/doctor/hub-facts.ts";
import { timestamp } from "../../../../shared/clock.ts";
import type { DiskFacts, FileFacts } from "../../../../shared/doctor/host-facts.ts";
import type { LastUpgrade } from "../../../../shared/doctor/last-upgrade.ts";
import { runChecks } from "../../../../shared/doctor/run-checks.ts";
import type { UpgradeOutcome } from "../../../../shared/install/pending.ts";
import type { AgentRecord } from "../../../../shared/model/agent.ts";
import type { ApiKeyRecord } from "../../../../shared/model/api-key.ts";
import type { Timers } from "../../../../shared/timers.ts";
import { noon } from "../../../support/records.ts";

const day = 86_400_000;
const file = (path: string, over: Partial<FileFacts> = {}): FileFacts => ({
  path,
  mode: 0o600,
  uid: 7,
  isFolder: false,
  ...over,
});
const key = (over: Partial<ApiKeyRecord> = {}): ApiKeyRecord => ({
  id: "K1",
  name: "ann",
  role: "observer",
  scopes: [],
  digest: "",
  enabled: true,
  created_at: timestamp(noon - day),
  created_by: "api",
  expires_at: timestamp(noon + day),
  last_used_at: null,
  last_used_from: null,
  rev: 1,
  ...over,
});
const unit = {
  name: "petrel-hub.service",
  hasSystemd: true,
  path: "/u",
  isEnabled: true,
  settings: [["Restart", "always"]],
} as const;
const agent = (over: Partial<AgentRecord> = {}): AgentRecord => ({
  id: "web-1",
  host: "web",
  labels: {},
  online: true,
  incarnation: "i",
  version: "1.0.0",
  address: null,
  first_seen: timestamp(noon - day),
  last_seen: timestamp(noon),
  skew_ms: 0,
  packs: {},
  runners: [],
  rev: 1,
  ...over,
});
const outcome: UpgradeOutcome = {
  from: "1.0.0",
  to: "1.1.0",
  result: "upgraded",
  why: "it is as it was before",
  at: timestamp(noon - day),
};
const upgrade: LastUpgrade = {
  where: "/last",
  outcome,
  stand: "settled",
  pending: null,
  current: "1.1.0",
  unreadable: null,
};
const gib = 1024 ** 3;
const disk: DiskFacts = {
  folder: "/data",
  freeBytes: 50 * gib,
  totalBytes: 100 * gib,
  freeInodes: 1e6,
  totalInodes: 1e6,
  mount: { point: "/", type: "ext4", options: ["rw"] },
};
const life = (where: string) => ({ where, validFrom: noon - day, validTo: noon + 900 * day });
const sound: HubFacts = {
  dev: false,
  uid: 7,
  version: "1.0.0",
  data: "/data",
  http: { host: "127.0.0.1", port: 7480 },
  insecure: false,
  certificate: null,
  broker: null,
  brokerReached: true,
  storeFailed: false,
  lastBatchMs: 2,
  creditEntries: 1_024,
  pausedAgents: 0,
  pendingInstances: 0,
  deadLetters: 0,
  laterProtocol: [],
  agentFormat: null,
  gaps: [],
  configFile: file("/etc/hub.yaml", { mode: 0o644, uid: 0 }),
  secrets: [file("/data", { mode: 0o700, isFolder: true }), file("/data/api.json")],
  hasRootKey: false,
  hasDatastoreKey: true,
  fleetCertificates: [life("/data/keys/ca.crt")],
  storeBytes: 1,
  blobBytes: null,
  lastBackup: { at: timestamp(noon - day), folder: "/backup" },
  unit,
  lastUpgrade: upgrade,
  sync: 2,
  keys: [key()],
  agents: [agent()],
  behind: [],
  sensors: [],
  failedRules: [],
  webhooks: [],
  tokens: [{ id: "aaaa", uses: 100, expires_at: timestamp(noon + 7 * day) }],
  pending: 0,
  hubKeys: { count: 1, serial: 1 },
  disk,
  hostNow: noon,
  hubNow: noon,
};
const timers: Timers = { after: () => () => {} };
/** All that is not well. */
const unwell = async (over: Partial<HubFacts> = {}) =>
  (await runChecks(hubChecks, { ...sound, ...over }, { timers, withinMs: 1 })).filter(
    ({ level }) => level !== "ok",
  );
const anywhere = { host: "0.0.0.0", port: 7480 };
const certificate = { where: "/api.crt", validFrom: noon - day, validTo: noon + 60 * day };

test.each<[string, Partial<AgentRecord>, Partial<HubFacts>]>([
  ["petrel agent upgrade web-1 --version 1.0.0", { version: "0.9.0" }, {}],
  ["petrel agent upgrade web-1 --version 1.0.0", { version: "0.9.0", store_format: 2 }, { agentFormat: 2 }],
  // A rollout would be refused there.
  [
    "petrel-agent upgrade FILE --allow-format-change",
    { version: "0.9.0", store_format: 1 },
    { agentFormat: 2 },
  ],
  ["install the new one on its host", { version: "0.9.0", upgrades: false }, {}],
  ["step by step", { version: "0.7.0" }, { version: "0.9.0" }],
  ["petrel upgrade FILE", { version: "1.1.0" }, {}],
])("what is advised about another version can be done: %s", async (fix, its, over) => {
  const found = await unwell({ ...over, agents: [agent(its)] });
  const said = found.filter(({ check }) => check === "agent-versions").map((each) => each.fix);
  expect(said).toEqual([expect.stringContaining(fix)]);
  if (fix === "step by step") expect(said[0]).not.toContain("--version 0.9.0");
});

test("a sound hub has nothing weak", async () => {
  expect(await unwell()).toEqual([]);
  for (const over of [{ current: null }, { outcome: null }, { current: "1.2.0" }])
    expect(await unwell({ lastUpgrade: { ...upgrade, ...over } })).toEqual([]);
  for (const [result, current] of [
    ["rolled-back", "1.1.0"],
    ["kept", "1.2.0"],
  ] as const)
    expect(await unwell({ lastUpgrade: { ...upgrade, current, outcome: { ...outcome, result } } })).toEqual(
      [],
    );
  expect(await unwell({ http: anywhere, certificate })).toEqual([]);
});

const cases: readonly (readonly [string, Partial<HubFacts>])[] = [
  ["note dev-mode --dev", { dev: true }],
  ["warning tokens token aaaa", { tokens: [{ id: "aaaa", uses: 101, expires_at: timestamp(noon + day) }] }],
  ["warning tokens token aaaa", { tokens: [{ id: "aaaa", uses: 1, expires_at: timestamp(noon + 8 * day) }] }],
  ["note pending-hosts 2 hosts", { pending: 2 }],
  ["fault hub-keys-older agent web-1", { agents: [agent({ hub_keys_serial: 2 })] }],
  [
    "note hub-keys statement.json",
    { agents: [agent({ hub_keys_serial: 7 })], hubKeys: { count: 2, serial: 7 } },
  ],
  ["fault http-insecure 0.0.0.0:7480", { http: anywhere, insecure: true }],
  ["note http-insecure http.insecure", { insecure: true }],
  ["fault http-certificate /api.crt", { certificate: { ...certificate, validTo: noon - 1 } }],
  ["warning http-certificate /api.crt", { certificate: { ...certificate, validTo: noon + 3 * day } }],
  ["fault http-certificate /api.crt", { certificate: { ...certificate, validFrom: noon + 1 } }],
  ["fault secret-files /data/api.json", { secrets: [file("/data/api.json", { mode: 0o640 })] }],
  ["fault secret-files /data/api.json", { secrets: [file("/data/api.json", { uid: 8 })] }],
  ["fault config-file /etc/hub.yaml", { configFile: file("/etc/hub.yaml", { mode: 0o666 }) }],
  ["fault config-file /etc/hub.yaml", { configFile: file("/etc/hub.yaml", { uid: 8 }) }],
  ["fault broker-password --broker-url", { broker: { hasPassword: true, from: "--broker-url" } }],
  ["fault broker-password hub.yaml:3", { broker: { hasPassword: true, from: "hub.yaml:3" } }],
  [
    "note broker-password hub.yaml:3",
    { broker: { hasPassword: true, from: "hub.yaml:3" }, configFile: file("/etc/hub.yaml") },
  ],
  ["note api-keys API key ann (K1)", { keys: [key({ expires_at: null })] }],
  ["note api-keys API key ann (K1)", { keys: [key({ expires_at: timestamp(noon - 1) })] }],
  ["note api-keys API key ann (K1)", { keys: [key({ last_used_at: timestamp(noon - 91 * day) })] }],
  ["fault datastore-key /data/datastore.key", { hasDatastoreKey: false }],
  ["warning root-key /data/keys/root.key", { hasRootKey: true }],
  ["fault clock clock", { hubNow: noon + 60_000 }],
  ["warning agent-clocks agent web-1", { agents: [agent({ skew_ms: -31_000 })] }],
  ["note agent-versions agent web-1", { agents: [agent({ version: "0.9.0" })] }],
  ["warning agent-versions agent web-1", { agents: [agent({ version: "1.2.0" })] }],
  ["warning agent-protocols agent far", { laterProtocol: [{ agent: "far", messages: 3 }] }],
  ["warning disk-room /data", { disk: { ...disk, freeBytes: 1e8 } }],
  ["fault file-system /data", { disk: { ...disk, mount: { point: "/data", type: "nfs", options: [] } } }],
  ["fault sync /data", { sync: new Error("EIO") }],
  ["fault store /data", { storeFailed: true }],
  ["warning store /data", { lastBatchMs: 3_000 }],
  ["note store-size /data", { storeBytes: null }],
  ["fault broker broker.url", { broker: { hasPassword: false, from: "broker.url" }, brokerReached: false }],
  ["warning credit intake", { creditEntries: 0 }],
  ["warning credit intake", { pausedAgents: 3 }],
  ["warning pending-instances rules", { pendingInstances: 5_000 }],
  ["warning dead-letters 2 dead letters", { deadLetters: 2 }],
  ["note backup /data", { lastBackup: null }],
  ["warning backup /b", { lastBackup: { at: timestamp(noon - 8 * day), folder: "/b" } }],
  [
    "warning last-upgrade /last",
    { lastUpgrade: { ...upgrade, current: "1.0.0", outcome: { ...outcome, result: "rolled-back" } } },
  ],
  ["fault last-upgrade /last", { lastUpgrade: { ...upgrade, outcome: { ...outcome, result: "kept" } } }],
  [
    "warning last-upgrade /pending",
    {
      lastUpgrade: {
        ...upgrade,
        stand: "back",
        pending: {
          from: "1",
          to: "2",
          at: "2026-01-01T00:00:00Z",
          back: "it has no link",
          where: "/pending",
        },
      },
    },
  ],
  ["warning last-upgrade /last", { lastUpgrade: { ...upgrade, unreadable: "EACCES: permission denied" } }],
  ["note last-upgrade /last", { lastUpgrade: { ...upgrade, stand: "trial" } }],
  ["warning unit /u", { unit: { ...unit, isEnabled: false } }],
  ["fault fleet-certificates /ca", { fleetCertificates: [{ ...life("/ca"), validTo: noon - 1 }] }],
  ["fault agent-conflicts agent web-1", { agents: [agent({ conflict: { since: "", parties: [] } })] }],
  [
    "warning agents-away agent web-1",
    { agents: [agent({ online: false, last_seen: timestamp(noon - 8 * day) })] },
  ],
  [
    "warning agents-lost agent web-1",
    { agents: [agent({ online: false, lost: timestamp(noon), last_seen: timestamp(noon - day) })] },
  ],
  ["fault agents-degraded agent web-1", { agents: [agent({ degraded: "its disk is full" })] }],
  ["warning agents-behind agent a", { behind: [{ id: "a", state: "online", lag_ms: 61_000, backlog: 5 }] }],
  ["warning agent-packs pack p on agent web-1", { agents: [agent({ pack_problems: { p: "no python3" } })] }],
  [
    "fault sensors p.A on agent web-1",
    { sensors: [{ agent: "web-1", sensor: "p.A", state: "failed", restarts: 9 }] },
  ],
  ["warning rules rule p.r", { failedRules: [{ rule: "p.r", reason: "RULE_TEMPLATE", count: 2 }] }],
  ["warning gaps agent web-1", { gaps: [{ agent: "web-1", recorded_at: timestamp(noon - 1), reason: "" }] }],
  ["note webhook-keys webhook ci/done", { webhooks: [{ url: "ci/done", rules: [], enabled: true }] }],
];

describe("what is weak", () => {
  test.each(cases)("%s", async (expected, over) => {
    const found = await unwell(over);
    expect(found.map(({ level, check, where }) => `${level} ${check} ${where}`)).toEqual([expected]);
    for (const { what, fix } of found)
      expect([what, fix ?? what].every((text) => text.length > 5)).toBe(true);
  });

  test("old hub keys, and agents that have not seen the newest", async () => {
    const agents = [
      agent({ id: "a", hub_keys_serial: 6 }),
      agent({ id: "b", hub_keys_serial: 7 }),
      agent({ id: "c" }),
    ];
    const found = await unwell({ agents, hubKeys: { count: 2, serial: 7 } });
    expect(found.map(({ check, where }) => `${check} ${where}`).toSorted()).toEqual([
      "hub-keys statement.json",
      "hub-keys-seen agent a",
      "hub-keys-seen agent c",
    ]);
    // Dropped, it still counts for who has not heard of that.
    const dropped = await unwell({ agents, hubKeys: { count: 1, serial: 7 } });
    expect(dropped.map(({ where }) => where)).toEqual(["agent a", "agent c"]);
  });

  const hook = { url: "ci/done", rules: [], enabled: true };
  const deliver = key({ role: "webhook", scopes: ["webhook:deliver:ci/done"] });
  test.each<Partial<HubFacts>>([
    { broker: { hasPassword: true, from: "PETREL_BROKER_URL" } },
    { broker: { hasPassword: false, from: "--broker-url" } },
    { keys: [key({ enabled: false, expires_at: null })] },
    {
      agents: [agent({ online: false, version: "0.9.0", skew_ms: 99_000, last_seen: timestamp(noon - day) })],
    },
    { secrets: [file("/data/keys/root.key", { uid: 0 })] },
    { configFile: null, sync: null },
    { sensors: [{ agent: "away", sensor: "p.A", state: "failed", restarts: 9 }] },
    { gaps: [{ agent: "web-1", recorded_at: timestamp(noon - 2 * day), reason: "" }] },
    { webhooks: [hook], keys: [deliver] },
    { webhooks: [{ ...hook, enabled: false }] },
  ])("not %j", async (over) => {
    expect(await unwell(over)).toEqual([]);
  });

  test("a key that only reads, or works on other things, cannot post", async () => {
    for (const over of [{ role: "observer" }, { scopes: ["action:run"], role: "operator" }] as const) {
      const found = await unwell({ webhooks: [hook], keys: [key(over)] });
      expect(found.map(({ check }) => check)).toEqual(["webhook-keys"]);
    }
  });

  test("of a large fleet the first are named, and the others counted", async () => {
    const agents = Array.from({ length: 30 }, (_, i) => agent({ id: `a${i}`, version: "0.9.0" }));
    const found = await unwell({ agents });
    expect(found).toHaveLength(21);
    expect(found.at(-1)?.what).toBe("the same of 10 more");
  });
});

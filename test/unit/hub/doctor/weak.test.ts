import { describe, expect, test } from "vitest";
import { type FileFacts, type HubFacts, weakSettings } from "../../../../hub/doctor/weak.ts";
import { timestamp } from "../../../../shared/clock.ts";
import type { ApiKeyRecord } from "../../../../shared/model/api-key.ts";
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
const agent = { id: "web-1", version: "1.0.0", skew_ms: 0, online: true };
const sound: HubFacts = {
  dev: false,
  uid: 7,
  version: "1.0.0",
  data: "/data",
  http: { host: "127.0.0.1", port: 7480 },
  insecure: false,
  certificate: null,
  broker: null,
  configFile: file("/etc/hub.yaml", { mode: 0o644, uid: 0 }),
  secrets: [file("/data", { mode: 0o700, isFolder: true }), file("/data/api.json")],
  hasRootKey: false,
  keys: [key()],
  agents: [agent],
  tokens: [{ id: "aaaa", uses: 100, expires_at: timestamp(noon + 7 * day) }],
  pending: 0,
  hubKeys: 1,
  disk: { freeBytes: 50e9, totalBytes: 100e9 },
  hostNow: noon,
  hubNow: noon,
};
const anywhere = { host: "0.0.0.0", port: 7480 };
const certificate = { where: "/api.crt", validFrom: noon - day, validTo: noon + 60 * day };

test("a sound hub has nothing weak", () => {
  expect(weakSettings(sound)).toEqual([]);
  expect(weakSettings({ ...sound, http: anywhere, certificate })).toEqual([]);
});

const cases: readonly (readonly [string, Partial<HubFacts>])[] = [
  ["advice dev-mode --dev", { dev: true }],
  ["advice tokens token aaaa", { tokens: [{ id: "aaaa", uses: 101, expires_at: timestamp(noon + day) }] }],
  ["advice tokens token aaaa", { tokens: [{ id: "aaaa", uses: 1, expires_at: timestamp(noon + 8 * day) }] }],
  ["advice pending-hosts 2 hosts", { pending: 2 }],
  ["advice hub-keys statement.json", { hubKeys: 2 }],
  ["wrong http-insecure 0.0.0.0:7480", { http: anywhere, insecure: true }],
  ["advice http-insecure http.insecure", { insecure: true }],
  ["wrong http-certificate /api.crt", { certificate: { ...certificate, validTo: noon - 1 } }],
  ["wrong http-certificate /api.crt", { certificate: { ...certificate, validTo: noon + 3 * day } }],
  ["wrong http-certificate /api.crt", { certificate: { ...certificate, validFrom: noon + 1 } }],
  ["wrong secret-files /data/api.json", { secrets: [file("/data/api.json", { mode: 0o640 })] }],
  ["wrong secret-files /data/api.json", { secrets: [file("/data/api.json", { uid: 8 })] }],
  ["wrong config-file /etc/hub.yaml", { configFile: file("/etc/hub.yaml", { mode: 0o666 }) }],
  ["wrong config-file /etc/hub.yaml", { configFile: file("/etc/hub.yaml", { uid: 8 }) }],
  ["wrong broker-password --broker-url", { broker: { hasPassword: true, from: "--broker-url" } }],
  ["wrong broker-password hub.yaml:3", { broker: { hasPassword: true, from: "hub.yaml:3" } }],
  [
    "advice broker-password hub.yaml:3",
    { broker: { hasPassword: true, from: "hub.yaml:3" }, configFile: file("/etc/hub.yaml") },
  ],
  ["advice api-keys API key ann (K1)", { keys: [key({ expires_at: null })] }],
  ["advice api-keys API key ann (K1)", { keys: [key({ expires_at: timestamp(noon - 1) })] }],
  ["advice api-keys API key ann (K1)", { keys: [key({ last_used_at: timestamp(noon - 91 * day) })] }],
  ["advice root-key /data/keys/root.key", { hasRootKey: true }],
  ["wrong clock clock", { hubNow: noon + 60_000 }],
  ["wrong agent-clocks agent web-1", { agents: [{ ...agent, skew_ms: -31_000 }] }],
  ["advice agent-versions agent web-1", { agents: [{ ...agent, version: "0.9.0" }] }],
  ["wrong disk /data", { disk: { freeBytes: 1e8, totalBytes: 1e11 } }],
];

describe("what is weak", () => {
  test.each(cases)("%s", (expected, over) => {
    const found = weakSettings({ ...sound, ...over });
    expect(found.map(({ level, check, where }) => `${level} ${check} ${where}`)).toEqual([expected]);
    for (const { what, fix } of found) expect([what, fix].every((text) => text.length > 5)).toBe(true);
  });

  test.each<Partial<HubFacts>>([
    { broker: { hasPassword: true, from: "PETREL_BROKER_URL" } },
    { broker: { hasPassword: false, from: "--broker-url" } },
    { keys: [key({ enabled: false, expires_at: null })] },
    { agents: [{ ...agent, online: false, version: "0.9.0", skew_ms: 99_000 }] },
    { secrets: [file("/data/keys/root.key", { uid: 0 })] },
    { disk: null, configFile: null },
  ])("not %j", (over) => {
    expect(weakSettings({ ...sound, ...over })).toEqual([]);
  });

  test("is told with what is wrong first", () => {
    const found = weakSettings({ ...sound, dev: true, hubNow: noon + 60_000 });
    expect(found.map(({ level }) => level)).toEqual(["wrong", "advice"]);
  });
});

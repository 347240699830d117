import { expect, test } from "vitest";
import { HostPolicy, type PolicyRules } from "../../../../agent/policy/host-policy.ts";
import { PackRefusals, type RefusedSensor } from "../../../../agent/policy/pack-refusals.ts";
import { PolicyInForce, type PolicyReading } from "../../../../agent/policy/policy-in-force.ts";
import type { SensorStatus } from "../../../../agent/sensors/sensor-reports.ts";
import { PetrelError } from "../../../../shared/errors.ts";
import { type Logger, silentLogger } from "../../../../shared/log.ts";

const reading = (digest: string, rules: Partial<PolicyRules>): PolicyReading => ({
  path: "/etc/petrel/policy.yaml",
  digest,
  policy: new HostPolicy({ allow: {}, deny: {}, ...rules }),
});
const noShell = reading("sha256:1", { deny: { actions: ["core.local"] } });
const request = { action: "core.local", pack: "core", runner: "local-shell-cmd", runner_parameters: {} };

function inForce(first: PolicyReading | null) {
  let at = 1_000;
  const lines: { level: string; message: string; fields: unknown }[] = [];
  const line =
    (level: string): Logger["info"] =>
    (message, fields) =>
      void lines.push({ level, message, fields });
  const log: Logger = { ...silentLogger, info: line("info"), warn: line("warn"), error: line("error") };
  const disk: { now: PolicyReading | null | Error } = { now: first };
  const policy = new PolicyInForce({
    first,
    read: async () => {
      if (disk.now instanceof Error) throw disk.now;
      return disk.now;
    },
    userOf: () => "petrel",
    clock: { now: () => at, monotonic: () => at },
    log,
  });
  const changes = { count: 0 };
  policy.onChange(() => void changes.count++);
  const pass = (ms: number) => {
    at += ms;
  };
  return { policy, lines, disk, changes, pass };
}

test("without a file everything may be, and status says nothing", async () => {
  const { policy, changes } = inForce(null);
  expect(policy.refuses({ ...request, action: "x.y" })).toBe(null);
  expect([policy.digest, policy.status, policy.refused]).toEqual([null, null, {}]);
  expect(await policy.reload()).toBe(true);
  expect(changes.count).toBe(0);
});

test("a file that appears, changes, breaks, and goes", async () => {
  const { policy, disk, changes, lines } = inForce(null);
  disk.now = noShell;
  expect(await policy.reload()).toBe(true);
  expect(policy.refuses(request)?.code).toBe("HOST_REFUSED");
  expect(await policy.reload()).toBe(true);
  expect(changes.count).toBe(1);
  disk.now = new PetrelError("CONFIG_INVALID", "unknown name");
  expect(await policy.reload()).toBe(false);
  expect(policy.refuses(request)).not.toBe(null);
  expect(policy.status).toMatchObject({ digest: "sha256:1", problem: "CONFIG_INVALID: unknown name" });
  expect(lines.at(-1)).toMatchObject({ level: "error", message: expect.stringContaining("stays in force") });
  disk.now = null;
  expect(await policy.reload()).toBe(false);
  expect(policy.refuses(request)).not.toBe(null);
  expect(policy.status?.problem).toBe("the file is gone");
  disk.now = reading("sha256:2", {});
  expect(await policy.reload()).toBe(true);
  expect(policy.refuses(request)).toBe(null);
  expect(policy.status).toMatchObject({ digest: "sha256:2", problem: null });
  expect(changes.count).toBe(2);
});

test("a bad file where there was none before is told, and allows as before", async () => {
  const { policy, disk } = inForce(null);
  disk.now = new PetrelError("POLICY_UNSAFE", "others may write");
  expect(await policy.reload()).toBe(false);
  expect(policy.refuses(request)).toBe(null);
  expect(policy.status).toEqual({
    path: null,
    digest: null,
    since: null,
    problem: "POLICY_UNSAFE: others may write",
  });
  disk.now = null;
  expect(await policy.reload()).toBe(true);
  expect(policy.status).toBe(null);
});

test("a flood of refused requests is counted, and is a line of the log in a minute", () => {
  const { policy, lines, pass } = inForce(noShell);
  const before = lines.length;
  for (let i = 0; i < 10_000; i++)
    policy.refuses({ ...request, action: "core.local", runner_parameters: { i } });
  expect(lines.length - before).toBe(1);
  expect(policy.refused).toEqual({ actions: 10_000 });
  pass(60_000);
  policy.refuses(request);
  expect(lines.length - before).toBe(2);
  expect(lines.at(-1)).toMatchObject({ fields: { unlogged_before: 9_999 } });
});

test("a user that the settings refuse themselves is no matter of the policy", () => {
  const policy = new PolicyInForce({
    first: reading("sha256:1", { allow: { users: ["petrel"] } }),
    read: async () => null,
    userOf: () => {
      throw new PetrelError("RUN_AS_REFUSED", "no");
    },
    clock: { now: () => 0, monotonic: () => 0 },
    log: silentLogger,
  });
  expect(policy.refuses(request)).toBe(null);
});

const status = (over: Partial<SensorStatus>): SensorStatus => ({
  ...{ sensor: "p.A", state: "running", pid: 1, restarts: 0, last_error: null, since: "t", fingerprint: "f" },
  problem: null,
  ...over,
});

test("sensors that may not run are told once, also when their process stops for it, and again when they may", () => {
  const error = new PetrelError("HOST_REFUSED", "not here", { where: "deny.sensors" });
  const told: SensorStatus[] = [];
  let badPack: PetrelError | null = null;
  const refusals = new PackRefusals({
    policy: { digest: null, refusesPack: () => badPack, refusesSensor: () => null },
    report: (each) => void told.push(each),
    now: () => "t",
  });
  const refused: RefusedSensor[] = [{ sensor: "p.A", fingerprint: "f", error }];
  refusals.tellRefused(refused);
  refusals.tellRefused(refused);
  const text = "HOST_REFUSED: not here (deny.sensors)";
  expect(told).toEqual([status({ state: "failed", pid: null, last_error: text })]);
  refusals.report(status({ state: "stopped", pid: null }), 0);
  expect(told.at(-1)).toMatchObject({ state: "failed", last_error: text });
  refusals.tellRefused([]);
  expect(told.at(-1)).toMatchObject({ state: "stopped", last_error: null });
  expect(refusals.statuses()).toEqual([]);
  refusals.report(status({ state: "stopped", pid: null }), 0);
  expect(told.at(-1)).toMatchObject({ state: "stopped", last_error: null });
  badPack = error;
  refusals.report(status({ state: "stopped", pid: null }), 0);
  expect(told.at(-1)).toMatchObject({ state: "stopped", last_error: text });
});

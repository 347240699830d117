/** Parameters and results of any size through a real hub and agent, and output without end. */
import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Execution } from "../../../shared/model/execution.ts";
import type { Enforcement } from "../../../shared/model/rule.ts";
import { sharedByFile } from "../../support/at-end.ts";
import { agentReady, createAgent, createHub } from "../../support/fleet.ts";
import { executionsOf, packsRunning, tell, userOf } from "../../support/fleet-user.ts";
import { waitUntil } from "../../support/wait-until.ts";

const KiB = 1024;
const MiB = 1024 * KiB;
/** Of an entry, of a packet, of what an entry carries itself, of a blob. */
const limits = [96 * KiB, 128 * KiB, 256 * KiB, 16 * MiB];
/** `PETREL_LARGE_RUNS=200` looks longer. */
const runs = Number(process.env.PETREL_LARGE_RUNS ?? 4);

const shared = sharedByFile(async () => {
  const hub = await createHub();
  await hub.start();
  const agent = await createAgent(hub, "web-1");
  agent.start();
  const user = userOf(hub);
  await user.says("pack", "register", `${packsRunning}/chain`);
  await agentReady(hub, "web-1", ["chain", "core"]);
  return { hub, agent, user };
});

async function start(action: string, parameters: object): Promise<string> {
  const body = { action, parameters, target: { host: "web-1" } };
  const { items } = await shared().hub.api<{ items: Execution[] }>("POST", "/v1/executions", body);
  return items[0]?.id ?? "";
}

const get = (id: string) => shared().hub.api<Execution>("GET", `/v1/executions/${id}`);

/** With its result, which may come after its status. */
function ended(id: string): Promise<Execution> {
  return waitUntil(
    `result of ${id}`,
    async () => {
      const found = await get(id);
      return found.result !== null && found;
    },
    120_000,
    100,
  );
}

/** What a script that returned this leaves in the history. */
const resultText = (result: unknown) => JSON.stringify({ stdout: "", stderr: "", exit_code: 0, result });
const textOf = (bytes: number) => `<${"x".repeat(bytes - 2)}>`;

/** The size of a text with which the whole result, or all parameters, have so many bytes of JSON. */
const forResult = (bytes: number) => bytes - resultText({ text: "" }).length;
const forParameters = (bytes: number) => bytes - JSON.stringify({ text: "" }).length;

/** Whole and exact, or cut at the limit and marked. */
async function expectResult(bytes: number): Promise<void> {
  const { status, result, result_blob } = await ended(await start("chain.big", { bytes }));
  const text = resultText({ text: textOf(bytes) });
  const size = text.length;
  expect({ bytes, status }).toEqual({ bytes, status: "succeeded" });
  if (size > 16 * MiB) {
    expect(result_blob).toMatchObject({ size: 16 * MiB, truncated: true });
    expect(result === text.slice(0, 16 * MiB), `${bytes} bytes, cut`).toBe(true);
    return;
  }
  expect(result_blob).toEqual(size <= 96 * KiB ? null : { digest: expect.any(String), size });
  expect(JSON.stringify(result) === text, `${bytes} bytes, whole`).toBe(true);
}

/** Whole, or refused before anything is made of them. */
async function expectParameters(bytes: number): Promise<void> {
  const text = "y".repeat(bytes);
  if (bytes > forParameters(16 * MiB)) {
    const count = async () => (await shared().hub.all("/v1/executions")).length;
    const before = await count();
    await expect(start("chain.measure", { text })).rejects.toThrow(/PARAMETER_INVALID|API_BAD_REQUEST/);
    expect(await count()).toBe(before);
    return;
  }
  const { status, result } = await ended(await start("chain.measure", { text }));
  expect({ bytes, status }).toEqual({ bytes, status: "succeeded" });
  const sha256 = createHash("sha256").update(text).digest("hex");
  expect(result).toMatchObject({ result: { length: bytes, sha256 } });
}

/** From 2 bytes to 20 MiB, each doubling as likely as the next. */
const anySize = fc
  .double({ min: 1, max: Math.log2(20 * MiB), noNaN: true })
  .map((power) => Math.floor(2 ** power));

describe("of any size", () => {
  test("a result arrives whole, or cut at 16 MiB and marked", async () => {
    const edges = limits.flatMap((limit) => [limit, limit + 1].map((bytes) => forResult(bytes)));
    await Promise.all([2, ...edges].map(expectResult));
    await fc.assert(fc.asyncProperty(anySize, expectResult), { numRuns: runs });
  });

  test("parameters reach their action whole, or are refused beyond 16 MiB", async () => {
    const edges = limits.slice(0, 3).flatMap((limit) => [limit, limit + 1].map(forParameters));
    for (const bytes of [0, ...edges, forParameters(16 * MiB + 1)]) await expectParameters(bytes);
    await fc.assert(fc.asyncProperty(anySize, expectParameters), { numRuns: runs });
  });
});

test("a rule that makes a command too large for a request fails, and what comes after goes on", async () => {
  const { hub, agent, user } = shared();
  await user.rule(`
name: too_large
enabled: true
trigger: {type: chain.event}
criteria: {trigger.kind: {type: eq, pattern: twice}}
action: {ref: core.local, parameters: {cmd: "true {{ trigger.part }}{{ trigger.part }}"}}
`);
  await user.rule(`
name: after
enabled: true
trigger: {type: chain.event}
criteria: {trigger.kind: {type: eq, pattern: after}}
action: {ref: core.local, parameters: {cmd: "true"}}
`);
  await tell(agent, { kind: "twice", part: "x".repeat(100 * KiB) });
  await tell(agent, { kind: "after" });
  expect(await executionsOf(hub, "default.after")).toMatchObject([{ status: "succeeded" }]);
  const [failed] = await hub.all<Enforcement>("/v1/rule-enforcements?rule=default.too_large");
  expect(failed).toMatchObject({
    status: "failed",
    failure_reason: expect.stringMatching(/^PARAMETER_INVALID: the runner's parameters take 2\d{5} bytes/),
  });
});

test("results pass an action that writes without end, whose own result comes with what was kept", async () => {
  const flood = await start("core.local", { cmd: "yes; true", timeout: 600 });
  await waitUntil("the flood to run", async () => (await get(flood)).status === "running");
  for (let i = 0; i < 3; i++) await expectResult(forResult(300 * KiB));
  expect((await get(flood)).status).toBe("running");
  await shared().hub.api("DELETE", `/v1/executions/${flood}`);
  const { status, result } = await ended(flood);
  expect(status).toBe("canceled");
  const kept = result as { stdout: string; stdout_dropped_bytes: number };
  expect(kept.stdout.length).toBe(MiB - 1);
  expect(kept.stdout_dropped_bytes).toBeGreaterThan(MiB);
});

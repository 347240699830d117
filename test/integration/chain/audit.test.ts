/** The audit as an operator meets it: the steps behind a run, a head that was noted, and what was changed behind the hub's back. */
import { cpSync } from "node:fs";
import { join, resolve } from "node:path";
import { ClassicLevel } from "classic-level";
import { expect, onTestFinished, test } from "vitest";
import type { AuditHead, AuditTrace } from "../../../hub/audit/audit.ts";
import { sha256 } from "../../../hub/audit/chain.ts";
import { parseHead } from "../../../hub/audit/note-head.ts";
import { openLevelStore } from "../../../hub/store/level-store.ts";
import { silentLogger } from "../../../shared/log.ts";
import type { Execution } from "../../../shared/model/execution.ts";
import { systemClock, systemRandom } from "../../../shared/system-process.ts";
import { verifyAll } from "../../support/audit.ts";
import { createHub } from "../../support/fleet.ts";
import { userOf } from "../../support/fleet-user.ts";
import { runPetrel } from "../../support/run-petrel.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { waitUntil } from "../../support/wait-until.ts";

const hookRule = `
name: on_hook
enabled: true
trigger: {type: core.st2.webhook, parameters: {url: audited}}
action: {ref: core.echo, parameters: {message: "{{ trigger.body.text }}"}}
`;

interface Verification {
  readonly ok: boolean;
  readonly head: AuditHead;
  readonly problems: readonly { readonly fault: string; readonly id: string; readonly seq: number | null }[];
}

test("from a trigger to its result every step is told and holds; an edited record is found, also in a restored backup", async () => {
  const hub = await createHub({ args: ["--with-agent"] });
  await hub.start();
  const user = userOf(hub);
  await user.rule(hookRule);
  await hub.api("POST", "/v1/webhooks/audited", { text: "hello" });
  const run = await waitUntil("the run", async () => {
    const [found] = await user.json<Execution[]>("execution", "list", "--rule", "default.on_hook");
    return found?.status === "succeeded" ? found : null;
  });

  const trace = await user.json<AuditTrace>("audit", "trace", run.id);
  const steps = trace.steps.map(({ item, state }) => `${item.what} ${state}`);
  expect(trace).toMatchObject({ kind: "execution", verified: true });
  expect(steps.filter((step) => !step.endsWith("replaced"))).toEqual([
    "instance kept",
    "rule kept",
    "enforcement kept",
    "sent sent",
    "execution kept",
  ]);
  const { rule_digest: digest } = await user.json<{ rule_digest: string }>(
    "rule-enforcement",
    "get",
    run.enforcement ?? "",
  );
  const rule = trace.steps.find(({ item }) => item.what === "rule")?.item;
  expect(digest).toBe(`sha256:${rule?.what === "rule" ? rule.definition : ""}`);
  expect(await user.says("audit", "trace", run.trigger_instance ?? "")).toMatch(
    /trigger .*\n.*rule .*version 1/,
  );
  expect(await user.run("audit", "trace", "nothing")).toMatchObject({ code: 1 });
  expect(await user.run("audit", "verify", "--expect", "7")).toMatchObject({ code: 2 });

  const noted = (await user.says("audit", "head")).trim();
  expect(await user.json<Verification>("audit", "verify", "--expect", noted)).toMatchObject({ ok: true });
  const backup = join(await tempFolder("backup"), "backup");
  await user.says("backup", backup);
  await hub.stop();

  const level = new ClassicLevel<string, string>(join(hub.data, "store"));
  const key = `e/${run.id}`;
  const text = (await level.get(key)) ?? "";
  await level.put(key, text.replace("hello", "howdy"));
  await level.close();
  await hub.start();
  const failed = await user.run("audit", "verify", "--json");
  expect(failed.code).toBe(1);
  const found = JSON.parse(failed.stdout) as Verification;
  expect(found.problems).toMatchObject([{ fault: "edited", id: run.id, seq: expect.any(Number) }]);
  const shown = await user.run("audit", "verify");
  expect(shown).toMatchObject({ code: 1 });
  expect(shown.stdout).toContain(`execution ${run.id} is not what the hub wrote`);
  expect(shown.stdout).toContain("the audit does not hold: 1 problem");
  expect(await user.run("audit", "trace", run.id)).toMatchObject({ code: 1 });
  await hub.stop();

  // The backup is from before that, and is what was noted; whoever opens it goes on with its chain.
  const data = join(await tempFolder("restored"), "data");
  expect(await runPetrel(["restore", backup, "--data", data])).toMatchObject({ code: 0 });
  const restored = await openLevelStore({
    folder: join(data, "store"),
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
  });
  onTestFinished(() => restored.close());
  expect(await verifyAll(restored, parseHead(noted) ?? undefined)).toMatchObject({ problems: [] });
  const opened = (await restored.traceAudit("chain:"))?.steps ?? [];
  const incarnations = opened.map(({ item }) => (item.what === "opened" ? item.incarnation : ""));
  expect(incarnations.at(-1)).toBe(restored.incarnation);
  expect(new Set(incarnations).size).toBe(2);
});

test("a backup of a chain in both forms is restored as it was, with what was noted of either", async () => {
  const hub = await createHub();
  cpSync(resolve(import.meta.dirname, "../../fixtures/stores/hub-format-6"), join(hub.data, "store"), {
    recursive: true,
  });
  await hub.start();
  const user = userOf(hub);
  const old = await user.json<AuditTrace>("audit", "trace", "chain:");
  const [{ seq: last } = { seq: 0 }] = old.steps.slice(-1);
  const noted = (await user.says("audit", "head")).trim();
  expect(await user.json<Verification>("audit", "verify", "--expect", noted)).toMatchObject({ ok: true });
  const backup = join(await tempFolder("backup"), "backup");
  await user.says("backup", backup);
  await hub.stop();

  const data = join(await tempFolder("restored"), "data");
  expect(await runPetrel(["restore", backup, "--data", data])).toMatchObject({ code: 0 });
  const folder = join(data, "store");
  const level = new ClassicLevel<string, string>(folder);
  const texts = await level.values({ gte: "ac/", lt: "ac0" }).all();
  await level.close();
  expect(texts.slice(0, last - 1).every((text) => text.startsWith('{"v":1,'))).toBe(true);
  expect(texts.slice(last - 1).every((text) => text.startsWith("[2,"))).toBe(true);
  const [text = ""] = texts.slice(last - 2);
  const ofOld = { seq: last - 1, hash: sha256(text) };
  const restored = await openLevelStore({
    folder,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
  });
  onTestFinished(() => restored.close());
  for (const head of [ofOld, parseHead(noted) ?? undefined])
    expect(await verifyAll(restored, head)).toMatchObject({ problems: [] });
});

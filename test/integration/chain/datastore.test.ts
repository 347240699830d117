/** The datastore from the command line to rules and actions: secrets, users, changes, and the loop guard on them. */
import { writeFile } from "node:fs/promises";
import { expect, test } from "vitest";
import type { KeyView } from "../../../hub/datastore/key-view.ts";
import type { Enforcement } from "../../../shared/model/rule.ts";
import type { TriggerInstance } from "../../../shared/model/trigger.ts";
import { sharedByFile } from "../../support/at-end.ts";
import { agentReady, createHub } from "../../support/fleet.ts";
import { executionsOf, packsRunning, userOf } from "../../support/fleet-user.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { waitUntil } from "../../support/wait-until.ts";

/** Each test has keys and rules of its own. */
const hubWithAgent = sharedByFile(async () => {
  const hub = await createHub({ args: ["--with-agent"] });
  await hub.start();
  await agentReady(hub, "hub");
  return { hub, user: userOf(hub) };
});

test("a rule decrypts a secret where it says so, and is told of changes without what they say", async () => {
  const { hub, user } = hubWithAgent();
  await user.rule(`
name: on_change
enabled: true
trigger: {type: core.st2.key_value_pair.value_change}
criteria:
  trigger.new_object.name: {type: equals, pattern: pw}
action:
  ref: core.echo
  parameters:
    message: "{{ trigger.new_object.value }} {{ st2kv.system.pw | decrypt_kv }} {{ st2kv.user.colour }}"
`);
  await user.says("key", "set", "colour", "red", "--scope", "user", "--user", "stanley");
  await user.says("key", "set", "pw", "hunter1", "--encrypt");
  // The same again is no change of its value.
  await user.says("key", "set", "pw", "hunter1", "--encrypt");
  await user.says("key", "set", "pw", "hunter2", "--encrypt");
  const [execution] = await executionsOf(hub, "default.on_change");
  expect(execution).toMatchObject({ result: { stdout: "******** hunter2 red" } });
  expect(await executionsOf(hub, "default.on_change")).toHaveLength(1);
  const instances = await hub.all<TriggerInstance>("/v1/trigger-instances");
  expect(JSON.stringify(instances)).not.toMatch(/hunter\d/);

  // What a template cannot do with a secret is told without what it is.
  await user.rule(`
name: on_delete
enabled: true
trigger: {type: core.st2.key_value_pair.delete}
criteria:
  trigger.object.name: {type: equals, pattern: pw}
action:
  ref: core.echo
  parameters: {message: "{{ st2kv.system.other | decrypt_kv | int + 'x' }}"}
`);
  await user.says("key", "set", "other", "hunter3", "--encrypt");
  await user.says("key", "delete", "pw");
  const [failed] = await waitUntil("the failed enforcement", async () => {
    const found = await hub.all<Enforcement>("/v1/rule-enforcements?rule=default.on_delete");
    return found.length > 0 && found;
  });
  expect(failed).toMatchObject({ status: "failed" });
  expect(failed?.failure_reason).toContain("parameter 'message'");
  expect(JSON.stringify(failed)).not.toContain("hunter3");
}, 120_000);

test("an action that sets the key which its rule waits for is not called again by that", async () => {
  const { hub, user } = hubWithAgent();
  await user.says("pack", "register", `${packsRunning}/chain`);
  await agentReady(hub, "hub", ["chain"]);
  await user.rule(`
name: echoing
enabled: true
trigger: {type: core.st2.key_value_pair.value_change}
criteria:
  trigger.new_object.name: {type: equals, pattern: chain.shared}
action:
  ref: chain.keys
  parameters: {value: "{{ trigger.new_object.value }} again"}
`);
  await user.says("key", "set", "chain.shared", "1");
  await user.says("key", "set", "chain.shared", "2");
  const enforcements = await waitUntil("the loop guard", async () => {
    const found = await hub.all<Enforcement>("/v1/rule-enforcements?rule=default.echoing");
    return found.length >= 2 && found;
  });
  expect(enforcements.map(({ status }) => status).sort()).toEqual(["failed", "succeeded"]);
  expect(enforcements.find(({ status }) => status === "failed")?.failure_reason).toContain("LOOP_GUARD");
  expect(await user.json<KeyView>("key", "get", "chain.shared")).toMatchObject({ value: "2 again" });
}, 120_000);

test("keys are loaded from what was listed, deleted by prefix, and refused all together", async () => {
  const { user } = hubWithAgent();
  await user.says("key", "set", "old.a", "1", "--ttl", "3600");
  await user.says("key", "set", "old.b", "hunter2", "--encrypt");
  await user.says("key", "set", "old.c", "3", "--scope", "user", "--user", "joe");
  const listed = await user.says("key", "list", "--scope", "all", "--prefix", "old.", "--decrypt", "--json");
  expect(await user.says("key", "delete_by_prefix", "-p", "old.")).toBe("2 keys are gone\n");
  expect(await user.json("key", "list", "--prefix", "old.")).toEqual([]);
  const folder = await tempFolder();
  await writeFile(`${folder}/keys.json`, listed);
  expect(await user.says("key", "load", `${folder}/keys.json`)).toBe("3 keys are set\n");
  expect(await user.json("key", "get", "old.b", "--decrypt")).toMatchObject({
    value: "hunter2",
    secret: true,
  });
  await writeFile(`${folder}/bad.yaml`, "- {name: new, value: '1'}\n- {name: number, value: 5}\n");
  const refused = await user.run("key", "load", `${folder}/bad.yaml`);
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining("key 2 (number)") });
  expect((await user.run("key", "get", "new")).code).not.toBe(0);
}, 120_000);

test("a pack's configuration names keys: its sensors start again with the value of now", async () => {
  const { hub, user } = hubWithAgent();
  await user.says("key", "set", "sensors.life", "first", "--encrypt");
  const refused = await user.run(
    "pack",
    "register",
    `${packsRunning}/sensor_keys`,
    "--set",
    "life={{ st2kv. }}",
  );
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining("config (life)") });
  const config = "life={{ st2kv.system.sensors.life | decrypt_kv }}";
  await user.says("pack", "register", `${packsRunning}/sensor_keys`, "--set", config);
  const lives = async (life: string) =>
    waitUntil(`both sensors in their ${life} life`, async () => {
      const all = await hub.all<TriggerInstance>("/v1/trigger-instances?trigger=sensor_keys.found");
      return all.filter(({ payload }) => (payload as { life?: string }).life === life).length === 2;
    });
  await lives("first");
  await user.says("key", "set", "sensors.life", "second", "--encrypt");
  await lives("second");
  // What people see is the template.
  expect(await user.says("pack", "config", "sensor_keys")).toContain("decrypt_kv");
  await user.says("key", "delete", "sensors.life");
  const told = await waitUntil("it to be said why", async () => {
    const { items } = await hub.api<{ items: readonly { detail: string | null }[] }>(
      "GET",
      "/v1/packs/sensor_keys/agents",
    );
    return items.find(({ detail }) => detail?.includes("life"));
  });
  expect(told.detail).toContain("attribute 'life'");
  const sensors = await user.json<readonly { sensor: string; state: string }[]>("sensor", "list");
  const own = sensors.filter(({ sensor }) => sensor.startsWith("sensor_keys."));
  expect(own.map(({ state }) => state)).toEqual(["running", "running"]);
}, 120_000);

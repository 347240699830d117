/** Rules on changes of datastore keys: exactly once past kill -9 of the hub. */
import { expect, test } from "vitest";
import type { KeyView } from "../../hub/datastore/key-view.ts";
import type { TriggerInstance } from "../../shared/model/trigger.ts";
import { agentReady, createHub } from "../support/fleet.ts";
import { executionsOf, userOf } from "../support/fleet-user.ts";

test("each key that was made is told once, though the hub is killed meanwhile, and no secret is", async () => {
  const hub = await createHub({ args: ["--with-agent"] });
  await hub.start();
  await agentReady(hub, "hub");
  const user = userOf(hub);
  await user.rule(`
name: after_key
enabled: true
trigger: {type: core.st2.key_value_pair.create}
action:
  ref: core.echo
  parameters: {message: "{{ trigger.object.name }} {{ trigger.object.value }}"}
`);
  const set = (name: string) => user.run("key", "set", name, `s3cret-${name}`, "--encrypt", "--wait", "0");
  expect((await set("first")).code).toBe(0);
  const begun = Array.from({ length: 8 }, (_, n) => set(`key-${n}`));
  await executionsOf(hub, "default.after_key", 2);
  await hub.kill();
  await Promise.all(begun);
  await hub.start();
  await agentReady(hub, "hub");
  expect((await set("last")).code).toBe(0);
  const kept = await user.json<readonly KeyView[]>("key", "list", "--decrypt");
  for (const { name, value } of kept) expect(value).toBe(`s3cret-${name}`);
  const followed = await executionsOf(hub, "default.after_key", kept.length);
  const said = followed.map(({ result }) => (result as { stdout: string }).stdout.trim()).sort();
  expect(said).toEqual(kept.map(({ name }) => `${name} ********`).sort());
  const told = await hub.all<TriggerInstance>("/v1/trigger-instances?trigger=core.st2.key_value_pair.create");
  expect(told).toHaveLength(kept.length);
  expect(JSON.stringify(told)).not.toContain("s3cret");
}, 120_000);

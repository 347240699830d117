/** What people change while everything runs: it counts from the answer on, and touches nothing else. */
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { SensorRecord } from "../../../shared/model/agent.ts";
import type { Execution } from "../../../shared/model/execution.ts";
import type { Enforcement } from "../../../shared/model/rule.ts";
import type { TriggerInstance } from "../../../shared/model/trigger.ts";
import { sharedByFile } from "../../support/at-end.ts";
import { agentReady, createHub } from "../../support/fleet.ts";
import { executionsOf, packsRunning, sensorsRun, tell, userOf } from "../../support/fleet-user.ts";
import { isAlive } from "../../support/home-processes.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { waitUntil } from "../../support/wait-until.ts";

const shared = sharedByFile(async () => {
  const hub = await createHub({ args: ["--with-agent"] });
  await hub.start();
  const user = userOf(hub);
  await user.says("pack", "register", `${packsRunning}/chain`);
  await agentReady(hub, "hub", ["chain", "core"]);
  return { hub, user };
});

const echo = (name: string, message: string, enabled = true) => `
name: ${name}
enabled: ${enabled}
trigger: {type: chain.event}
criteria:
  trigger.kind: {type: eq, pattern: ${name}}
action:
  ref: core.echo
  parameters: {message: "${message}"}
`;

/** Tells a trigger of this kind and waits until it is judged. */
async function happen(kind: string, more: object = {}): Promise<TriggerInstance> {
  const { hub } = shared();
  const mark = Math.random();
  await tell(hub, { kind, mark, ...more });
  return waitUntil("the trigger to be judged", async () => {
    const instances = await hub.all<TriggerInstance>("/v1/trigger-instances?trigger=chain.event");
    return instances.find(({ payload }) => JSON.stringify(payload).includes(`"mark":${mark}`));
  });
}

const startedFor = async (instance: TriggerInstance) =>
  (await shared().hub.all<Execution>(`/v1/executions?trigger_instance=${instance.id}`)).map(
    ({ parameters }) => parameters.message,
  );

describe("a rule", () => {
  test("counts, changes, rests and goes at once", async () => {
    const { user } = shared();
    const folder = await tempFolder();
    const file = join(folder, "rule.yaml");
    await user.rule(echo("turned", "first", false));
    expect(await startedFor(await happen("turned"))).toEqual([]);
    await user.says("rule", "enable", "default.turned");
    expect(await startedFor(await happen("turned"))).toEqual(["first"]);
    await writeFile(file, echo("turned", "second {{ trigger.mark > 0 }}"));
    await user.says("rule", "update", "default.turned", file);
    expect(await startedFor(await happen("turned"))).toEqual(["second True"]);
    await user.says("rule", "disable", "default.turned");
    expect(await startedFor(await happen("turned"))).toEqual([]);
    await user.says("rule", "enable", "default.turned");
    await user.says("rule", "delete", "default.turned");
    expect(await startedFor(await happen("turned"))).toEqual([]);
    const gone = await user.run("rule", "get", "default.turned");
    expect([gone.code, gone.stderr.split(":")[0]]).toEqual([1, "NOT_FOUND"]);
  });

  test("that was missing when something happened takes it when it is emitted again", async () => {
    const { user, hub } = shared();
    const instance = await happen("again");
    expect(await startedFor(instance)).toEqual([]);
    await user.rule(echo("again", "now"));
    const again = await user.json<TriggerInstance>("trigger-instance", "re-emit", instance.id);
    expect(again).toMatchObject({ re_emit_of: instance.id, payload: instance.payload, status: "processed" });
    expect(await executionsOf(hub, "default.again")).toMatchObject([
      { trigger_instance: again.id, status: "succeeded", result: { stdout: "now" } },
    ]);
  });

  test("that cannot be rendered leaves a failed execution that says why, and the others run", async () => {
    const { user, hub } = shared();
    await user.rule(echo("broken", "{{ trigger.nothing.here }}"));
    await user.rule(echo("broken", "fine").replace("name: broken", "name: unbroken"));
    const instance = await happen("broken");
    const [failed] = await executionsOf(hub, "default.broken");
    expect(failed).toMatchObject({
      status: "failed",
      reason: expect.stringMatching(/^EXPRESSION_UNDEFINED: /),
    });
    expect(await executionsOf(hub, "default.unbroken")).toMatchObject([{ status: "succeeded" }]);
    const enforcements = await hub.all<Enforcement>(`/v1/rule-enforcements?trigger_instance=${instance.id}`);
    expect(new Map(enforcements.map((enforcement) => [enforcement.rule, enforcement.status]))).toEqual(
      new Map([
        ["default.broken", "failed"],
        ["default.unbroken", "succeeded"],
      ]),
    );
  });
});

describe("a trigger", () => {
  test("of a type that says drop is kept as failed with its reason when its payload does not fit", async () => {
    const { hub } = shared();
    await tell(hub, { n: "one" }, { trigger: "chain.strict" });
    await tell(hub, { n: 1 }, { trigger: "chain.strict", traceTag: "mine" });
    const instances = await waitUntil("both", async () => {
      const found = await hub.all<TriggerInstance>("/v1/trigger-instances?trigger=chain.strict");
      return found.length === 2 ? found : null;
    });
    expect(instances).toMatchObject([
      { status: "processing_failed", reason: expect.stringMatching(/^TRIGGER_PAYLOAD: .*n/) },
      { status: "processed", reason: null, trace_tag: "mine" },
    ]);
  });
});

async function sensor(name: string): Promise<SensorRecord | undefined> {
  return (await shared().hub.all<SensorRecord>("/v1/sensors")).find((record) => record.sensor === name);
}

/** Without the command line in between: as soon as the hub has answered. */
async function runGreet(pack: string): Promise<Execution> {
  const { hub } = shared();
  const parameters = { value: 1, count: 2 };
  const body = { action: `${pack}.greet`, parameters };
  const { items } = await hub.api<{ items: Execution[] }>("POST", "/v1/executions", body);
  return waitUntil("the execution to end", async () => {
    const execution = await hub.api<Execution>("GET", `/v1/executions/${items[0]?.id}`);
    return execution.end_timestamp === null ? null : execution;
  });
}

describe("a pack", () => {
  test("that is configured restarts its own sensors and no other, and its actions see it at once", async () => {
    const { user, hub } = shared();
    const place = await tempFolder();
    await user.says("pack", "create", "neighbor", "--dir", place);
    await user.says("pack", "register", join(place, "neighbor"));
    await sensorsRun(hub, "neighbor.TickSensor", "chain.Spool");
    const before = { own: await sensor("chain.Spool"), other: await sensor("neighbor.TickSensor") };

    for (const greeting of ["hello", "salut", "hola"]) {
      await hub.api("PATCH", "/v1/packs/chain/config", { greeting });
      expect(await runGreet("chain")).toMatchObject({
        status: "succeeded",
        result: { result: { greeting } },
      });
    }
    await waitUntil("the sensor of the pack to be another process", async () => {
      const now = await sensor("chain.Spool");
      return now?.state === "running" && now.pid !== before.own?.pid;
    });
    expect(await sensor("neighbor.TickSensor")).toMatchObject({ state: "running", pid: before.other?.pid });
    expect(await user.json("pack", "config", "chain")).toEqual({ greeting: "hola" });
  });

  test("that was just registered runs with its configuration, though its contents are still on their way", async () => {
    const { hub } = shared();
    const manifest = "name: fresh\ndescription: d\nversion: 1.0.0\nauthor: a\n";
    const action = (name: string) => readFile(join(packsRunning, "chain/actions", name), "utf8");
    // Each version is another one to fetch.
    for (const version of ["1", "2", "3"]) {
      const files = {
        "pack.yaml": manifest,
        "README.md": version,
        "actions/greet.yaml": await action("greet.yaml"),
        "actions/greet.ts": await action("greet.ts"),
        "package.json": '{"type": "module"}',
      };
      await hub.api("POST", "/v1/packs", {
        files: Object.entries(files).map(([path, text]) => ({
          path,
          content: Buffer.from(text).toString("base64"),
        })),
        config: { greeting: `v${version}` },
      });
      expect(await runGreet("fresh")).toMatchObject({ result: { result: { greeting: `v${version}` } } });
    }
  });

  test("that is registered anew brings its new rules and takes back those it no longer has", async () => {
    const { user } = shared();
    const place = await tempFolder();
    const folder = join(place, "changing");
    await user.says("pack", "create", "changing", "--dir", place);
    await user.says("pack", "register", folder);
    const first = await readFile(join(folder, "rules/note_ticks.yaml"), "utf8");
    await writeFile(join(folder, "rules/other.yaml"), first.replace("note_ticks", "other"));
    await rm(join(folder, "rules/note_ticks.yaml"));
    await user.says("pack", "register", folder);
    const rules = await user.json<{ ref: string; pack: string }[]>("rule", "list");
    expect(rules.filter(({ pack }) => pack === "changing").map(({ ref }) => ref)).toEqual(["changing.other"]);
    await user.says("pack", "remove", "changing");
  });

  test("that is removed stops its sensor and takes its rules, actions and triggers away", async () => {
    const { user } = shared();
    const place = await tempFolder();
    await user.says("pack", "create", "leaving", "--dir", place);
    await user.says("pack", "register", join(place, "leaving"));
    await sensorsRun(shared().hub, "leaving.TickSensor");
    const pid = (await sensor("leaving.TickSensor"))?.pid ?? 0;
    expect(await user.says("pack", "remove", "leaving")).toBe("leaving is gone\n");
    await waitUntil("the sensor's process to end", () => !isAlive(pid));
    for (const noun of ["rule", "action", "trigger", "pack"]) {
      const text = await user.says(noun, "list", "--json");
      expect([noun, text.includes("leaving")]).toEqual([noun, false]);
    }
    await waitUntil(
      "the hub to forget the sensor",
      async () => (await sensor("leaving.TickSensor")) === undefined,
    );
    const refused = await user.run("run", "leaving.note", "text=x");
    expect([refused.code, refused.stderr.split(":")[0]]).toEqual([1, "NOT_FOUND"]);
  });
});

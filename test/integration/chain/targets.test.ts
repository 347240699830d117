/** Where a rule's action runs, and whether it still does: two agents with labels beside the hub's own. */
import { describe, expect, test } from "vitest";
import type { AgentRecord } from "../../../shared/model/agent.ts";
import type { Execution } from "../../../shared/model/execution.ts";
import type { Enforcement } from "../../../shared/model/rule.ts";
import { sharedByFile } from "../../support/at-end.ts";
import { agentReady, createAgent, createHub } from "../../support/fleet.ts";
import { executionsOf, packsRunning, tell, userOf } from "../../support/fleet-user.ts";
import { waitUntil } from "../../support/wait-until.ts";

const shared = sharedByFile(async () => {
  const hub = await createHub({ args: ["--with-agent"] });
  await hub.start();
  const one = await createAgent(hub, "web-1", ["role=web", "site=berlin"]);
  const two = await createAgent(hub, "web-2", ["role=web", "site=paris"]);
  one.start();
  two.start();
  const user = userOf(hub);
  await user.says("pack", "register", `${packsRunning}/chain`);
  for (const id of ["hub", "web-1", "web-2"]) await agentReady(hub, id, ["chain", "core"]);
  return { hub, user, one, two };
});

/** A rule on events of this kind, with an action that says who it is. */
function rule(kind: string, more: { target?: string; rest?: string } = {}): string {
  const target = more.target === undefined ? "" : `\n  target: ${more.target}`;
  return `
name: ${kind}
enabled: true
trigger: {type: chain.event}
criteria:
  trigger.kind: {type: equals, pattern: ${kind}}
action:
  ref: chain.greet
  parameters: {value: "{{ origin.agent }} {{ origin.labels.site | default('none') }}"}${target}
${more.rest ?? ""}`;
}

const agentsOf = (executions: readonly Execution[]) => executions.map(({ agent }) => agent).sort();

describe("action.target", () => {
  test.for<[kind: string, target: string | undefined, agents: string[]]>([
    ["nothing_said", undefined, ["web-1"]],
    ["origin", "origin", ["web-1"]],
    ["the_hub", "hub", ["hub"]],
    ["a_host", "{host: web-2}", ["web-2"]],
    ["a_templated_host", '{host: "{{ trigger.host }}"}', ["web-2"]],
    ["labels_all", "{labels: {role: web}}", ["web-1", "web-2"]],
    ["labels_any", "{labels: {role: web}, mode: any}", ["web-1"]],
    ["labels_limit", "{labels: {role: web}, limit: 1}", ["web-1"]],
    ["one_label", "{labels: {role: web, site: paris}}", ["web-2"]],
  ])("%s", async ([kind, target, agents]) => {
    const { hub, user, one } = shared();
    await user.rule(rule(kind, target === undefined ? {} : { target }));
    await tell(one, { kind, host: "web-2" });
    const executions = await executionsOf(hub, `default.${kind}`, agents.length);
    expect(agentsOf(executions)).toEqual(agents);
    for (const execution of executions) {
      expect(execution).toMatchObject({
        status: "succeeded",
        result: { result: { value: "web-1 berlin" } },
        user: "stanley",
      });
    }
  });

  test("labels with a batch: one execution goes from agent to agent", async () => {
    const { hub, user, one } = shared();
    await user.rule(rule("batches", { target: "{labels: {role: web}, batch: 1}" }));
    await tell(one, { kind: "batches" });
    const all = await executionsOf(hub, "default.batches", 3);
    expect(all.map(({ agent, status }) => [agent, status])).toEqual(
      expect.arrayContaining([
        ["*", "succeeded"],
        ["web-1", "succeeded"],
        ["web-2", "succeeded"],
      ]),
    );
    const [parent] = all.filter(({ fan_out }) => fan_out !== undefined);
    const [enforcement] = await enforcementsOf("default.batches");
    expect(enforcement?.executions).toEqual([parent?.id]);
    for (const child of all.filter((each) => each.parent !== undefined)) {
      expect(child).toMatchObject({
        parent: parent?.id,
        trigger_instance: parent?.trigger_instance,
        result: { result: { value: "web-1 berlin" } },
      });
    }
  });

  test("labels that nobody has make a failed enforcement that says so, and no execution", async () => {
    const { hub, user, one } = shared();
    await user.rule(rule("nobody", { target: "{labels: {role: db}}" }));
    await tell(one, { kind: "nobody" });
    const [enforcement] = await enforcementsOf("default.nobody");
    expect(enforcement).toMatchObject({
      status: "failed",
      failure_reason: "RULE_TARGET: no agent has the labels role=db",
      executions: [],
    });
    expect(await hub.all("/v1/executions?rule=default.nobody")).toEqual([]);
  });
});

function enforcementsOf(ref: string): Promise<readonly Enforcement[]> {
  const { hub } = shared();
  return waitUntil(`an enforcement of ${ref}`, async () => {
    const found = await hub.all<Enforcement>(`/v1/rule-enforcements?rule=${ref}`);
    return found.length > 0 ? found : null;
  });
}

describe("origin", () => {
  test("criteria see the labels of the agent that told", async () => {
    const { hub, user, one, two } = shared();
    const criteria =
      "  origin.labels.site: {type: equals, pattern: paris}\n  origin.agent: {type: startswith, pattern: web-}";
    await user.rule(rule("from_paris").replace("action:\n", `${criteria}\naction:\n`));
    await user.rule(rule("from_anywhere").replace("pattern: from_anywhere", "pattern: from_paris"));
    await tell(one, { kind: "from_paris" });
    await executionsOf(hub, "default.from_anywhere", 1);
    await tell(two, { kind: "from_paris" });
    expect(agentsOf(await executionsOf(hub, "default.from_anywhere", 2))).toEqual(["web-1", "web-2"]);
    const [execution, ...more] = await executionsOf(hub, "default.from_paris");
    expect([execution?.agent, execution?.result, more]).toMatchObject([
      "web-2",
      { result: { value: "web-2 paris" } },
      [],
    ]);
  });

  test("origins of a rule let only agents with these labels count", async () => {
    const { hub, user, one, two } = shared();
    await user.rule(rule("canary", { rest: "origins: {labels: {site: paris}}" }));
    await tell(one, { kind: "canary" });
    await tell(two, { kind: "canary" });
    const executions = await executionsOf(hub, "default.canary");
    await waitUntil("both are there", async () => (await instancesOf("canary")).length === 2);
    expect(agentsOf(executions)).toEqual(["web-2"]);
    expect(await hub.all("/v1/executions?rule=default.canary")).toHaveLength(1);
  });
});

async function instancesOf(kind: string) {
  const instances = await shared().hub.all<{ status: string; payload: { kind?: string } }>(
    "/v1/trigger-instances",
  );
  return instances.filter(({ payload, status }) => payload.kind === kind && status === "processed");
}

test("shadow: what would have been done is on record, and nothing is", async () => {
  const { hub, user, one } = shared();
  await user.rule(rule("shadowed", { rest: "mode: shadow" }));
  await tell(one, { kind: "shadowed" });
  expect(await enforcementsOf("default.shadowed")).toMatchObject([
    { status: "succeeded", shadow: true, executions: [] },
  ]);
  expect(await hub.all("/v1/executions?rule=default.shadowed")).toEqual([]);
});

test("labels set by hand count at once, over those the agent reports, and hide them", async () => {
  const { user, two } = shared();
  expect(await user.says("agent", "label", "web-1", "role=db", "canary=yes", "site-")).toBe(
    "web-1: canary=yes role=db\n",
  );
  try {
    const ran = await user.json<Execution[]>("run", "chain.greet", "--labels", "canary=yes");
    expect(agentsOf(ran)).toEqual(["web-1"]);
    expect(agentsOf(await user.json<Execution[]>("run", "chain.greet", "--labels", "role=web"))).toEqual([
      "web-2",
    ]);
    // What it reports when it comes again does not undo what was set.
    await two.stop();
    await user.says("agent", "label", "web-2", "role=cache");
    two.start();
    await agentReady(shared().hub, "web-2", ["chain", "core"]);
    expect(await user.json<AgentRecord>("agent", "get", "web-2")).toMatchObject({
      labels: { role: "cache", site: "paris" },
    });
  } finally {
    await user.says("agent", "label", "web-1", "role=web", "canary-", "site=berlin");
    await user.says("agent", "label", "web-2", "role=web");
  }
});

test("an agent that is away gets its request when it comes back; one that is too late is not run", async () => {
  const { hub, user, one, two } = shared();
  await user.rule(rule("for_later", { target: "{host: web-2}" }));
  await user.rule(
    rule("too_late", { target: "{host: web-2}", rest: "expires: 1" }).replace(
      "pattern: too_late",
      "pattern: for_later",
    ),
  );
  await two.stop();
  await waitUntil("the hub sees it go", async () => {
    const { online } = await user.json<AgentRecord>("agent", "get", "web-2");
    return !online;
  });
  const sensors = await user.json<{ agent: string; agent_online: boolean }[]>("sensor", "list");
  expect(sensors.map(({ agent, agent_online }) => [agent, agent_online])).toEqual([
    ["hub", true],
    ["web-1", true],
    ["web-2", false],
  ]);
  expect(await user.says("sensor", "list")).toMatch(/^chain\.Spool +web-2 .*agent is away/m);
  await tell(one, { kind: "for_later" });
  const waiting = await waitUntil("both requests", async () => {
    const found = await hub.all<Execution>("/v1/executions?agent=web-2&status=scheduled");
    return found.length === 2 ? found : null;
  });
  const expires = waiting.find((execution) => execution.rule === "default.too_late")?.expires_at ?? "";
  await waitUntil("its time is over", () => Date.now() > Date.parse(expires) + 100);
  two.start();
  expect(await executionsOf(hub, "default.for_later")).toMatchObject([
    { agent: "web-2", status: "succeeded", result: { result: { value: "web-1 berlin" } } },
  ]);
  expect(await executionsOf(hub, "default.too_late")).toMatchObject([
    { agent: "web-2", status: "timeout", reason: "expired", start_timestamp: null },
  ]);
});

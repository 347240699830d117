/**
 * Upgrades of a fleet from its hub: real agents that are installed and enrolled, the real way of the bytes, and a
 * supervisor that stands for systemd. Hub and agents are killed in the midst of it.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { RolloutAgentView, RolloutView } from "../../hub/upgrades/rollout-desk.ts";
import type { AgentRecord } from "../../shared/model/agent.ts";
import { version } from "../../shared/version.ts";
import { sharedByFile } from "../support/at-end.ts";
import { agentIs, enrolledAgent, newToken } from "../support/enrolled-agent.ts";
import { createHub, type TestHub } from "../support/fleet.ts";
import { userOf } from "../support/fleet-user.ts";
import { agentBinary, installedAgent } from "../support/installed-agent.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { waitUntil } from "../support/wait-until.ts";

const next = "9.1.0";
const worse = "9.2.0";

const fleet = sharedByFile(async () => {
  const hub = await createHub({ dev: false });
  await hub.start();
  const binary = await agentBinary(version);
  const good = await agentBinary(next);
  const bad = await agentBinary(worse, { exits: 3 });
  const policy = join(await tempFolder("policy"), "policy.yaml");
  await writeFile(policy, "allow: {upgrades: false}\n", { mode: 0o644 });
  const [one, two, three] = await Promise.all([
    installedAgent(hub, "web-1", binary, { labels: ["role=web"] }),
    installedAgent(hub, "web-2", binary, { labels: ["role=web"] }),
    installedAgent(hub, "web-3", binary, { labels: ["role=web"] }),
    installedAgent(hub, "shut", binary, { env: { PETREL_AGENT_POLICY: policy } }),
  ]);
  const loose = await enrolledAgent(hub, "loose");
  await loose.enroll(await newToken(hub));
  loose.start();
  for (const id of ["web-1", "web-2", "web-3", "shut", "loose"]) await agentIs(hub, id, true);
  return { hub, one, two, three, good, bad, user: userOf(hub) };
});

const rolloutOf = (hub: TestHub, id: string) => hub.api<RolloutView>("GET", `/v1/agent-rollouts/${id}`);
const agentsOf = (hub: TestHub, id: string) => hub.all<RolloutAgentView>(`/v1/agent-rollouts/${id}/agents`);
const versionsOf = async (hub: TestHub) => {
  const agents = await hub.all<AgentRecord>("/v1/agents");
  return Object.fromEntries(agents.map(({ id, version: runs }) => [id, runs]));
};
/** Waits until the agents of a rollout are as `test` wants them. */
const seen = (
  hub: TestHub,
  id: string,
  what: string,
  test: (agents: readonly RolloutAgentView[]) => boolean,
) =>
  waitUntil(what, async () => {
    const agents = await agentsOf(hub, id);
    const shown = agents.map(({ agent, state, code, reason }) => ({ agent, state, code, reason }));
    // Nothing comes after these: the test need not wait for what cannot be.
    expect(shown.filter(({ state }) => state === "failed" || state === "rolled_back")).toEqual([]);
    if (test(agents)) return agents;
    throw new Error(JSON.stringify(shown));
  });

describe("a rollout, beside supervisors that stand for systemd", () => {
  test("is refused where it cannot be, and by a host that does not want it", async () => {
    const { hub, good, user } = fleet();
    const nothing = await user.run("agent", "upgrade", "web-1", "--version", next);
    expect([nothing.code, nothing.stderr]).toEqual([1, expect.stringContaining("RELEASE_UNKNOWN")]);
    await user.says("agent", "release", "add", good);
    const ended = await user.run(
      "agent",
      "upgrade",
      "loose",
      "shut",
      "--version",
      next,
      "--batch",
      "2",
      "--settle",
      "0s",
      "--json",
    );
    expect(ended).toMatchObject({ code: 1, stderr: "" });
    const rollout = JSON.parse(ended.stdout) as RolloutView & { agents: RolloutAgentView[] };
    expect(rollout).toMatchObject({ state: "done", counts: { refused: 2 } });
    expect(rollout.agents).toMatchObject([
      { agent: "loose", state: "refused", code: "NOT_INSTALLED" },
      { agent: "shut", state: "refused", code: "HOST_REFUSED" },
    ]);
    expect(await versionsOf(hub)).toMatchObject({ loose: version, shut: version });
  });

  test("says what to do on a host whose database the new version would change, and touches nothing", async () => {
    const { hub, user, three } = fleet();
    const changing = await agentBinary("9.3.0", { storeFormat: 9 });
    const ended = await user.run(
      ...["agent", "upgrade", "web-3", "--binary", changing, "--settle", "0s", "--json"],
    );
    const rollout = JSON.parse(ended.stdout) as RolloutView & { agents: RolloutAgentView[] };
    expect(rollout.agents).toMatchObject([{ agent: "web-3", state: "refused", code: "UPGRADE_FORMAT" }]);
    expect(rollout.agents[0]?.reason).toContain("petrel-agent upgrade FILE --allow-format-change");
    expect(await versionsOf(hub)).toMatchObject({ "web-3": version });
    // Not a byte was fetched.
    expect(await three.log()).toMatch(/the hub asks for an upgrade .*state=refused/);
  });

  test("stops at a version that does not start: who took it has gone back, the others never began", async () => {
    const { hub, bad, user } = fleet();
    const ended = await user.run(
      ...["agent", "upgrade", "--labels", "role=web", "--binary", bad, "--settle", "0s", "--json"],
    );
    expect(ended.code).toBe(1);
    const rollout = JSON.parse(ended.stdout) as RolloutView & { agents: RolloutAgentView[] };
    expect(rollout).toMatchObject({
      state: "stopped",
      ended_at: null,
      counts: { rolled_back: 1, waiting: 2 },
    });
    expect(rollout.agents[0]).toMatchObject({
      agent: "web-1",
      state: "rolled_back",
      code: "UPGRADE_ROLLED_BACK",
    });
    expect(await versionsOf(hub)).toMatchObject({ "web-1": version, "web-2": version });
    expect((await user.run("agent", "rollout", "pause", rollout.id)).stderr).toContain("ROLLOUT_STATE");
    const canceled = await user.json<RolloutView>("agent", "rollout", "cancel", rollout.id);
    expect(canceled).toMatchObject({ state: "canceled", counts: { skipped: 2, rolled_back: 1 } });
    expect(await user.says("agent", "rollout", "get", rollout.id)).toMatch(
      new RegExp(`web-1 +rolled back +1 +${version}`),
    );
  });

  test("goes on when the hub and an agent are killed in its midst, takes up who was away, and ends", async () => {
    const { hub, one, two, three, user } = fleet();
    await three.off();
    await agentIs(hub, "web-3", false);
    const begun = await user.json<RolloutView>(
      ...[
        "agent",
        "upgrade",
        "--labels",
        "role=web",
        "--version",
        next,
        "--batch",
        "2",
        "--settle",
        "0s",
        "--detach",
      ],
    );
    await seen(hub, begun.id, "an agent begins", (agents) => agents.some(({ state }) => state !== "waiting"));
    await hub.kill();
    one.kill();
    await hub.start();
    await seen(hub, begun.id, "the first batch is through", (agents) =>
      agents.slice(0, 2).every(({ state }) => state === "healthy"),
    );
    two.kill();
    expect(await rolloutOf(hub, begun.id)).toMatchObject({ state: "running", ended_at: null });
    await three.on();
    await seen(hub, begun.id, "the last one is through", (agents) =>
      agents.every(({ state }) => state === "healthy"),
    );
    const ended = await user.json<RolloutView & { agents: RolloutAgentView[] }>(
      "agent",
      "rollout",
      "follow",
      begun.id,
    );
    expect(ended).toMatchObject({ state: "done", counts: { healthy: 3 }, batches: 2 });
    expect(ended.agents.map(({ agent, from, batch }) => [agent, from, batch])).toEqual([
      ["web-1", version, 1],
      ["web-2", version, 1],
      ["web-3", version, 2],
    ]);
    expect(await versionsOf(hub)).toMatchObject({ "web-1": next, "web-2": next, "web-3": next });
    for (const agent of [one, two, three]) expect(await agent.log()).toContain("the agent is upgraded");
    // Not killed for it: nobody was, on this host.
    expect(await three.log()).toContain("agent makes room for the next one");
  });
});

/** What a hub promises of a rollout over the link, seen on hosts with systemd: each installed, upgraded and taken back as a unit. */
import { dirname, join } from "node:path";
import { expect } from "vitest";
import type { RolloutAgentView, RolloutView } from "../../hub/upgrades/rollout-desk.ts";
import type { DebianHost } from "./debian-process.ts";
import { Action, inForce, isActive, isWell, json, lay, online } from "./installed-host.ts";
import { nowhere, versions } from "./releases-process.ts";
import type { Walk } from "./systemd-installed.ts";

type Followed = RolloutView & { readonly agents: readonly RolloutAgentView[] };

const [first, second, third] = versions;
const names = ["web-1", "web-2", "web-3"] as const;
const agentUnit = "petrel-agent.service";
/** The link is watched for a shorter time than usual. */
const settle = "--settle 5s";

export async function rolloutSteps({ report, releases, address, boot }: Walk): Promise<void> {
  const hub = await boot("hub");
  const hosts: DebianHost[] = [];
  for (const name of names) hosts.push(await boot(name));
  const [one, two, three] = hosts as [DebianHost, DebianHost, DebianHost];

  const rollouts = async (line: string): Promise<{ code: number | null; rollout: Followed }> => {
    const { code, stdout, stderr } = await hub.ask(`petrel agent ${line} --json`);
    expect(stderr).toBe("");
    return { code, rollout: JSON.parse(stdout) as Followed };
  };
  /** As the hub says it, and as it is on the hosts. */
  const run = async (...wanted: readonly string[]) => {
    const agents = await json<{ id: string; version: string; online: boolean }[]>(
      hub,
      "petrel",
      "agent",
      "list",
    );
    const found = agents.map(({ id, version, online: isUp }) => [id, version, isUp]);
    expect(found).toEqual(names.map((name, i) => [name, wanted[i], true]));
    expect(await Promise.all(hosts.map((host) => inForce(host, "agent")))).toEqual(wanted);
    for (const host of hosts) expect(await isActive(host, agentUnit)).toBe(true);
  };
  const states = ({ agents }: Followed) => agents.map(({ agent, state, batch }) => [agent, state, batch]);
  const actions = () => Promise.all(hosts.map((host) => Action.untilTold(hub, host, 0)));
  const allEndWhole = async (running: readonly Action[]) => {
    for (const action of running) await action.endsWhole();
    return `${running.length} actions: same process, all of their output, succeeded`;
  };

  await report.step("rollout: a hub and three agents are installed", async () => {
    await json(hub, lay(hub, releases.program(second, "petrel")), "install");
    const token = (await hub.sh("petrel agent token --uses 3 --label role=web --only-token")).trim();
    for (const host of hosts) {
      const program = lay(host, releases.program(first, "petrel-agent"));
      await json(host, program, "install", "--hub", `mqtts://${address("hub")}`, "--token", token);
      await online(hub, host.name);
    }
    await run(first, first, first);
    return undefined;
  });

  await report.step("rollout: both newer versions are added on the hub", async () => {
    const added: string[] = [];
    for (const version of [second, third]) {
      const program = releases.program(version, "petrel-agent");
      const folder = join("/root", version);
      const file = lay(hub, program, folder);
      const sums = lay(hub, join(dirname(program), "SHA256SUMS"), folder);
      await hub.sh(`petrel agent release add ${file} --sums ${sums}`);
      const list = await json<{ version: string; compressed_bytes: number }[]>(
        hub,
        "petrel",
        "agent",
        "release",
        "list",
      );
      const found = list.find((each) => each.version === version);
      added.push(`${version}: ${((found?.compressed_bytes ?? 0) / 1e6).toFixed(1)} MB to send`);
    }
    return added.join(", ");
  });

  await report.step("rollout: all are upgraded, in two batches, while an action runs on each", async () => {
    const running = await actions();
    const { code, rollout } = await rollouts(
      `upgrade --labels role=web --version ${second} --batch 2 --max-failures 1 ${settle}`,
    );
    expect(states(rollout)).toEqual([
      ["web-1", "healthy", 1],
      ["web-2", "healthy", 1],
      ["web-3", "healthy", 2],
    ]);
    expect([code, rollout.state]).toEqual([0, "done"]);
    await run(second, second, second);
    return allEndWhole(running);
  });

  let stopped = "";
  await report.step(
    "rollout: a version that never links on one host is taken back there, and the rollout stops",
    async () => {
      await two.sh(`touch ${nowhere}`);
      const running = await actions();
      const { code, rollout } = await rollouts(
        `upgrade --labels role=web --version ${third} --batch 1 --max-failures 1 ${settle}`,
      );
      stopped = rollout.id;
      expect(states(rollout)).toEqual([
        ["web-1", "healthy", 1],
        ["web-2", "rolled_back", 2],
        ["web-3", "waiting", null],
      ]);
      expect([code, rollout.state, rollout.ended_at]).toEqual([1, "stopped", null]);
      expect(rollout.reason).toBe("1 of 3 agents failed or went back");
      const [, back] = rollout.agents;
      expect([back?.code, back?.reason]).toEqual(["UPGRADE_ROLLED_BACK", expect.stringMatching(/no link/)]);
      await online(hub, "web-2");
      await run(third, second, second);
      // Also for whoever looks later.
      expect(await hub.sh(`petrel agent rollout get ${stopped}`)).toMatch(
        /is stopped .*web-1 +healthy.*web-2 +rolled back.*web-3 +waiting/s,
      );
      expect(await hub.sh("petrel agent rollout list")).toMatch(new RegExp(`${stopped} +${third} +stopped`));
      const said = await isWell(two, "petrel-agent");
      expect(said).toContain("taken back");
      return `${back?.reason}; petrel-agent doctor on web-2: ${said}; ${await allEndWhole(running)}`;
    },
  );

  await report.step(
    "rollout: resumed, with a restart of the hub in its midst, it does the rest",
    async () => {
      const running = await Action.untilTold(hub, three, 0);
      await hub.sh(`petrel agent rollout resume ${stopped} && systemctl restart petrel-hub`);
      const { code, rollout } = await rollouts(`rollout follow ${stopped} --wait 60`);
      expect(states(rollout)).toEqual([
        ["web-1", "healthy", 1],
        ["web-2", "rolled_back", 2],
        ["web-3", "healthy", 3],
      ]);
      // Not all are where they should be.
      expect([code, rollout.state]).toEqual([1, "done"]);
      await run(third, second, third);
      return allEndWhole([running]);
    },
  );

  await report.step("rollout: once mended, the one that went back is upgraded, too", async () => {
    await two.sh(`rm ${nowhere}`);
    const { code, rollout } = await rollouts(`upgrade --labels role=web --version ${third} ${settle}`);
    expect(rollout.agents.map(({ agent, state, code: why }) => [agent, state, why])).toEqual([
      ["web-1", "healthy", "already"],
      ["web-2", "healthy", null],
      ["web-3", "healthy", "already"],
    ]);
    expect([code, rollout.state]).toEqual([0, "done"]);
    await run(third, third, third);
    return `petrel-agent doctor: ${await isWell(one, "petrel-agent")}`;
  });
  for (const host of [...hosts, hub]) await host.end();
}

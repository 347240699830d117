/** Who an action runs as, from the command line through the hub to a root agent whose own file decides. */
import { chmod } from "node:fs/promises";
import { dirname } from "node:path";
import { expect, test } from "vitest";
import type { Execution } from "../../../shared/model/execution.ts";
import { agentReady, createAgent, createHub } from "../../support/fleet.ts";
import { userOf } from "../../support/fleet-user.ts";

const isRoot = process.getuid?.() === 0;

test.runIf(isRoot)(
  "a root agent runs actions as the users that its settings name, and as nobody else",
  async () => {
    const hub = await createHub();
    await hub.start();
    const agent = await createAgent(hub, "web-1");
    // mkdtemp(3) closes a folder to everybody else.
    await chmod(dirname(agent.data), 0o755);
    agent.start({
      PETREL_AGENT_ACTIONS_USER: "nobody",
      PETREL_AGENT_ACTIONS_RUN_AS: "daemon, no-such-user",
      PETREL_AGENT_ACTIONS_SUDO: "true",
    });
    await agentReady(hub, "web-1");
    const run = async (action: string, ...words: readonly string[]) => {
      const { stdout } = await userOf(hub).run("run", action, ...words, "--host", "web-1", "--json");
      return JSON.parse(stdout) as Execution;
    };
    const who = "cmd=echo $(id -un) $USER $(pwd)";
    const work = `${agent.data}/work`;
    expect(await run("core.local", who)).toMatchObject({
      result: { stdout: `nobody nobody ${work}/nobody` },
    });
    expect(await run("core.local", who, "run_as=daemon")).toMatchObject({
      result: { stdout: `daemon daemon ${work}/daemon` },
    });
    expect(await run("core.local_sudo", "cmd=id -un")).toMatchObject({ result: { stdout: "root" } });
    expect(await run("core.local", who, "run_as=root")).toMatchObject({
      status: "failed",
      result: { code: "RUN_AS_REFUSED", fix: expect.stringContaining("actions.run_as") },
    });
    expect(await run("core.local", who, "run_as=no-such-user")).toMatchObject({
      status: "failed",
      result: { code: "ACTION_USER", fix: expect.stringContaining("useradd") },
    });

    // As installed, and nobody has made the user yet: no action runs as root for that.
    await agent.stop();
    agent.start({ PETREL_AGENT_ACTIONS_USER: "not-made-yet" });
    await agentReady(hub, "web-1");
    expect(await run("core.local", "cmd=id")).toMatchObject({
      status: "failed",
      result: { code: "ACTION_USER" },
    });
    expect(agent.daemon().log()).toContain("actions that start a process will fail");
  },
);

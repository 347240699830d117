/** The guide's commands for installing and testing a pack, as one would paste them. */
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { agentReady, createAgent, createHub } from "../../support/fleet.ts";
import { projectCopy } from "../../support/project-copy.ts";
import { paste, shellBlocks } from "../../support/shell-blocks.ts";

const guide = resolve(import.meta.dirname, "../../../docs/guides/packs.md");

test("a pack is made, shown, tested, and installed from its folder and from an archive", async () => {
  const hub = await createHub();
  await hub.start();
  const agent = await createAgent(hub, "web-1");
  agent.start();
  await agentReady(hub, agent.id);
  const script = (await shellBlocks(guide, "Installing")).join("\n");
  const { code, stdout, stderr } = await paste(
    await projectCopy(),
    `export PETREL_DATA=${hub.data}\n${script}`,
  );
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.not.stringContaining("failed: ") });
  expect(stdout).toMatch(/^Python: 2 tests, 0 failed$/m);
  expect(stdout).toMatch(/^heartbeat 0\.1\.0 is installed from tour\/heartbeat: .*assigned to all agents$/m);
  expect(stdout).toMatch(/^heartbeat 0\.1\.0 is installed from tour\/heartbeat\.tar\.gz: /m);
  expect(stdout.match(/^web-1\s+applied/gm)).toHaveLength(2);
});

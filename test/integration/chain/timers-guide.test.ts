/** The commands of the guide for timers and webhooks, as one would paste them. */
import { dirname, resolve } from "node:path";
import { expect, test } from "vitest";
import { readApiFile } from "../../../hub/http/api-file-fs.ts";
import { commandPath } from "../../support/command-path.ts";
import { agentReady, createHub } from "../../support/fleet.ts";
import { executionsOf } from "../../support/fleet-user.ts";
import { paste, shellBlocks } from "../../support/shell-blocks.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const root = resolve(import.meta.dirname, "../../..");
const commands = dirname(commandPath("petrel"));
const guide = resolve(root, "docs/guides/timers-and-webhooks.md");

test("a timer, a webhook, and any trigger", { timeout: 120_000 }, async () => {
  const hub = await createHub({ args: ["--with-agent"] });
  await hub.start();
  await agentReady(hub, "hub");
  const key = (await readApiFile(hub.data))?.key ?? "";
  const sections = ["Timers", "Webhooks", "Telling any trigger"];
  const blocks = (await Promise.all(sections.map((section) => shellBlocks(guide, section)))).flat();
  expect(blocks).toHaveLength(3);
  const start = `export PATH=${commands}:$PATH PETREL_API=${hub.url} PETREL_API_KEY=${key}`;
  const { code, stdout, stderr } = await paste(await tempFolder("guide"), [start, ...blocks].join("\n"));
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.not.stringContaining("failed: ") });
  expect(stdout).toMatch(/CronTimer hour=3 minute=30 timezone=Europe\/Berlin/);
  expect(stdout).toMatch(/next_fire: .*T0[12]:30:00\.000Z/);
  expect(stdout).toMatch(/\/v1\/webhooks\/ci\/deployed +yes/);
  expect(stdout.match(/"status":"processed"/g)).toHaveLength(2);
  const said = (await executionsOf(hub, "default.deployed", 2)).map(
    ({ result }) => (result as { stdout: string }).stdout,
  );
  expect(said.sort()).toEqual(["version 7 is live", "version 8 is live"]);
});

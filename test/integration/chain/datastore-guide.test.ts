/** The datastore's guide, pasted as it is. */
import { dirname, resolve } from "node:path";
import { expect, test } from "vitest";
import type { KeyView } from "../../../hub/datastore/key-view.ts";
import { commandPath } from "../../support/command-path.ts";
import { agentReady, createHub } from "../../support/fleet.ts";
import { executionsOf, userOf } from "../../support/fleet-user.ts";
import { paste, shellBlocks } from "../../support/shell-blocks.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const root = resolve(import.meta.dirname, "../../..");
const commands = dirname(commandPath("petrel"));

test("every command of it does what it says", async () => {
  const hub = await createHub({ args: ["--with-agent"] });
  await hub.start();
  await agentReady(hub, "hub");
  const guide = resolve(root, "docs/guides/datastore.md");
  const blocks = [...(await shellBlocks(guide, "Keys")), ...(await shellBlocks(guide, "In templates"))];
  expect(blocks).toHaveLength(3);
  const folder = await tempFolder("guide");
  const script = [`export PATH="${commands}:$PATH" PETREL_DATA="${hub.data}"`, ...blocks].join("\n");
  const pasted = await paste(folder, script);
  expect(pasted).toMatchObject({ code: 0, stderr: expect.not.stringContaining("failed: ") });
  expect(pasted.stdout).toContain("value: correct horse");
  const user = userOf(hub);
  const keys = await user.json<readonly KeyView[]>("key", "list");
  expect(keys.map(({ name }) => name)).toEqual([
    "web.errors",
    "web.hosts",
    "web.limits",
    "web.password",
    "web.threshold",
  ]);
  expect(keys.find(({ name }) => name === "web.password")).toMatchObject({ secret: true });
  expect(await executionsOf(hub, "default.other_errors")).toMatchObject([
    { result: { stdout: "9 errors, red" } },
  ]);
}, 120_000);

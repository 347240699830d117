/** The five commands of the guide for watching, as one would paste them; only /etc is another folder. */
import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { freePort } from "../../support/fleet.ts";
import { projectCopy } from "../../support/project-copy.ts";
import { paste, shellBlocks } from "../../support/shell-blocks.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const guide = resolve(import.meta.dirname, "../../../docs/guides/watching.md");

test("from nothing to being told who changed what", { timeout: 120_000 }, async () => {
  const folder = await projectCopy();
  const etc = join(await tempFolder("guide"), "etc");
  await mkdir(etc);
  let script = (await shellBlocks(guide, "Five commands")).join("\n").replaceAll("/etc", etc);
  for (const port of ["7580", "7583"]) script = script.replaceAll(port, String(await freePort()));
  // What YAML and the kernel call files by is not to be mixed up with the name of the rule's own file.
  script = script.replaceAll(`watching${etc}.yaml`, "watching/etc.yaml");

  const { code, stdout, stderr, left } = await paste(folder, script);
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.not.stringContaining("failed: ") });
  expect(stdout).toMatch(/web-1\s+applied/);
  expect(stdout).toMatch(/created .*petrel-was-here/);
  expect(stdout).toMatch(/core\.echo .*succeeded/);
  expect(left).toBe(0);
});

/** The packs that come along and those that `pack create` makes, through the whole chain. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { skeletonLanguages } from "../../../shared/packs/skeleton-fs.ts";
import { sharedByFile } from "../../support/at-end.ts";
import { agentReady, createHub } from "../../support/fleet.ts";
import { executionsOf, sensorsRun, userOf } from "../../support/fleet-user.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const packs = resolve(import.meta.dirname, "../../../packs");
const samples = ["mypack", "mypack_python"];
const skeletons = skeletonLanguages.map((language) => ({ language, name: `made_${language}` }));

// All of them at once: a sensor that polls takes seconds for its first news.
const shared = sharedByFile(async () => {
  const hub = await createHub({ args: ["--with-agent"] });
  await hub.start();
  await agentReady(hub, "hub");
  const user = userOf(hub);
  const place = await tempFolder();
  const said = new Map<string, string>();
  const register = async (name: string, folder: string, ...more: readonly string[]) => {
    expect(await user.says("pack", "check", folder)).toMatch(/: 0 errors, 0 warnings\n$/);
    said.set(name, await user.says("pack", "register", folder, ...more));
  };
  for (const name of samples) {
    const watched = join(place, name);
    await mkdir(watched);
    const set = [`sensor.directories=["${watched}"]`, `log=${watched}.log`];
    await register(name, join(packs, name), ...set.flatMap((text) => ["--set", text]));
  }
  for (const { language, name } of skeletons) {
    await user.says("pack", "create", name, "--language", language, "--dir", place);
    await register(name, join(place, name));
  }
  return { hub, place, said };
});

test.for(samples)("%s writes a line with the whole path for a file that comes", async (name) => {
  const { hub, place } = shared();
  await sensorsRun(hub, `${name}.DirectorySensor`);
  const path = join(place, name, "Übersicht 1.csv");
  await writeFile(path, "1");
  const [execution] = await executionsOf(hub, `${name}.log_changes`);
  expect(execution).toMatchObject({ action: `${name}.output_context`, status: "succeeded" });
  const lines = (await readFile(join(place, `${name}.log`), "utf8")).split("\n");
  expect(lines).toEqual([expect.stringMatching(/^\[.+\] \(created\) /), ""]);
  expect(lines[0]?.endsWith(` ${path}`)).toBe(true);
});

test.for(skeletons)(
  "a skeleton in $language is registered, its rule fires and its action succeeds",
  async ({ name }) => {
    const { hub, said } = shared();
    expect(said.get(name)).toBe(`${name} 0.1.0 is registered: 1 sensor, 1 trigger type, 1 rule, 1 action\n`);
    const [execution] = await executionsOf(hub, `${name}.note_ticks`);
    expect(execution).toMatchObject({
      action: `${name}.note`,
      status: "succeeded",
      parameters: { text: expect.stringMatching(/^tick 1 at 2/) },
    });
    expect(JSON.stringify(execution?.result)).toMatch(/Hello, tick 1 at 2/);
  },
);

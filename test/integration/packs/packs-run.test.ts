/** The packs that come with Petrel, and those that `pack create` makes, run: real sensor processes, real actions. */
import { appendFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { DesiredSensor } from "../../../agent/sensors/desired-sensor.ts";
import type { Json, JsonObject } from "../../../shared/json.ts";
import { silentLogger } from "../../../shared/log.ts";
import type { Pack } from "../../../shared/model/pack.ts";
import { effectiveConfig } from "../../../shared/packs/config.ts";
import { parsePack } from "../../../shared/packs/parse-pack.ts";
import { readPackFolder } from "../../../shared/packs/read-pack-fs.ts";
import { runnerParameters } from "../../../shared/packs/runners.ts";
import { createSkeleton, skeletonLanguages } from "../../../shared/packs/skeleton-fs.ts";
import { actionRequest, allRunners } from "../../support/runner-settings.ts";
import { startSensorBench } from "../../support/sensor-bench.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { waitUntil } from "../../support/wait-until.ts";

const packs = join(import.meta.dirname, "../../../packs");

async function load(folder: string): Promise<Pack> {
  const { pack, problems } = parsePack(await readPackFolder(folder), { folder });
  if (pack === null) throw new Error(JSON.stringify(problems));
  return pack;
}

/** The only sensor of a pack; `pollInterval` in seconds instead of the pack's own. */
function sensorOf(pack: Pack, packFolder: string, config: JsonObject, pollInterval?: number): DesiredSensor {
  const [definition] = pack.sensors;
  if (definition === undefined) throw new Error("no sensor");
  return {
    definition: { ...definition, poll_interval: pollInterval ?? definition.poll_interval },
    triggerTypes: pack.trigger_types,
    packFolder,
    codeDigest: "1",
    packDigest: "sha256:none",
    fingerprint: null,
    config: effectiveConfig(pack, config),
  };
}

async function runAction(
  pack: Pack,
  folder: string,
  name: string,
  parameters: JsonObject,
  config: JsonObject = {},
) {
  const action = pack.actions.find((candidate) => candidate.name === name);
  const runner = allRunners(folder).find((candidate) => candidate.name === action?.runner_type);
  if (action === undefined || runner === undefined) throw new Error(`no action ${name}`);
  const runnerNames = new Set(Object.keys(runnerParameters[runner.name] ?? {}));
  const split = (own: boolean) =>
    Object.fromEntries(Object.entries(parameters).filter(([key]) => runnerNames.has(key) === own));
  const positional = Object.entries(action.parameters)
    .filter(([key, { position }]) => position !== undefined && !runnerNames.has(key))
    .map(([key]) => key);
  const request = actionRequest({
    action: action.ref,
    runner: runner.name,
    pack: action.pack,
    entry_point: action.entry_point,
    runner_parameters: split(true),
    parameters: split(false),
    positional,
  });
  return runner.run(request, {
    stop: new AbortController().signal,
    started: async () => {},
    onOutput: () => {},
    packs: { ensurePack: async () => folder, packConfig: async () => effectiveConfig(pack, config) },
    datastore: async () => null,
    log: silentLogger,
  });
}

describe("pack create", () => {
  const results: Readonly<Record<string, Json>> = {
    ts: { result: { note: "Hello, tick 1" } },
    python: { result: { note: "Hello, tick 1" } },
    exec: { stdout: "Hello, tick 1", succeeded: true },
  };

  test.for(skeletonLanguages)(
    "makes a %s pack whose sensor tells and whose action acts",
    async (language) => {
      const folder = await createSkeleton({ name: "made", language, parent: await tempFolder() });
      const pack = await load(folder);
      const bench = await startSensorBench({ data: await tempFolder() });
      bench.host.apply([sensorOf(pack, folder, {})]);
      const [trigger] = await waitUntil("the first tick", async () => {
        const triggers = await bench.triggers();
        return triggers.length > 0 ? triggers : null;
      });
      expect(trigger).toMatchObject({
        trigger: "made.tick",
        payload: { count: 1, time: expect.any(String) },
      });
      expect(await bench.events()).not.toContainEqual(expect.objectContaining({ state: "failed" }));

      const outcome = await runAction(pack, folder, "note", { text: "tick 1" });
      expect(outcome).toMatchObject({ status: "succeeded", result: results[language] });
      expect(await runAction(pack, folder, "note", { text: "" })).toMatchObject({ status: "failed" });
    },
  );
});

describe.for(["mypack", "mypack_python"])("%s", (name) => {
  const folder = join(packs, name);

  test("tells a file in a folder that appears later, and writes the line", async () => {
    const place = await tempFolder();
    const [watched, log] = [join(place, "watched"), join(place, "output")];
    const config = { sensor: { directories: [watched] }, log };
    const pack = await load(folder);
    const bench = await startSensorBench({ data: await tempFolder() });
    bench.host.apply([sensorOf(pack, folder, config, 0.1)]);
    await waitUntil("the sensor to run", async () =>
      (await bench.events()).some((event) => event.state === "running"),
    );

    await mkdir(watched);
    await writeFile(join(watched, "report.csv"), "1");
    const path = join(watched, "report.csv");
    await waitUntil("the creation", async () => (await bench.triggers()).length === 1);
    await appendFile(path, "2");
    await waitUntil("the modification", async () => (await bench.triggers()).length === 2);
    const triggers = await bench.triggers();
    expect(triggers.map(({ trigger }) => trigger)).toEqual([`${name}.changed_file`, `${name}.changed_file`]);
    expect(triggers.map(({ payload }) => payload)).toMatchObject([
      { path, status: "created" },
      { path, status: "modified" },
    ]);

    const outcome = await runAction(pack, folder, "output_context", { context: `(created) ${path}` }, config);
    expect(outcome).toMatchObject({ status: "succeeded" });
    expect(await readFile(log, "utf8")).toBe(`(created) ${path}\n`);
    expect(await runAction(pack, folder, "output_context", { context: "x" }, { log: "" })).toMatchObject({
      status: "failed",
    });
  });
});

test("mypack tells after a restart of the agent what changed while it was away, and nothing twice", async () => {
  const [watched, data] = [await tempFolder(), await tempFolder()];
  const folder = join(packs, "mypack");
  const pack = await load(folder);
  const paths = (triggers: readonly { readonly payload: Json }[]) =>
    triggers.map(({ payload }) => (payload as JsonObject).path);
  const sensor = sensorOf(pack, folder, { sensor: { directories: [watched] } }, 0.1);

  const first = await startSensorBench({ data });
  first.host.apply([sensor]);
  await waitUntil("the sensor to run", async () =>
    (await first.events()).some((event) => event.state === "running"),
  );
  await writeFile(join(watched, "a"), "");
  await waitUntil("the first file", async () => (await first.triggers()).length === 1);
  await first.close();

  await writeFile(join(watched, "b"), "");
  const second = await startSensorBench({ data });
  second.host.apply([sensor]);
  await waitUntil("the second file", async () => paths(await second.triggers()).includes(join(watched, "b")));
  await writeFile(join(watched, "c"), "");
  await waitUntil("the third file", async () => paths(await second.triggers()).includes(join(watched, "c")));
  expect(paths(await second.triggers()).sort()).toEqual([
    join(watched, "a"),
    join(watched, "b"),
    join(watched, "c"),
  ]);
});

describe("core", () => {
  const folder = join(packs, "core");

  test("echo gives back what would be a command to a shell", async () => {
    const pack = await load(folder);
    const echo = pack.actions.find(({ name }) => name === "echo");
    const message = "$(id) `id` '\"; touch /nowhere; # {{ x }}\\n";
    const fixed = { cmd: echo?.parameters.cmd?.default ?? null, env: { PETREL_MESSAGE: message } };
    expect(await runAction(pack, folder, "echo", fixed)).toMatchObject({
      status: "succeeded",
      result: { stdout: message, stderr: "", return_code: 0 },
    });
  });

  test("local runs its command, noop nothing", async () => {
    const pack = await load(folder);
    expect(await runAction(pack, folder, "local", { cmd: "echo $((6 * 7))" })).toMatchObject({
      result: { stdout: 42 },
    });
    expect(await runAction(pack, folder, "noop", {})).toMatchObject({ status: "succeeded" });
  });
});

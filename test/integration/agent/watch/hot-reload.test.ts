/** The selection is changed while files change: what stays selected loses nothing, what is new or gone is no news. */
import { createHash } from "node:crypto";
import { appendFile, cp, mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import type { DesiredSensor } from "../../../../agent/sensors/desired-sensor.ts";
import type { JsonObject } from "../../../../shared/json.ts";
import { effectiveConfig } from "../../../../shared/packs/config.ts";
import { parsePack } from "../../../../shared/packs/parse-pack.ts";
import { readPackFolder } from "../../../../shared/packs/read-pack-fs.ts";
import { fileWatch } from "../../../support/file-watch.ts";
import { type SensorBench, startSensorBench } from "../../../support/sensor-bench.ts";
import { tempFolder } from "../../../support/temp-folder.ts";
import { waitUntil } from "../../../support/wait-until.ts";
import { agentSide } from "../../../support/watch-desk.ts";
import { brief } from "../../../support/watched-folder.ts";

const packFolder = join(import.meta.dirname, "../../../../packs/watch");

async function watchSensor(): Promise<(config: JsonObject, name: string) => DesiredSensor> {
  const { pack } = parsePack(await readPackFolder(packFolder), { folder: packFolder });
  const [definition] = pack?.sensors ?? [];
  if (pack === null || definition === undefined) throw new Error("pack watch has no sensor");
  return (config, fingerprint) => ({
    definition,
    triggerTypes: pack.trigger_types,
    packDigest: "sha256:none",
    packFolder,
    codeDigest: "1",
    config: effectiveConfig(pack, { settle_ms: 10, who: "off", ...config }),
    fingerprint,
  });
}

const digest = (text: string) => `sha256:${createHash("sha256").update(text).digest("hex")}`;

interface Side {
  readonly digest?: string;
}

/** A watched folder on a real sensor side, with what was told of it. */
async function start(files: Readonly<Record<string, string>>) {
  const root = await tempFolder("watched");
  const at = (name: string) => join(root, name);
  for (const [name, text] of Object.entries(files)) {
    await mkdir(join(at(name), ".."), { recursive: true });
    await writeFile(at(name), text);
  }
  const sensor = await watchSensor();
  const bench = await startSensorBench({ data: await tempFolder("agent") });
  const status = () => bench.host.statuses()[0];
  let configs = 0;
  const apply = (config: JsonObject) => bench.host.apply([sensor(config, String(++configs))]);
  const running = () =>
    waitUntil("the sensor to run as configured", () => {
      const now = status();
      return now?.state === "running" && now.fingerprint === String(configs) ? now : null;
    });
  const told = async () =>
    (await bench.triggers())
      .filter(({ trigger }) => trigger === "watch.file_changed")
      .map(({ payload }) => payload as JsonObject);
  /** All that was told, once a change made just now and those of `paths` are. */
  const toldOf = async (marker: string, ...paths: readonly string[]) => {
    await writeFile(at(marker), "");
    return waitUntil("the last changes to be told", async () => {
      const all = await told();
      return [marker, ...paths].every((name) => all.some(({ path }) => path === at(name))) ? all : null;
    });
  };
  return { root, at, bench, apply, running, status, told, toldOf };
}

const isAlive = (pid: number) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

/** Makes one file after the other until it is stopped; how many there are then. */
function churn(folder: string, name: string): () => Promise<number> {
  let isOver = false;
  const over = (async () => {
    for (let n = 0; ; n++) {
      if (isOver) return n;
      // In one step: a look between a file's making and its first byte would have two changes to tell.
      const made = join(folder, "..", `${name}.made`);
      await writeFile(made, String(n));
      await rename(made, join(folder, `${name}-${n}`));
      await sleep(10);
    }
  })();
  return () => {
    isOver = true;
    return over;
  };
}

const gone = (bench: SensorBench, pid: number) =>
  waitUntil(
    "the old process to have ended",
    () => !isAlive(pid) && bench.host.statuses()[0]?.pid !== pid,
    30_000,
    1,
  );

test("paths are changed while files change: no change is lost, none is invented", async () => {
  const many = Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`c/many/${n}`, String(n)]));
  const { at, bench, apply, running, told, toldOf } = await start({
    "a/edited": "before",
    "a/gone": "gone",
    "a/app.log": "line",
    "b/one": "one",
    "b/two": "two",
    "c/one": "one",
    ...many,
  });
  const [a, b, c] = [at("a"), at("b"), at("c")];
  apply({ paths: [{ path: a, exclude: ["*.log"] }, { path: b }] });
  const { pid } = await running();
  expect(await told()).toEqual([]);

  const stopChurn = churn(a, "churn");
  apply({ paths: [{ path: a, severity: "high" }, { path: c }] });
  await gone(bench, pid ?? 0);
  await writeFile(at("a/edited"), "edited meanwhile");
  await rm(at("a/gone"));
  await writeFile(at("a/new"), "new");
  await writeFile(at("b/one"), "edited when nobody watches it");
  await rm(at("b/two"));
  await writeFile(at("c/one"), "edited before it is watched");
  await writeFile(at("c/new"), "new");
  await running();
  const churned = await stopChurn();
  await appendFile(at("c/many/0"), " and after");
  await appendFile(at("a/app.log"), " more");
  await writeFile(at("b/three"), "three");

  const all = await toldOf("a/end", "a/app.log", "c/many/0");
  const of = (path: string) => all.filter((one) => one.path === at(path));
  expect(of("a/edited")).toMatchObject([
    {
      status: "modified",
      severity: "high",
      before: { digest: digest("before") },
      after: { digest: digest("edited meanwhile") },
    },
  ]);
  expect(of("a/gone")).toMatchObject([{ status: "deleted", before: { digest: digest("gone") } }]);
  expect(of("a/new")).toMatchObject([{ status: "created" }]);
  for (let n = 0; n < churned; n++) {
    const [first, ...rest] = of(`a/churn-${n}`);
    expect([n, first?.status, (first?.after as Side | undefined)?.digest, rest]).toEqual([
      n,
      "created",
      digest(String(n)),
      [],
    ]);
  }
  // What is selected for the first time is recorded as it was at the first look.
  expect(of("a/app.log")).toMatchObject([
    { status: "modified", before: { digest: digest("line") }, after: { digest: digest("line more") } },
  ]);
  expect(of("c/many/0")).toMatchObject([
    { status: "modified", before: { digest: digest("0") }, after: { digest: digest("0 and after") } },
  ]);
  // All else of c is no news, and nothing is told of b, neither that it is gone nor what happens in it now.
  const others = all.filter(({ path }) => String(path).startsWith(`${c}/`) && path !== at("c/many/0"));
  expect(others).toEqual([]);
  expect(all.filter(({ path }) => String(path).startsWith(b))).toEqual([]);

  // Back again: b is as new, whatever was recorded of it once.
  apply({ paths: [{ path: a, exclude: ["*.log"] }, { path: b }] });
  await running();
  await appendFile(at("b/one"), "!");
  const after = (await toldOf("a/end-2", "b/one")).slice(all.length);
  expect(after.map(({ path, status }) => `${String(status)} ${String(path)}`).sort()).toEqual([
    `created ${at("a/end-2")}`,
    `modified ${at("b/one")}`,
  ]);
  expect(after.find(({ path }) => path === at("b/one"))).toMatchObject({
    before: { digest: digest("edited when nobody watches it") },
  });
});

test("paths are changed again before the sensor is ready, over and over: the same holds", async () => {
  const files = Object.fromEntries(
    ["a", "b", "c"].flatMap((folder) => Array.from({ length: 200 }, (_, n) => [`${folder}/${n}`, `${n}`])),
  );
  const { at, apply, running, toldOf, root } = await start(files);
  const paths = (...names: readonly string[]) => ({ paths: names.map((name) => ({ path: at(name) })) });
  apply(paths("a", "b"));
  await running();
  const stopChurn = churn(at("a"), "churn");
  for (const names of [["a", "c"], ["a"], ["a", "b"]]) {
    apply(paths(...names));
    // Somewhere in the start of the process or in its first look.
    await sleep(250);
  }
  await running();
  const churned = await stopChurn();
  const lines = brief(await toldOf("a/end"), root);
  const expected = Array.from({ length: churned }, (_, n) => `created a/churn-${n}`);
  expect(
    lines
      .filter((line) => line !== "modified a [mtime]")
      .map((line) => line.replace(/ \[.*/, ""))
      .sort(),
  ).toEqual([...expected, "created a/end"].sort());
});

test("a selection that was given up half-way has told nothing of what it forgot", async () => {
  const root = await tempFolder("watched");
  const at = (name: string) => join(root, name);
  for (const name of ["a", "b"]) {
    await mkdir(at(name));
    for (let n = 0; n < 20; n++) await writeFile(at(`${name}/${n}`), String(n));
  }
  const agentFolder = await tempFolder("agent");
  const agent = agentSide();
  const select = (folder: string, ...names: readonly string[]) =>
    fileWatch(folder, { paths: names.map((name) => ({ path: at(name) })) }, agent);
  const first = select(agentFolder, "a", "b");
  await first.sensor.setup();
  await first.close();

  // The agent does not answer: what a kill would leave behind is taken while the sensor looks for the first time.
  await writeFile(at("a/0"), "edited");
  const { promise, resolve } = Promise.withResolvers<void>();
  agent.gate = promise;
  const second = select(agentFolder, "a");
  const setup = second.sensor.setup();
  await waitUntil("the first change", () => agent.told.length > 0);
  const killed = await tempFolder("agent-killed");
  await cp(agentFolder, killed, { recursive: true });
  agent.gate = Promise.resolve();

  const third = select(killed, "a", "b");
  await third.sensor.setup();
  await third.close();
  resolve();
  await setup;
  await second.close();
  const lines = brief(
    agent.told.map(({ payload }) => payload),
    root,
  );
  expect(new Set(lines.map((line) => line.replace(/ \[.*/, "")))).toEqual(new Set(["modified a/0"]));
});

test("a configuration that this version does not know leaves the one before watching", async () => {
  const { at, apply, running, status, toldOf } = await start({ "a/edited": "before" });
  apply({ paths: [{ path: at("a") }] });
  await running();
  apply({ paths: [{ path: at("a") }], profiles: ["of-a-later-version"] });
  const { problem } = await waitUntil("the way back", () => {
    const now = status();
    return now?.state === "running" && now.fingerprint === "2" && now.problem !== null ? now : null;
  });
  expect(problem).toMatch(/of-a-later-version/);
  await writeFile(at("a/edited"), "after");
  const all = await toldOf("a/end", "a/edited");
  expect(all.find(({ path }) => path === at("a/edited"))).toMatchObject({
    status: "modified",
    before: { digest: digest("before") },
  });
  apply({ paths: [{ path: at("a"), tags: ["third"] }] });
  expect((await running()).problem).toBeNull();
});

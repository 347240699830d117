/** The units that are kept beside a version: whoever is killed while they are written anew leaves them all the same. */
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { agentProduct } from "../../../agent/install/product.ts";
import { layoutOf } from "../../../shared/install/layout.ts";
import { keepUnits } from "../../../shared/install/version-units-fs.ts";
import { atEnd } from "../../support/at-end.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { waitUntil } from "../../support/wait-until.ts";

const units = (text: string) => ({ "petrel-agent.service": text, "petrel-actions.service": text });

/** Looks again and again, in a thread of its own, since a kill can come at any moment. */
const looking = `
const { readFileSync } = require("node:fs");
const { path, seen } = require("node:worker_threads").workerData;
while (Atomics.load(seen, 0) === 0) {
  let text = "";
  try { text = readFileSync(path, "utf8"); } catch {}
  Atomics.add(seen, text === "" ? 2 : 1, 1);
}`;

test("at no moment is one of them not there, or empty", async () => {
  const layout = layoutOf(agentProduct, await tempFolder("units"));
  const folder = join(layout.versions, "1.0.0/units");
  await keepUnits(layout, "1.0.0", units("first"));
  const seen = new Int32Array(new SharedArrayBuffer(12));
  const worker = new Worker(looking, {
    eval: true,
    workerData: { path: join(folder, "petrel-agent.service"), seen },
  });
  atEnd(() => worker.terminate());
  const looks = () => Atomics.load(seen, 1) + Atomics.load(seen, 2);
  await waitUntil("the first look", () => looks() > 0);
  let last = 0;
  // However slow the looker is on a busy machine: it is to have had its looks.
  while (last < 100 || looks() < 1_000) await keepUnits(layout, "1.0.0", units(`text ${++last}`));
  Atomics.store(seen, 0, 1);
  expect(Atomics.load(seen, 2)).toBe(0);
  expect(await readFile(join(folder, "petrel-actions.service"), "utf8")).toBe(`text ${last}`);
});

test("none stays that the version does not have any more, nor what a kill has left", async () => {
  const layout = layoutOf(agentProduct, await tempFolder("units"));
  const version = join(layout.versions, "1.0.0");
  await keepUnits(layout, "1.0.0", units("first"));
  await writeFile(join(version, "units/petrel-agent.service.12.tmp"), "ha");
  await mkdir(join(version, "units.new"));
  await writeFile(join(version, "units.new/petrel-agent.service"), "ha");
  await keepUnits(layout, "1.0.0", { "petrel-agent.service": "second" });
  expect([await readdir(version), await readdir(join(version, "units"))]).toEqual([
    ["units"],
    ["petrel-agent.service"],
  ]);
});

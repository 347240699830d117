/** Each part that says "on disk" is taken at its word: the power goes right after it has said so. */
import { spawnSync } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { sharedByFile } from "../support/at-end.ts";
import { createPower, powerRecorder } from "../support/power.ts";
import { powerCases } from "../support/power-cases.ts";
import { tempFolder } from "../support/temp-folder.ts";

const program = join(import.meta.dirname, "../fixtures/programs/power-cases-main.ts");
const names = Object.keys(powerCases);

/** Runs all cases in one process, then takes the power away; `null` without a compiler. */
const lost = sharedByFile(async () => {
  const library = await powerRecorder();
  if (library === null) return null;
  const root = await tempFolder("power-promises");
  const data = join(root, "data");
  for (const [at, { prepare }] of Object.values(powerCases).entries()) {
    await mkdir(join(data, String(at)), { recursive: true });
    await prepare?.(join(data, String(at)));
  }
  const power = await createPower(library, root, data);
  const ended = spawnSync(process.execPath, [program, data], {
    env: { ...process.env, ...power.env },
    encoding: "utf8",
  });
  expect({ signal: ended.signal, stderr: ended.stderr }).toEqual({ signal: "SIGKILL", stderr: "" });
  await power.cut();
  const lines = ended.stdout.split("\n").filter(Boolean);
  return { data, promised: new Map(lines.map((line): [string, unknown] => JSON.parse(line))) };
});

describe("is there after a power loss, once it was said to be:", () => {
  test.for(names.map((name, at) => ({ name, at })))("$name", async ({ name, at }, context) => {
    const run = lost();
    if (run === null) return context.skip();
    const { [name]: found } = powerCases;
    expect(await found?.read(join(run.data, String(at)))).toEqual(run.promised.get(name));
  });
});

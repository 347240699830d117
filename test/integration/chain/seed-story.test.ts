/** The story this product was made for: a StackStorm pack as its author wrote it, from a file to a line in a log. */
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { TriggerInstance } from "../../../shared/model/trigger.ts";
import { createHub } from "../../support/fleet.ts";
import { executionsOf, packsRunning, userOf } from "../../support/fleet-user.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { waitUntil } from "../../support/wait-until.ts";

const yamlOf = (folder: string, log: string) => `sensor:\n  directories:\n    - ${folder}\nlog: ${log}\n`;

test("a pack of 2016 in Python runs unchanged: a file appears, a line is in the log, and nothing was dropped", async () => {
  const place = await tempFolder();
  const [watched, log] = [join(place, "watched"), join(place, "output")];
  await mkdir(watched);
  await writeFile(join(watched, "old"), "");
  await writeFile(join(place, "config.yaml"), yamlOf(watched, log));
  const hub = await createHub({ args: ["--with-agent"] });
  await hub.start();
  const user = userOf(hub);

  expect(await user.says("pack", "check", join(packsRunning, "mypack"))).toMatch(/0 errors/);
  const said = await user.says(
    "pack",
    "register",
    join(packsRunning, "mypack"),
    "--config",
    join(place, "config.yaml"),
  );
  expect(said).toBe("mypack 0.1.0 is registered: 1 sensor, 1 trigger type, 1 rule, 1 action\n");
  await waitUntil(
    "the sensor to run",
    async () =>
      (await user.json<{ state: string }[]>("sensor", "list")).some(({ state }) => state === "running"),
    30_000,
  );

  const path = join(watched, "hoge");
  await writeFile(path, "");
  const time = (await stat(path)).mtimeMs / 1000;
  const [execution] = await executionsOf(hub, "mypack.log_changes");
  const line = await readFile(log, "utf8");
  expect(line).toMatch(/^\[\d+\.\d+\] \(created\) .*\n$/);
  expect(line).toContain(`(created) ${path}\n`);
  expect(Number(/^\[(.+?)\]/.exec(line)?.[1])).toBeCloseTo(time, 3);
  expect(execution).toMatchObject({
    action: "mypack.output_context",
    runner: "python-script",
    agent: "hub",
    status: "succeeded",
    parameters: { context: line.trimEnd() },
    result: { result: "This processing succeeded.", exit_code: 0 },
  });

  const [row] = await user.json<{ id: string; payload: unknown }[]>("trigger-instance", "list");
  const instance = await user.json<TriggerInstance>("trigger-instance", "get", row?.id ?? "");
  expect(instance).toMatchObject({
    trigger: "mypack.changed_file",
    status: "processed",
    payload: { path, status: "created", time: expect.any(Number) },
    validation: [expect.stringContaining("time")],
  });
  const shown = await user.says("trigger-instance", "get", row?.id ?? "");
  expect(shown).toMatch(/validation:\n +- .*time/);
});

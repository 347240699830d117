/** The story this product was made for: a StackStorm pack as its author wrote it, from a file to a line in a log. */
import { cp, mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { TriggerInstance } from "../../../shared/model/trigger.ts";
import { createHub } from "../../support/fleet.ts";
import { executionsOf, packsRunning, sensorsRun, userOf } from "../../support/fleet-user.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const yamlOf = (folder: string, log: string) => `sensor:\n  directories:\n    - ${folder}\nlog: ${log}\n`;

test("a pack of 2016 in Python runs unchanged: a file appears, a line is in the log, and nothing was dropped", async () => {
  const place = await tempFolder();
  const [watched, log, pack] = [join(place, "watched"), join(place, "output"), join(place, "mypack")];
  await mkdir(watched);
  await writeFile(join(watched, "old"), "");
  await cp(join(packsRunning, "mypack"), pack, { recursive: true });
  // Where its author edited it: in the pack itself.
  await writeFile(join(pack, "config.yaml"), yamlOf(watched, log));
  const hub = await createHub({ args: ["--with-agent"] });
  await hub.start();
  const user = userOf(hub);

  expect(await user.says("pack", "check", pack)).toMatch(/: 0 errors/);
  const said = await user.says("pack", "register", pack);
  expect(said).toBe("mypack 0.1.0 is registered: 1 sensor, 1 trigger type, 1 rule, 1 action\n");
  await sensorsRun(hub, "mypack.DirectorySensor");

  const path = join(watched, "hoge");
  await writeFile(path, "");
  const time = (await stat(path)).mtimeMs / 1000;
  const [execution] = await executionsOf(hub, "mypack.log_changes");
  const line = await readFile(log, "utf8");
  expect(line).toMatch(/^\[\d+(\.\d+)?\] \(created\) .*\n$/);
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

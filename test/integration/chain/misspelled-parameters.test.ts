/** Rules that give to an action what it does not take are taken, as StackStorm takes them, and told of at every door. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createHub } from "../../support/fleet.ts";
import { userOf } from "../../support/fleet-user.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const rule = (name: string, action: string, parameters: string) => `name: ${name}
trigger: {type: shop.sold}
action:
  ref: ${action}
  parameters: ${parameters}
`;

const misspelled = (where: string) =>
  `warning PARAMETER_UNKNOWN: action core.echo has no parameter 'mesage'\n  where: ${where}\n  fix:   write 'message'\n`;

test("at `pack check`, `pack register`, `rule create`, `rule update` and `rule test`", async () => {
  const hub = await createHub();
  await hub.start();
  const { run } = userOf(hub);
  const folder = await tempFolder();
  const pack = join(folder, "shop");
  for (const part of ["triggers", "actions", "rules"]) await mkdir(join(pack, part), { recursive: true });
  await writeFile(
    join(pack, "pack.yaml"),
    "ref: shop\nname: shop\ndescription: d\nversion: 1.0.0\nauthor: a\nemail: a@example.org\n",
  );
  await writeFile(join(pack, "triggers/sold.yaml"), "name: sold\npack: shop\n");
  await writeFile(
    join(pack, "actions/count.yaml"),
    "name: count\nrunner_type: noop\nenabled: true\nparameters:\n  by: {type: integer, required: true}\n",
  );
  await writeFile(join(pack, "rules/own.yaml"), rule("own", "shop.count", "{by: many}"));
  await writeFile(join(pack, "rules/core.yaml"), rule("core", "core.echo", '{mesage: "x"}'));

  const check = await run("pack", "check", pack);
  expect(check.code).toBe(0);
  expect(check.stdout).toContain(misspelled(`${pack}/rules/core.yaml:5 (action.parameters.mesage)`));
  expect(check.stdout).toContain(`${pack}/rules/own.yaml:5 (action.parameters.by)`);
  expect(check.stdout).toContain("0 errors");

  const registered = await run("pack", "register", pack);
  expect(registered.code).toBe(0);
  expect(registered.stderr).toContain(misspelled("rule shop.core (action.parameters.mesage)"));
  expect(registered.stderr).toContain("parameter 'by' cannot be read as integer");

  const file = join(folder, "mine.yaml");
  await writeFile(file, rule("mine", "core.echo", '{mesage: "x"}'));
  const place = `${file}:5 (action.parameters.mesage)`;
  const created = await run("rule", "create", file);
  expect([created.code, created.stderr]).toEqual([0, misspelled(place)]);
  const updated = await run("rule", "update", "default.mine", file);
  expect([updated.code, updated.stderr]).toEqual([0, misspelled(place)]);

  const trigger = join(folder, "trigger.json");
  await writeFile(trigger, '{"trigger": "shop.sold", "payload": {}}');
  const tried = await run("rule", "test", file, "--trigger", trigger);
  expect([tried.code, tried.stderr]).toEqual([0, misspelled(place)]);

  // Another pack's rule that an action's new version no longer suits is told of when that version comes.
  await writeFile(file, rule("sale", "shop.count", "{by: 1}"));
  expect(await run("rule", "create", file)).toMatchObject({ code: 0, stderr: "" });
  await writeFile(
    join(pack, "actions/count.yaml"),
    "name: count\nrunner_type: noop\nenabled: true\nparameters:\n  amount: {type: integer}\n",
  );
  expect((await run("pack", "register", pack)).stderr).toContain(
    "warning PARAMETER_UNKNOWN: action shop.count has no parameter 'by'\n  where: rule default.sale (action.parameters.by)",
  );
});

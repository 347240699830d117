/** Triggers with parameters: sensors hear which of them rules want, and what they tell of one reaches only its rules. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Enforcement } from "../../../shared/model/rule.ts";
import type { TriggerInstance } from "../../../shared/model/trigger.ts";
import { createHub } from "../../support/fleet.ts";
import { userOf } from "../../support/fleet-user.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { waitUntil } from "../../support/wait-until.ts";

const typescript = `
export class Ears {
  constructor(service) { this.service = service; }
  async setup() { await this.service.dispatch("lines.heard", { by: "node", op: "start", path: String(process.pid) }); }
  async hear(op, { parameters, ref, type }) {
    if (type !== "lines.line") return;
    await this.service.dispatch("lines.heard", { by: "node", op, path: parameters.path });
    if (op === "add") await this.service.dispatch(ref, { by: "node", path: parameters.path });
  }
  addTrigger(trigger) { return this.hear("add", trigger); }
  updateTrigger(trigger) { return this.hear("update", trigger); }
  removeTrigger(trigger) { return this.hear("remove", trigger); }
  run() { setInterval(() => {}, 60_000); }
}
`;
const python = `
import os, time
from st2reactor.sensor.base import Sensor

class Ohren(Sensor):
    def setup(self):
        self.sensor_service.dispatch("lines.heard", {"by": "python", "op": "start", "path": str(os.getpid())})
    def hear(self, op, trigger):
        if trigger["type"] != "lines.line":
            return
        path = trigger["parameters"]["path"]
        self.sensor_service.dispatch("lines.heard", {"by": "python", "op": op, "path": path})
        if op == "add":
            self.sensor_service.dispatch(trigger=trigger, payload={"by": "python", "path": path})
    def add_trigger(self, trigger):
        self.hear("add", trigger)
    def update_trigger(self, trigger):
        self.hear("update", trigger)
    def remove_trigger(self, trigger):
        self.hear("remove", trigger)
    def run(self):
        while True:
            time.sleep(60)
`;
const metadata = (name: string, file: string) => `class_name: ${name}
entry_point: ${file}
trigger_types:
  - name: heard
  - name: line
    parameters_schema:
      type: object
      properties:
        path: {type: string, required: true}
`;
const rule = (name: string, path: string) => `name: ${name}
enabled: true
trigger: {type: lines.line, parameters: {path: ${path}}}
action: {ref: core.noop}
`;

test("they are added, removed and there again at the next start, in TypeScript and Python", {
  timeout: 120_000,
}, async () => {
  const folder = await tempFolder();
  const pack = join(folder, "lines");
  await mkdir(join(pack, "sensors"), { recursive: true });
  const files = {
    "pack.yaml": "ref: lines\nname: lines\ndescription: d\nversion: 1.0.0\nauthor: a\nemail: a@example.org\n",
    "package.json": '{"type": "module"}',
    "sensors/ears.ts": typescript,
    "sensors/ears.yaml": metadata("Ears", "ears.ts"),
    "sensors/ohren.py": python,
    "sensors/ohren.yaml": metadata("Ohren", "ohren.py"),
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(pack, name), text);
  const hub = await createHub({ args: ["--with-agent"] });
  await hub.start();
  const user = userOf(hub);
  const heard = async () => {
    const all = await hub.all<TriggerInstance>("/v1/trigger-instances?trigger=lines.heard");
    const told = all.map(({ payload }) => payload as { by: string; op: string; path: string });
    return ["node", "python"].map((by) =>
      told
        .filter((each) => each.by === by)
        .map(({ op, path }) => (op === "start" ? "start" : `${op} ${path}`)),
    );
  };
  const bothHeard = (...expected: readonly string[]) =>
    waitUntil(`both have heard ${expected.join(", ")}`, async () => {
      const now = await heard();
      return now.every((each) => each.length >= expected.length) && now;
    }).then((now) => expect(now).toEqual([expected, expected]));
  const fired = async (name: string) =>
    (await hub.all<Enforcement>(`/v1/rule-enforcements?rule=default.${name}`)).length;
  const save = async (text: string) => {
    const file = join(folder, "rule.yaml");
    await writeFile(file, text);
    return file;
  };

  await user.says("pack", "register", pack);
  await bothHeard("start");
  await user.rule(rule("a", "/a"));
  await bothHeard("start", "add /a");
  await waitUntil("the rule has fired for both", async () => (await fired("a")) === 2);
  await user.rule(rule("b", "/b"));
  // Wanted by another rule already: nothing new.
  await user.rule(rule("also_b", "/b"));
  await bothHeard("start", "add /a", "add /b");
  await waitUntil("the other has fired for both", async () => (await fired("b")) === 2);
  // What is told of /b is nothing to the rule for /a.
  expect(await fired("a")).toBe(2);

  await user.says("rule", "delete", "default.also_b");
  await user.says("rule", "update", "default.a", await save(rule("a", "/c")));
  await bothHeard("start", "add /a", "add /b", "remove /a", "add /c");
  await user.says("rule", "delete", "default.b");
  const before = ["start", "add /a", "add /b", "remove /a", "add /c", "remove /b"];
  await bothHeard(...before);

  // No process has been restarted for any of that. The next one hears at its start what there is.
  await hub.stop();
  await hub.start();
  await bothHeard(...before, "start", "add /c");
});

/** A pack with one action in Python and one in JavaScript that wait for a file, and talk with their agent before and after. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { tempFolder } from "./temp-folder.ts";

const python = `import os, time
from st2common.runners.base_action import Action

class Waits(Action):
    def run(self, go, before):
        service = self.action_service
        service.set_value("n", "0")
        print("printed before, pid %d" % os.getpid())
        open(before, "w").close()
        n = 0
        while not os.path.exists(go):
            n += 1
            service.set_value("n", str(n))
            assert service.get_value("n") == str(n), "a value was lost"
            time.sleep(0.01)
        print("printed after, pid %d" % os.getpid())
        return (True, {"asked": n, "own": service.get_value("n")})
`;

const node = `import { existsSync, writeFileSync } from "node:fs";
export default class WaitsInNode {
  constructor({ service }) { this.service = service; }
  async run({ go, before }) {
    await this.service.setValue("n", "0");
    console.log("printed before, pid " + process.pid);
    writeFileSync(before, "");
    let n = 0;
    while (!existsSync(go)) {
      await this.service.setValue("n", String(++n));
      if ((await this.service.getValue("n")) !== String(n)) throw new Error("a value was lost");
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    console.log("printed after, pid " + process.pid);
    return { asked: n, own: await this.service.getValue("n") };
  }
}
`;

/** Asks without end, and takes no answer. */
const deaf = `from st2common.runners.base_action import Action

class Deaf(Action):
    def run(self, go, before):
        service = self.action_service
        service.set_value("big", "x" * 60000)
        channel = service._channel
        channel.ask = lambda call: channel.send(dict(call, request=1))
        open(before, "w").close()
        while True:
            try:
                service.get_value("big")
            except Exception:
                pass
`;

/** Values of the hub's datastore, which its agent has to ask for. */
const asking = `import os, time
from st2common.runners.base_action import Action

class Asks(Action):
    def run(self, go, before):
        service = self.action_service
        service.set_value("n", "0", local=False)
        open(before, "w").close()
        n = 0
        while not os.path.exists(go):
            n += 1
            service.set_value("n", str(n), local=False)
            assert service.get_value("n", local=False) == str(n), "a value was lost"
            time.sleep(0.01)
        return (True, {"asked": n, "own": service.get_value("n", local=False)})
`;

const action = (name: string, runner: string, file: string) =>
  `name: ${name}\nrunner_type: ${runner}\nentry_point: ${file}\nenabled: true\nparameters:\n` +
  "  go: {type: string, required: true}\n  before: {type: string, required: true}\n";

/** The pack's folder. Its actions are `waiting.python`, `waiting.node`, `waiting.asking` and `waiting.deaf`. */
export async function waitingPack(): Promise<string> {
  const folder = join(await tempFolder("waiting"), "waiting");
  await mkdir(join(folder, "actions"), { recursive: true });
  const files = {
    "pack.yaml":
      "ref: waiting\nname: waiting\nversion: 1.0.0\nauthor: a\nemail: a@example.org\ndescription: d\n",
    "actions/python.yaml": action("python", "python-script", "waits.py"),
    "actions/node.yaml": action("node", "node-script", "waits.js"),
    "actions/asking.yaml": action("asking", "python-script", "asks.py"),
    "actions/deaf.yaml": action("deaf", "python-script", "deaf.py"),
    "actions/asks.py": asking,
    "actions/deaf.py": deaf,
    "actions/waits.py": python,
    "actions/waits.js": node,
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  return folder;
}

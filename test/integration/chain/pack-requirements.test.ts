/** A pack with requirements on a real agent: its actions and sensors run with them, or say why they cannot. */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import type { PackOnAgent } from "../../../hub/packs/progress.ts";
import type { SensorRecord } from "../../../shared/model/agent.ts";
import type { Execution } from "../../../shared/model/execution.ts";
import { agentReady, createAgent, createHub } from "../../support/fleet.ts";
import { userOf } from "../../support/fleet-user.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { waitUntil } from "../../support/wait-until.ts";
import { makeWheel } from "../../support/wheel.ts";

const files = {
  "pack.yaml": "ref: needy\nname: needy\ndescription: d\nversion: 1.0.0\nauthor: a\n",
  "requirements.txt": "petrel_greeting\n",
  "actions/greet.yaml": "name: greet\nrunner_type: python-script\nentry_point: greet.py\n",
  "actions/greet.py":
    "from st2common.runners.base_action import Action\nimport petrel_greeting\n\nclass Greet(Action):\n    def run(self):\n        return petrel_greeting.WORD\n",
  "sensors/seer.yaml":
    "class_name: Seer\nentry_point: seer.py\ndescription: d\npoll_interval: 60\ntrigger_types: [{name: seen, description: d}]\n",
  "sensors/seer.py":
    "from st2reactor.sensor.base import PollingSensor\nimport petrel_greeting\n\nclass Seer(PollingSensor):\n    def poll(self):\n        pass\n",
};

test("the requirements of a pack come first; what is missing is told, and mended by a new version", async () => {
  const folder = await tempFolder("needy");
  const wheels = join(folder, "wheels");
  const pack = join(folder, "needy");
  await mkdir(wheels);
  for (const [path, text] of Object.entries({ ...files, "requirements.txt": "petrel_missing\n" })) {
    await mkdir(dirname(join(pack, path)), { recursive: true });
    await writeFile(join(pack, path), text);
  }
  const hub = await createHub();
  await hub.start();
  const user = userOf(hub);
  const agent = await createAgent(hub, "web-1", []);
  agent.start({ PETREL_AGENT_PIP_INDEX: wheels });
  await agentReady(hub, agent.id);

  const status = async () => (await user.json<readonly PackOnAgent[]>("pack", "status", "needy"))[0];
  const sensor = async () =>
    (await user.json<readonly SensorRecord[]>("sensor", "list")).find((row) => row.sensor === "needy.Seer");
  const greet = async () => {
    const { stdout } = await user.run("run", "needy.greet", "--host", "web-1", "--json");
    return JSON.parse(stdout) as Execution;
  };

  await user.says("pack", "install", pack);
  await waitUntil("the failure to be told", async () => (await status())?.state === "failed");
  const why = /the requirements of pack needy cannot be installed: ERROR: No matching distribution found/;
  expect((await status())?.detail).toMatch(why);
  await waitUntil("the sensor to have failed", async () => (await sensor())?.state === "failed");
  expect((await sensor())?.last_error).toMatch(why);
  const failed = await greet();
  expect(failed.status).toBe("failed");
  expect(JSON.stringify(failed.result)).toMatch(/PACK_VIRTUALENV/);

  await makeWheel(wheels, "petrel_greeting", "WORD = 'hello'\n");
  await writeFile(join(pack, "requirements.txt"), files["requirements.txt"]);
  await user.says("pack", "install", pack);
  await waitUntil("the new version to run", async () => (await status())?.state === "applied");
  expect(await status()).toMatchObject({ state: "applied", detail: null });
  expect((await sensor())?.state).toBe("running");
  expect(await greet()).toMatchObject({ status: "succeeded", result: { result: "hello" } });

  // What was built is there at the next start, with the index away.
  await agent.stop();
  agent.start({ PETREL_AGENT_PIP_INDEX: "/nowhere" });
  await agentReady(hub, agent.id, ["core", "needy"]);
  expect(await greet()).toMatchObject({ status: "succeeded" });
});

/**
 * Sensor and agent are killed again and again while files change: each change becomes one trigger instance, none is
 * missed, none comes twice. `PETREL_WATCH_KILLS` says how often (12).
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, renameSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import type { TriggerInstance } from "../../shared/model/trigger.ts";
import { sharedByFile } from "../support/at-end.ts";
import { agentReady, createAgent, createHub } from "../support/fleet.ts";
import { userOf } from "../support/fleet-user.ts";
import { processesAtHome } from "../support/home-processes.ts";
import { expectNothingSetAside } from "../support/stream.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { waitUntil } from "../support/wait-until.ts";

const kills = Number(process.env.PETREL_WATCH_KILLS ?? 12);
/** Rounds of changes between two kills, at most; each takes files that are there from the beginning. */
const rounds = 60;
const roundMs = 40;

const shared = sharedByFile(async () => {
  const hub = await createHub();
  await hub.start();
  const agent = await createAgent(hub, "web-1", ["role=web"]);
  agent.start();
  await agentReady(hub, agent.id);
  const watched = await tempFolder("killed");
  // On the same file system, and not watched: what is moved out of it is there at once, with all its content.
  const staging = await tempFolder("staging");
  for (const folder of ["new", "old", "going"]) mkdirSync(join(watched, folder));
  for (let n = 0; n < kills * rounds; n++) {
    writeFileSync(join(watched, "old", `${n}`), "old");
    writeFileSync(join(watched, "going", `${n}`), "");
  }
  for (const name of ["stopped", "killed"]) writeFileSync(join(watched, name), "one");
  const settings = [`paths=[{path: ${watched}}]`, "burst_per_second=100000", "who=off"];
  const sets = settings.flatMap((setting) => ["--set", setting]);
  const user = userOf(hub);
  await user.says("pack", "assign", "watch", "--labels", "role=web", ...sets, "--wait");
  /** What was told, in one line for each instance. */
  const told = async () => {
    const all = await hub.all<TriggerInstance>("/v1/trigger-instances?trigger=watch.file_changed");
    return all.map(({ payload }) => {
      const { status, path } = payload as { readonly status: string; readonly path: string };
      return `${status} ${path.slice(watched.length + 1)}`;
    });
  };
  const sensor = () =>
    waitUntil("the process of the sensor", () =>
      processesAtHome(agent.daemon().home).find(({ sensor: ref }) => ref === "watch.FileWatch"),
    );
  return { hub, agent, user, watched, staging, told, sensor };
});

test(`each change is told once, whoever is killed meanwhile (${kills} times)`, async () => {
  const { hub, agent, user, watched, staging, told, sensor } = shared();
  const expected: string[] = [];
  let made = 0;
  let isOver = false;
  const change = async () => {
    for (; !isOver && made < kills * rounds; made++) {
      const fresh = (name: string) => {
        const path = join(staging, name);
        writeFileSync(path, `content ${made}`);
        return path;
      };
      for (const name of [`new/${made}-a`, `new/${made}-b`]) {
        renameSync(fresh("new"), join(watched, name));
        expected.push(`created ${name}`);
      }
      renameSync(fresh("old"), join(watched, "old", `${made}`));
      unlinkSync(join(watched, "going", `${made}`));
      expected.push(`modified old/${made}`, `deleted going/${made}`);
      await sleep(roundMs);
    }
  };
  const changing = change();
  for (let n = 0; n < kills; n++) {
    const { pid } = await sensor();
    // Up to the time that a start and the first look take, so that none of it is spared.
    await sleep((n * 137) % 700);
    if (n % 2 === 0) {
      try {
        process.kill(pid, "SIGKILL");
      } catch (error) {
        // It has ended with the agent that was killed before.
        if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
      }
    } else {
      await agent.kill();
      agent.start();
    }
  }
  isOver = true;
  await changing;
  expect(expected.length).toBeGreaterThan(kills * 4);
  const whole = async () => {
    const { length } = await told();
    if (length < expected.length) throw new Error(`${length} of ${expected.length}`);
    return true;
  };
  await waitUntil("every change is told", whole, 240_000, 1_000);
  await agentReady(hub, agent.id, ["core", "watch"]);
  // Looks at everything once more, so that what was missed or is still to be told twice comes to light.
  await waitUntil("a sweep finds nothing", async () => {
    const { code, stdout, stderr } = await user.run("file", "verify", "--full", "--wait");
    if (code !== 0) throw new Error(`${code}: ${stdout} ${stderr}`);
    return true;
  });
  expect((await told()).toSorted()).toEqual(expected.toSorted());
  // A baseline that was being written is not taken for one that others have written.
  expect(await hub.all<TriggerInstance>("/v1/trigger-instances?trigger=watch.baseline_tampered")).toEqual([]);
  await expectNothingSetAside(hub);
});

test.each(["stopped", "killed"] as const)(
  "a change of the same size and time, made while the agent was %s, is told",
  async (how) => {
    const { hub, agent, watched } = shared();
    // Ended with the test that had started it last.
    agent.start();
    await agentReady(hub, agent.id, ["core", "watch"]);
    await (how === "stopped" ? agent.stop() : agent.kill());
    const file = join(watched, how);
    // As somebody does it who covers up: the same size, and the time set back.
    execFileSync("bash", ["-c", `touch -r ${file} ref && printf two > ${file} && touch -r ref ${file}`], {
      cwd: await tempFolder("reference"),
    });
    expect(readFileSync(file, "utf8")).toBe("two");
    agent.start();
    const instance = await waitUntil("it is told", async () => {
      const all = await hub.all<TriggerInstance>("/v1/trigger-instances?trigger=watch.file_changed");
      return all.find(({ payload }) => (payload as { readonly path: string }).path === file);
    });
    expect(instance.payload).toMatchObject({
      status: "modified",
      changed: ["digest", "ctime"],
      offline: true,
      detected_by: "reconcile",
      window: { since: expect.any(String), until: expect.any(String) },
    });
  },
);

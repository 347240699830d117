/** Which agents run a pack, with what configuration, and what an operator who waits for it is told. */
import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import type { PackOnAgent } from "../../../hub/packs/progress.ts";
import type { SensorRecord } from "../../../shared/model/agent.ts";
import type { TriggerInstance } from "../../../shared/model/trigger.ts";
import { sharedByFile } from "../../support/at-end.ts";
import { agentReady, createAgent, createHub } from "../../support/fleet.ts";
import { packsRunning, userOf } from "../../support/fleet-user.ts";
import { waitUntil } from "../../support/wait-until.ts";

const shared = sharedByFile(async () => {
  const hub = await createHub();
  await hub.start();
  const user = userOf(hub);
  // Registered, a pack comes to all agents; here there are none yet.
  await user.says("pack", "register", `${packsRunning}/placed`);
  await user.says("pack", "assign", "placed", "--none", "--wait");
  const web = await createAgent(hub, "web-1", ["role=web"]);
  const db = await createAgent(hub, "db-1", ["role=db"]);
  for (const agent of [web, db]) {
    agent.start();
    await agentReady(hub, agent.id);
  }
  const sensors = async () =>
    (await user.json<readonly SensorRecord[]>("sensor", "list")).filter(
      ({ sensor }) => sensor === "placed.Probe",
    );
  const sensorOf = async (id: string) => (await sensors()).find(({ agent }) => agent === id);
  /** What the sensor of this agent was started with, oldest first. */
  const levels = async (id: string) =>
    (await hub.all<TriggerInstance>("/v1/trigger-instances?trigger=placed.started"))
      .filter(({ origin }) => origin.agent === id)
      .map(({ payload }) => (payload as { readonly level: string }).level);
  const status = (...more: readonly string[]) =>
    user.json<readonly PackOnAgent[]>("pack", "status", "placed", ...more);
  return { hub, user, web, db, sensorOf, levels, status };
});

/** In this order: each test goes on where the one before ended. */
describe("a pack", () => {
  test("runs where labels say, with what is configured for them; who waits is told once it does", async () => {
    const { user, status, levels, sensorOf } = shared();
    const assigned = await user.run(
      ...["pack", "assign", "placed", "--labels", "role=web", "--set", "level=web", "--wait"],
    );
    expect([assigned.code, assigned.stdout]).toEqual([0, "placed is assigned to role=web\nweb-1  applied\n"]);
    expect(await status()).toMatchObject([{ agent: "web-1", state: "applied" }]);
    expect((await sensorOf("web-1"))?.state).toBe("running");
    expect(await sensorOf("db-1")).toBeUndefined();
    await waitUntil("its first trigger", async () => (await levels("web-1")).join() === "web");

    const nobody = await user.run(
      ...["pack", "config", "placed", "--labels", "role=mail", "--set", "level=mail", "--wait"],
    );
    expect([nobody.code, nobody.stdout]).toEqual([
      0,
      expect.stringMatching(/no agent that is known runs it\n$/),
    ]);
  });

  test("comes to an agent that is labelled anew, with the layers that its labels pick", async () => {
    const { user, status, levels } = shared();
    await user.says("pack", "config", "placed", "--labels", "role=web,site=berlin", "--set", "level=berlin");
    await user.says("agent", "label", "db-1", "role=web", "site=berlin");
    await waitUntil(
      "both to have applied it",
      async () =>
        (await status()).map(({ agent, state }) => `${agent} ${state}`).join() ===
        "db-1 applied,web-1 applied",
    );
    await waitUntil("the level of both labels", async () => (await levels("db-1")).join() === "berlin");
    expect(await user.json("pack", "config", "placed", "--agent", "db-1")).toMatchObject({ level: "berlin" });
    // What others get was not touched, so their sensor was not either.
    expect(await levels("web-1")).toEqual(["web"]);
  });

  test("goes on as before where a new configuration cannot be used, across restarts, and goes with the label; who waits is told why", async () => {
    const { hub, user, web, db, status, sensorOf, levels } = shared();
    await writeFile(join(dirname(web.data), "needed"), "");
    const change = ["pack", "config", "placed", "--set", "needs=needed", "--set", "token=s3cret", "--wait"];
    const waited = await user.run(...change, "--json");
    expect(waited.code).toBe(1);
    expect(JSON.parse(waited.stdout)).toMatchObject({ needs: "needed", token: "********" });
    const lines = [
      expect.stringMatching(/^db-1 {2}failed: placed\.Probe goes on as before: .*ENOENT.*needed/),
      "web-1  applied",
      "",
    ];
    expect(waited.stderr.split("\n")).toEqual(lines);
    const failed = await status("--labels", "site=berlin");
    expect(failed).toMatchObject([
      { agent: "db-1", state: "failed", detail: expect.stringMatching(/ENOENT/) },
    ]);
    expect(await sensorOf("db-1")).toMatchObject({
      state: "running",
      problem: expect.stringMatching(/ENOENT/),
    });

    await db.stop();
    db.start();
    await agentReady(hub, "db-1", ["placed"]);
    const lives = ["berlin", "berlin", "berlin"];
    await waitUntil(
      "the way back after the restart",
      async () => (await levels("db-1")).length === lives.length,
    );
    expect(await levels("db-1")).toEqual(lives);
    await waitUntil("the reason again", async () => (await status()).at(0)?.state === "failed");

    await writeFile(join(dirname(db.data), "needed"), "");
    const mended = await user.run(
      ...["pack", "config", "placed", "--labels", "role=web,site=berlin", "--set", "level=mended", "--wait"],
    );
    expect([mended.code, mended.stdout]).toEqual([0, expect.stringMatching(/\ndb-1 {2}applied\n$/)]);
    await waitUntil("the new one", async () => (await levels("db-1")).at(-1) === "mended");

    // The label goes, and with it the pack; here, since what was started in a test ends with it.
    const pid = (await sensorOf("db-1"))?.pid ?? 0;
    expect(pid).toBeGreaterThan(0);
    await user.says("agent", "label", "db-1", "role=db");
    await waitUntil("the agent to be rid of it", async () => {
      const rows = await status();
      if (rows.length !== 1) throw new Error(JSON.stringify(rows));
      return true;
    });
    await waitUntil("its sensor to have stopped", async () => (await sensorOf("db-1"))?.state !== "running");
    expect(() => process.kill(pid, 0)).toThrow("ESRCH");
    expect(await status()).toMatchObject([{ agent: "web-1", state: "applied" }]);
  });

  test("has its sensors where they run, and none of them while overrides switch them off", async () => {
    const { hub, user, web, status, sensorOf, levels } = shared();
    const lives = (await levels("web-1")).length;
    const file = join(dirname(web.data), "placed.yaml");
    await writeFile(file, "sensors:\n  defaults:\n    enabled: no way\n");
    const wrong = await user.run("override", "set", "placed", file);
    expect([wrong.code, wrong.stderr]).toEqual([
      2,
      expect.stringContaining(`where: ${file}:3 (sensors.defaults.enabled)`),
    ]);
    await writeFile(
      file,
      "sensors:\n  exceptions:\n    Probe: {enabled: false}\n    Prope: {enabled: false}\n",
    );
    const set = await user.run("override", "set", "placed", file);
    expect([set.code, set.stdout, set.stderr]).toEqual([
      0,
      "overrides of placed: 1 part is switched otherwise than in their files\n",
      expect.stringMatching(/^warning PACK_FIELD: pack placed has nothing called 'Prope'/),
    ]);
    const isOff = async () => (await sensorOf("web-1"))?.state !== "running";
    await waitUntil("its sensor to have stopped", isOff);
    await waitUntil("the agent to say so", async () => (await status())[0]?.state === "applied");
    expect(await user.json("pack", "get", "placed")).toMatchObject({
      overridden: [{ kind: "sensors", ref: "placed.Probe", enabled: false, in_file: true }],
    });
    await web.stop();
    web.start();
    await agentReady(hub, "web-1", ["placed"]);
    expect([await isOff(), (await levels("web-1")).length]).toEqual([true, lives]);
    await user.says("override", "delete", "placed");
    await waitUntil("its sensor to run again", async () => !(await isOff()));
    await waitUntil("its trigger", async () => (await levels("web-1")).length === lives + 1);
  });

  test("is not there for a command that names another one, no labels, or no agents", async () => {
    const { user } = shared();
    for (const [words, code, message] of [
      [["assign", "nopack", "--all"], 1, /^NOT_FOUND: no pack is called nopack/],
      [["assign", "placed"], 2, /^CLI_USAGE: say which agents/],
      [["assign", "placed", "--labels", "role"], 2, /^CLI_USAGE: 'role' are no labels/],
      [["config", "placed", "--set", "level=[1]"], 2, /^PACK_CONFIG: /],
      [["status", "nopack"], 1, /^NOT_FOUND: /],
    ] as const) {
      const ended = await user.run("pack", ...words);
      expect([words, ended.code, ended.stderr]).toEqual([words, code, expect.stringMatching(message)]);
    }
  });
});

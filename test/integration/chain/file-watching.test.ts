/** What is asked of agents that watch, live: `petrel file verify | compare | coverage`, `petrel-agent coverage`. */
import { execFileSync } from "node:child_process";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Comparison } from "../../../hub/files/compare.ts";
import type { FileChangeView } from "../../../hub/http/file-change-view.ts";
import type { Verification } from "../../../shared/model/file-verification.ts";
import type { WatchCoverage } from "../../../shared/watch/questions.ts";
import { sharedByFile } from "../../support/at-end.ts";
import { agentReady, createAgent, createHub } from "../../support/fleet.ts";
import { userOf } from "../../support/fleet-user.ts";
import { runPetrel } from "../../support/run-petrel.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { waitUntil } from "../../support/wait-until.ts";

/**
 * Two agents watch one folder: web-1 hears the kernel, web-2 looks only when it is asked to, so that it holds what was
 * there before. web-3 watches nothing.
 */
const shared = sharedByFile(async () => {
  const hub = await createHub();
  await hub.start();
  const user = userOf(hub);
  const watched = await tempFolder("watched");
  const at = (name: string) => join(watched, name);
  await mkdir(at("conf.d"));
  for (const name of ["motd", "conf.d/a", "conf.d/b"]) await writeFile(at(name), name);
  const agents = [
    await createAgent(hub, "web-1", ["role=web"]),
    await createAgent(hub, "web-2", ["role=web", "by=sweep"]),
    await createAgent(hub, "web-3"),
  ] as const;
  for (const agent of agents) {
    agent.start();
    await agentReady(hub, agent.id);
  }
  const paths = `paths=[{path: ${watched}, diff: true}]`;
  const quiet = ["--set", "backend=sweep", "--set", "sweep_every=0"];
  await user.says("pack", "config", "watch", "--labels", "by=sweep", "--set", paths, ...quiet);
  await user.says("pack", "assign", "watch", "--labels", "role=web", "--set", paths, "--wait");
  return { hub, user, agents, watched, at };
});

/** Waits until web-1 has seen that nothing or something else is there. */
async function heardOf(path: string, status: string): Promise<void> {
  const { user } = shared();
  await waitUntil(`${status} ${path}`, async () => {
    const changes = await user.json<FileChangeView[]>("file", "changes", "--agent", "web-1");
    return changes.some((change) => change.path === path && change.status === status);
  });
}

test("the lines that an edit changed are shown, without the secrets among them", async () => {
  const { user, at } = shared();
  const file = at("app.conf");
  await writeFile(file, "user=joe\npassword=one\nport=80\n");
  await heardOf(file, "created");
  // Saves by way of a file of its own.
  execFileSync("sed", ["-i", "s/one/two/; s/80/443/", file]);
  await heardOf(file, "modified");
  const changes = await user.json<FileChangeView[]>("file", "changes", "--agent", "web-1", "--path", file);
  const { id } = changes.find(({ status }) => status === "modified") ?? { id: "" };
  const { code, stdout, stderr } = await user.run("file", "diff", id);
  expect({ code, stdout, stderr }).toEqual({
    code: 0,
    stdout: `--- ${file}\n+++ ${file}\n@@ -1,3 +1,3 @@\n user=joe\n-password=********\n-port=80\n+password=********\n+port=443\n`,
    stderr: "what looked like a secret is masked\n",
  });
  await writeFile(file, "\0");
  await waitUntil("it is told, too", async () => {
    const [newest] = await user.json<FileChangeView[]>("file", "changes", "--agent", "web-1", "--path", file);
    if (newest === undefined || newest.id === id) return false;
    const why = await user.says("file", "diff", newest.id);
    expect(why).toBe("no difference was kept: it is no text\n");
    return true;
  });
  await rm(file);
  await heardOf(file, "deleted");
});

describe("coverage", () => {
  test("is told on the host and by the hub: what is live, what nothing finds, and why", async () => {
    const { user, agents, watched } = shared();
    const [live] = agents;
    const told = await runPetrel(["coverage", "--data", live.data], { command: "petrel-agent" });
    expect(told.stdout).toMatch(new RegExp(`^live +${watched} +\\((fanotify|inotify), .+ at /`));
    expect(told.stdout).toMatch(/\nsweeps +every hour, with digests every day\n/);
    expect(told.stdout).toMatch(/cannot see:\n {2}stores through a memory mapping/);

    const swept = await user.json<WatchCoverage>("file", "coverage", "--agent", "web-2");
    expect(swept.paths).toMatchObject([{ path: watched, state: "blind", backend: "sweep" }]);
    expect(swept.paths[0]?.reason).toMatch(/configured so; sweeps are off/);
    expect(swept).toMatchObject({
      left_out: 0,
      unreadable: 0,
      sweep: { every: 0, full_every: 0, last: null },
    });

    const all = await user.run("file", "coverage");
    expect(all.code).toBe(1);
    expect(all.stdout).toMatch(
      new RegExp(
        `^web-1 {2}1 live, 0 polled, 0 blind\n {2}live +${watched} .*\nweb-2 {2}0 live, 0 polled, 1 blind\n`,
      ),
    );
    const one = await user.run("file", "coverage", "--agents", "web-1,web-3", "--json");
    expect([one.code, JSON.parse(one.stdout)]).toMatchObject([
      1,
      {
        agents: [
          { agent: "web-1", live: 1, paths: [{ path: watched }] },
          { agent: "web-3", why: "not-watching" },
        ],
      },
    ]);
    const wrong = await user.run("file", "coverage", "--agent", "web-1", "--labels", "role=web");
    expect([wrong.code, wrong.stderr.split(":")[0]]).toEqual([2, "CLI_USAGE"]);

    const none = await user.run("file", "coverage", "--agent", "web-3");
    expect([none.code, none.stderr.split(":")[0]]).toEqual([1, "SENSOR_NOT_RUNNING"]);
    const unknown = await user.run("file", "coverage", "--agent", "web-9");
    expect([unknown.code, unknown.stderr.split(":")[0]]).toEqual([1, "AGENT_UNKNOWN"]);
  });
});

describe("hosts", () => {
  test("are compared by what their baselines hold; who differs, and who cannot be asked, is named", async () => {
    const { user, at } = shared();
    const same = await user.run("file", "compare", at("motd"));
    expect([same.code, same.stdout.split("\n")[1]]).toEqual([0, expect.stringMatching(/^2 .* web-1 web-2$/)]);

    await writeFile(at("motd"), "other");
    await heardOf(at("motd"), "modified");
    const ended = await user.run(
      "file",
      "compare",
      `${at("conf.d")}/../motd/`,
      "--json",
      "--labels",
      "role=web",
    );
    const compared = JSON.parse(ended.stdout) as Comparison;
    expect(ended.code).toBe(5);
    expect(compared).toMatchObject({ asked: 2, missing: [] });
    expect(compared.groups.map(({ kind, count, agents }) => [kind, count, agents.length])).toEqual([
      ["file", 1, 1],
      ["file", 1, 1],
    ]);
    expect(new Set(compared.groups.map(({ digest }) => digest)).size).toBe(2);

    const one = await user.run("file", "compare", at("motd"), "--agents", "web-1,web-3");
    expect(one.code).toBe(1);
    expect(one.stdout).toMatch(/\nnot compared: web-3 +not-watching: this agent runs no sensor/);
    const elsewhere = await user.run("file", "compare", "/nowhere", "--agents", "web-1");
    expect([elsewhere.code, elsewhere.stdout]).toEqual([
      1,
      "not compared: web-1  not-watched: the path is not selected there\n",
    ]);
  });
});

describe("a verification", () => {
  const verify = async (...more: readonly string[]) => {
    const ended = await shared().user.run("file", "verify", ...more, "--json");
    return { ...ended, record: JSON.parse(ended.stdout) as Verification };
  };

  test("finds what nothing had told, on the agents and in the part that is asked for, and once", async () => {
    const { user, at } = shared();
    await writeFile(at("conf.d/a"), "changed");
    await rm(at("conf.d/b"));
    await writeFile(at("beside"), "new");
    await heardOf(at("beside"), "created");
    const sweeps = async () =>
      (await user.json<FileChangeView[]>("file", "changes", "--agent", "web-2"))
        .filter(({ detected_by }) => detected_by === "sweep")
        .map(({ path, status }) => `${status} ${path}`)
        .sort();

    const part = await verify("--labels", "by=sweep", "--path", at("conf.d"), "--wait");
    expect(part.code).toBe(5);
    // conf.d, and what is left in it.
    const ended = { agent: "web-2", state: "done", looked: 2, differences: 2, unreadable: 0 };
    expect(part.record.agents).toMatchObject([ended]);
    const first = [`deleted ${at("conf.d/b")}`, `modified ${at("conf.d/a")}`];
    await waitUntil("the changes at the hub", async () => (await sweeps()).length === 2);
    expect(await sweeps()).toEqual(first);

    const shown = await verify("--id", part.record.id);
    expect([shown.code, shown.record]).toEqual([5, part.record]);

    const rest = await user.run("file", "verify", "--full", "--wait");
    expect(rest.code).toBe(5);
    expect(rest.stdout).toMatch(
      /^web-1 {2}done: 5 paths looked at, no differences\nweb-2 {2}done: 5 paths .* told\n$/,
    );
    expect((await verify("--wait")).code).toBe(0);
  });

  test("begins and goes on without anybody who waits", async () => {
    const begun = await verify("--agents", "web-1");
    expect([begun.code, begun.record.agents[0]?.state]).toEqual([0, "waiting"]);
    await waitUntil("its end", async () => {
      const { record } = await verify("--id", begun.record.id);
      return record.agents[0]?.state === "done";
    });
  });

  test("names agents that do not answer, and nothing is begun for one that is not known", async () => {
    const { user, agents, at } = shared();
    const [, swept] = agents;
    await swept.kill();
    await waitUntil("web-2 away", async () => {
      const { online } = await user.json<{ online: boolean }>("agent", "get", "web-2");
      return !online;
    });
    const ended = await user.run("file", "verify", "--agents", "web-1,web-2,web-3", "--wait");
    expect(ended.code).toBe(1);
    expect(ended.stdout.split("\n")).toEqual([
      expect.stringMatching(/^web-1 {2}done: \d+ paths looked at, no differences$/),
      expect.stringMatching(/^web-2 {2}offline: /),
      expect.stringMatching(/^web-3 {2}not-watching: /),
      "",
    ]);
    const compared = await user.run("file", "compare", at("motd"));
    expect([compared.code, compared.stdout]).toEqual([
      1,
      expect.stringMatching(/not compared: web-2 +offline: /),
    ]);

    const refused = async (...words: readonly string[]) => {
      const { code, stderr } = await user.run("file", "verify", ...words);
      return [code, stderr.split(":")[0]];
    };
    expect(await refused("--agents", "web-1,web-9")).toEqual([1, "AGENT_UNKNOWN"]);
    expect(await refused("--labels", "role=none")).toEqual([1, "AGENT_UNKNOWN"]);
    expect(await refused("--path", "[")).toEqual([2, "WATCH_GLOB"]);
    expect(await refused("--id", "none")).toEqual([1, "NOT_FOUND"]);
    expect(await refused("--id", "none", "--full")).toEqual([2, "CLI_USAGE"]);
    expect(await refused("--agents", "web-1", "--labels", "role=web")).toEqual([2, "CLI_USAGE"]);
  });
});

/** What actions are given, what comes back, and how they end: by themselves, in time, or not. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import type { SensorRecord } from "../../../shared/model/agent.ts";
import type { Execution } from "../../../shared/model/execution.ts";
import { sharedByFile } from "../../support/at-end.ts";
import { agentReady, createAgent, createHub } from "../../support/fleet.ts";
import { executionsOf, packsRunning, tell, userOf } from "../../support/fleet-user.ts";
import { isAlive } from "../../support/home-processes.ts";
import { pathWithout } from "../../support/path-without.ts";
import { startPetrel } from "../../support/run-petrel.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { waitUntil } from "../../support/wait-until.ts";

const shared = sharedByFile(async () => {
  const hub = await createHub();
  await hub.start();
  const agent = await createAgent(hub, "web-1", ["role=web"]);
  agent.start();
  const user = userOf(hub);
  await user.says("pack", "register", `${packsRunning}/chain`);
  await agentReady(hub, "web-1", ["chain", "core"]);
  const run = (action: string, ...words: readonly string[]) =>
    user.run("run", action, ...words, "--host", "web-1", "--json");
  const result = async (action: string, ...words: readonly string[]) =>
    JSON.parse((await run(action, ...words)).stdout) as Execution & {
      readonly result: Record<string, unknown>;
    };
  return { hub, user, agent, run, result };
});

const start = (body: object) =>
  shared()
    .hub.api<{ items: Execution[] }>("POST", "/v1/executions", { target: { host: "web-1" }, ...body })
    .then(({ items }) => items[0]?.id ?? "");

const execution = (id: string) => shared().hub.api<Execution>("GET", `/v1/executions/${id}`);

function status(id: string, ...wanted: readonly string[]): Promise<Execution> {
  return waitUntil(`execution ${id} to be ${wanted.join(" or ")}`, async () => {
    const found = await execution(id);
    if (!wanted.includes(found.status)) throw new Error(JSON.stringify(found));
    return found;
  });
}

test("core.http asks from the agent's host, and its result is what StackStorm's is", async () => {
  const { hub, result } = shared();
  const asked = await result("core.http", `url=${hub.url}/healthz`, "timeout=30", "headers=x-one=1");
  expect(asked).toMatchObject({
    status: "succeeded",
    agent: "web-1",
    result: { status_code: 200, parsed: true, headers: { "content-type": expect.stringContaining("json") } },
  });
  const refused = await result("core.http", `url=${hub.url}/v1/agents`, "method=POST", "body=x");
  expect(refused).toMatchObject({ status: "failed", result: { status_code: expect.any(Number) } });
});

test("core.http waits no longer than it is told to", async () => {
  const silent = createServer().listen(0, "127.0.0.1");
  await once(silent, "listening");
  onTestFinished(() => void silent.close());
  const { port } = silent.address() as AddressInfo;
  const asked = await shared().result("core.http", `url=http://127.0.0.1:${port}/`, "timeout=1");
  expect(asked).toMatchObject({ status: "timeout", reason: expect.stringContaining("1 s") });
});

describe("output", () => {
  test("is seen while the action runs, by those who come late, and whole at the end", async () => {
    // Of its own: it is killed.
    const hub = await createHub();
    await hub.start();
    const agent = await createAgent(hub, "web-1");
    agent.start();
    await agentReady(hub, "web-1");
    const user = userOf(hub);
    const folder = await tempFolder();
    const gate = join(folder, "go");
    const cmd = `echo first; echo oops >&2; until [ -e ${gate} ]; do sleep 0.1; done; printf 'ü last'; exit 3`;
    const begun = await user.run("run", "core.local", `cmd=${cmd}`, "--host", "web-1", "--async", "--json");
    const { id } = JSON.parse(begun.stdout) as Execution;
    const tail = startPetrel(["execution", "tail", id, "--data", hub.data]);
    await waitUntil("its first lines", () => tail.stdout() === "first\n" && tail.stderr() === "oops\n");
    const late = await user.run("execution", "get", id, "--json");
    expect(JSON.parse(late.stdout)).toMatchObject({ status: "running" });
    // The hub is not what it was, and the lines before are gone with it.
    await hub.kill();
    await hub.start();
    await writeFile(gate, "");
    expect(await tail.ended).toEqual({ code: 1, stdout: "first\nü last\n", stderr: "oops\n" });
    expect(await user.run("execution", "tail", id)).toEqual({
      code: 1,
      stdout: "first\nü last\n",
      stderr: "oops\n",
    });
    const { stdout } = await user.run("execution", "tail", id, "--json");
    const pieces = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(
      pieces
        .filter(({ stream }) => stream === "stdout")
        .map(({ text }) => text)
        .join(""),
    ).toBe("first\nü last");
  });

  test("of a short action, and of several agents, is printed by run --tail", async () => {
    const { hub, user } = shared();
    const one = ["run", "core.local", "echo short", "--tail"];
    expect(await user.run(...one, "--host", "web-1")).toEqual({ code: 0, stdout: "short\n", stderr: "" });
    expect(
      await user.run("run", "core.local", "cmd=echo '{\"a\": 1}'", "--tail", "--host", "web-1"),
    ).toMatchObject({
      stdout: '{\n  "a": 1\n}\n',
    });
    const second = await createAgent(hub, "web-2", ["role=web"]);
    second.start();
    await agentReady(hub, "web-2");
    const both = await user.run("run", "core.local", "echo $$; echo on", "--tail", "--labels", "role=web");
    expect(
      both.stdout
        .split("\n")
        .filter((line) => line.endsWith("| on"))
        .sort(),
    ).toEqual(["web-1 | on", "web-2 | on"]);
    expect(await second.stop()).toBe(0);
    expect(await user.run(...one, "--async")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("--tail"),
    });
    expect(await user.run("execution", "tail", "nothing")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("NOT_FOUND"),
    });
  });
});

describe("an action that does not end", () => {
  test("is ended when its timeout is over, with all it started", async () => {
    const { run } = shared();
    const folder = await tempFolder();
    const pids = join(folder, "pids");
    const cmd = `sleep 300 & echo $! $$ > ${pids}; echo begun; wait`;
    const { code, stdout } = await run("core.local", "timeout=1", `cmd=${cmd}`);
    expect([code, JSON.parse(stdout)]).toMatchObject([
      1,
      { status: "timeout", result: { stdout: "begun", succeeded: false, failed: true } },
    ]);
    const [child = 0, shell = 0] = readFileSync(pids, "utf8").trim().split(" ").map(Number);
    expect([isAlive(child), isAlive(shell)]).toEqual([false, false]);
  });

  test("is canceled while it runs; what has ended cannot be", async () => {
    const { user, agent } = shared();
    const file = join(await tempFolder(), "pid");
    const id = await start({ action: "core.local", parameters: { cmd: `echo $$ > ${file}; sleep 300` } });
    await status(id, "running");
    const pid = await waitUntil("its process", () => Number(readFileSync(file, "utf8")));
    expect(await user.says("execution", "cancel", id)).toBe(`${id} is canceling\n`);
    expect(await status(id, "canceled")).toMatchObject({ reason: expect.stringMatching(/^canceled by /) });
    expect(isAlive(pid)).toBe(false);
    const again = await user.run("execution", "cancel", id);
    expect([again.code, again.stderr.split(":")[0]]).toEqual([1, "EXECUTION_FINAL"]);
    expect(agent.daemon().child.exitCode).toBeNull();
  });

  test("leaves a command that is interrupted, and goes on", async () => {
    const { hub, user } = shared();
    const waiting = startPetrel(["run", "core.local", "sleep 300", "--host", "web-1", "--data", hub.data]);
    const id = await waitUntil("it runs", async () => {
      const running = await hub.all<Execution>("/v1/executions?status=running");
      return running.find(({ parameters }) => parameters.cmd === "sleep 300")?.id;
    });
    waiting.child.kill("SIGINT");
    expect(await waiting.ended).toMatchObject({
      code: 130,
      stdout: "",
      stderr: expect.stringContaining(`petrel execution get ${id}`),
    });
    expect((await execution(id)).status).toBe("running");
    await user.says("execution", "cancel", id);
    await status(id, "canceled");
  });
});

describe("what is large", () => {
  test("a mebibyte of output arrives whole", async () => {
    const { result } = shared();
    const { stdout } = (await result("core.local", "head -c 1048576 /dev/zero | tr '\\0' x")).result;
    expect(typeof stdout === "string" && stdout === "x".repeat(1024 * 1024)).toBe(true);
  });

  test("a result of 3 MiB is named by its digest and fetched by the hub", async () => {
    const { result, hub } = shared();
    const whole = await result("chain.big", `bytes=${3 * 1024 * 1024}`);
    expect(whole).toMatchObject({ status: "succeeded" });
    const { text } = whole.result.result as { text: string };
    expect([text.length, text.at(0), text.at(-1)]).toEqual([3 * 1024 * 1024, "<", ">"]);
    const listed = await hub.all<Execution>("/v1/executions?action=chain.big");
    expect(listed).toMatchObject([{ result_blob: { digest: expect.stringMatching(/^sha256:/) } }]);
  });

  test("parameters of 200 KiB reach their action whole, by hand and by a rule", async () => {
    const { user, hub, agent, result } = shared();
    const text = "äöü€𝄞 ".repeat(200 * 64);
    const sha256 = createHash("sha256").update(text).digest("hex");
    const file = join(await tempFolder(), "text");
    await writeFile(file, text);
    expect((await result("chain.measure", `@text=${file}`)).result).toMatchObject({
      result: { length: text.length, sha256 },
    });
    await user.rule(`
name: repeated
enabled: true
trigger: {type: chain.event}
criteria: {trigger.kind: {type: eq, pattern: repeated}}
action: {ref: chain.measure, parameters: {text: "{{ trigger.part }}{{ trigger.part }}"}}
`);
    const part = "x".repeat(100 * 1024);
    await tell(agent, { kind: "repeated", part });
    expect(await executionsOf(hub, "default.repeated")).toMatchObject([
      {
        status: "succeeded",
        parameters: { text: part.repeat(2) },
        result: { result: { sha256: createHash("sha256").update(part.repeat(2)).digest("hex") } },
      },
    ]);
  });
});

test("what would be a command, a template or a pattern to somebody stays text", async () => {
  const { user, hub, agent, result } = shared();
  const log = join(await tempFolder(), "log");
  await user.says("pack", "config", "chain", "--set", `log=${log}`);
  await user.rule(`
name: noted
enabled: true
trigger: {type: chain.event}
criteria: {trigger.kind: {type: eq, pattern: noted}}
action: {ref: chain.note, parameters: {text: "{{ trigger.path }}"}}
`);
  const texts = [
    "$(touch /nowhere) `id` '\"; exit 1 #",
    "{{ 1 + 1 }} {% raw %} {#",
    "Ünïcødé 漢字 🜁 \u202e",
    "\\n %s $HOME ~ *",
  ];
  for (const path of texts) await tell(agent, { kind: "noted", path });
  for (const execution of await executionsOf(hub, "default.noted", texts.length)) {
    expect(execution).toMatchObject({ status: "succeeded" });
  }
  expect(readFileSync(log, "utf8").split("\n").sort()).toEqual([...texts, ""].sort());
  for (const message of texts) {
    expect((await result("core.echo", `message=${message}`)).result.stdout).toBe(message);
  }
});

test("the datastore keeps local values to their owner and shares the others, whatever the language", async () => {
  const { result, user, hub } = shared();
  const before = async (action: string, value: string) =>
    (await result(action, `value=${value}`)).result.result;
  expect(await before("chain.keys", "one")).toEqual({ local: null, shared: null });
  expect(await before("chain.keys", "two")).toEqual({ local: "one", shared: "one" });
  expect(await before("chain.keys_python", "three")).toEqual({ local: null, shared: "two" });
  expect(await before("chain.keys_python", "four")).toEqual({ local: "three", shared: "three" });
  expect(await before("chain.keys", "five")).toEqual({ local: "two", shared: "four" });
  // A rule sees what is shared.
  await user.rule(`
name: sees_keys
enabled: true
trigger: {type: chain.event}
criteria: {trigger.kind: {type: eq, pattern: sees_keys}}
action: {ref: core.echo, parameters: {message: "{{ st2kv.system.chain.shared }}"}}
`);
  await tell(shared().agent, { kind: "sees_keys" });
  expect(await executionsOf(hub, "default.sees_keys")).toMatchObject([{ result: { stdout: "five" } }]);
});

test("an agent that is stopped lets its actions end, and tells the hub of them before it goes", async () => {
  const { hub, user } = shared();
  const leaving = await createAgent(hub, "leaving");
  leaving.start();
  await agentReady(hub, "leaving", ["chain", "core"]);
  await waitUntil("its sensor to run", async () =>
    (await hub.all<SensorRecord>("/v1/sensors?agent=leaving")).some(({ state }) => state === "running"),
  );
  const body = {
    action: "core.local",
    parameters: { cmd: "sleep 1; echo done" },
    target: { host: "leaving" },
  };
  const { items } = await hub.api<{ items: Execution[] }>("POST", "/v1/executions", body);
  const id = items[0]?.id ?? "";
  await status(id, "running");
  expect(await leaving.stop()).toBe(0);
  expect(await execution(id)).toMatchObject({ status: "succeeded", result: { stdout: "done" } });
  const sensors = await user.json<SensorRecord[]>("sensor", "list");
  expect(sensors).toContainEqual(
    expect.objectContaining({
      agent: "leaving",
      sensor: "chain.Spool",
      state: "stopped",
      agent_online: false,
    }),
  );
});

test("a host without python3 says so, for the sensor and for the action, and runs everything else", async () => {
  const { hub, user } = shared();
  const bare = await createAgent(hub, "bare", ["bare=yes"]);
  bare.start({ PATH: await pathWithout("python3", "python") });
  await agentReady(hub, "bare", ["chain", "core"]);
  const place = await tempFolder();
  await user.says("pack", "create", "snake", "--language", "python", "--dir", place);
  await user.says("pack", "register", join(place, "snake"));
  const failed = await waitUntil("the sensor to have failed", async () => {
    const sensors = await hub.all<SensorRecord>("/v1/sensors");
    return sensors.find(
      ({ agent, sensor, state }) => agent === "bare" && sensor === "snake.TickSensor" && state === "failed",
    );
  });
  expect(failed.last_error).toMatch(/^PYTHON_MISSING: .*python3/);
  const { code, stdout } = await user.run("run", "snake.note", "text=x", "--host", "bare", "--json");
  expect([code, JSON.parse(stdout)]).toMatchObject([
    1,
    { status: "failed", reason: expect.stringMatching(/^PYTHON_MISSING: /) },
  ]);
  expect(await user.json<Execution>("run", "core.local", "echo still here", "--host", "bare")).toMatchObject({
    result: { stdout: "still here" },
  });
  expect(await user.json<Execution>("run", "chain.greet", "value=1", "--host", "bare")).toMatchObject({
    status: "succeeded",
  });
});

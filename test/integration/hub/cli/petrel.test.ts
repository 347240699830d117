import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { writeApiFile } from "../../../../hub/http/api-file-fs.ts";
import { PetrelError } from "../../../../shared/errors.ts";
import { anAgent, anExecution, anInstance, aRule, noon } from "../../../support/records.ts";
import { runPetrel, startPetrel } from "../../../support/run-petrel.ts";
import { aPackRecord, idOf, startApi, takeInstances } from "../../../support/start-api.ts";
import { tempFolder } from "../../../support/temp-folder.ts";
import { waitUntil } from "../../../support/wait-until.ts";

const ruleRecord = {
  rule: aRule(),
  source: "api" as const,
  updated_at: new Date(noon).toISOString(),
  rev: 1,
};

describe("finding the hub", () => {
  test("by --data before or after the noun, by environment, and by address and key", async () => {
    const { folder, key, listen } = await startApi();
    const url = await listen();
    const ways: readonly (readonly [string[], Record<string, string>?])[] = [
      [["--data", folder, "rule", "list", "--json"]],
      [["rule", "--data", folder, "list", "--json"]],
      [["--json", "rule", "list", "--data", folder]],
      [["rule", "list", "--json"], { PETREL_DATA: folder }],
      [["rule", "list", "--json", "--api", url, "--api-key", key]],
      [["rule", "list", "--json"], { PETREL_API: url, PETREL_API_KEY: key }],
      [
        ["rule", "list", "--json", "--data", folder],
        { PETREL_API: "http://127.0.0.1:1", PETREL_API_KEY: "x" },
      ],
    ];
    const cwd = await tempFolder();
    for (const [args, env] of ways) {
      expect([args, await runPetrel(args, { cwd, env: env ?? {} })]).toEqual([
        args,
        { code: 0, stdout: "[]\n", stderr: "" },
      ]);
    }
  });

  test("in .petrel/hub of the folder one stands in", async () => {
    const { key, listen } = await startApi();
    const url = await listen();
    const cwd = await tempFolder();
    await mkdir(join(cwd, ".petrel/hub"), { recursive: true });
    await writeApiFile(join(cwd, ".petrel/hub"), { url, key, mqtt: "mqtt://127.0.0.1:1", pid: process.pid });
    expect(await runPetrel(["rule", "list"], { cwd })).toEqual({ code: 0, stdout: "none\n", stderr: "" });
  });

  test("waits for one that is starting", async () => {
    const { folder, listen } = await startApi();
    const early = startPetrel(["rule", "list", "--json", "--data", folder]);
    // Give it every chance to look too early: it has to have started and found nothing.
    const never = await runPetrel(["rule", "list", "--data", folder, "--wait", "0"]);
    expect(never.code).toBe(3);
    expect(early.child.exitCode).toBeNull();
    await listen();
    expect(await early.ended).toEqual({ code: 0, stdout: "[]\n", stderr: "" });
  });

  test("none there is exit code 3, with what to do", async () => {
    const folder = await tempFolder();
    const { code, stdout, stderr } = await runPetrel(["agent", "list", "--data", folder, "--wait", "0"]);
    expect({ code, stdout }).toEqual({ code: 3, stdout: "" });
    expect(stderr.split("\n")).toEqual([
      "HUB_UNREACHABLE: the hub does not answer (it is not running)",
      `  where: ${folder}`,
      "  fix:   start it with `petrel hub`, or say where it is with --data DIR or --api URL --api-key KEY",
      "",
    ]);
  });

  test("one that has died is not handed the key, whoever answers at its port", async () => {
    const { listen } = await startApi();
    const url = await listen();
    const folder = await tempFolder();
    const gone = startPetrel(["--version"]);
    await gone.ended;
    await writeApiFile(folder, { url, key: "k", mqtt: "mqtt://127.0.0.1:1", pid: gone.child.pid ?? 0 });
    const { code, stderr } = await runPetrel(["rule", "list", "--data", folder, "--wait", "0"]);
    expect(code).toBe(3);
    expect(stderr).toContain("HUB_UNREACHABLE");
  });

  test("that refuses the key is exit code 4; the key of another hub is not tried", async () => {
    const { listen, folder } = await startApi();
    const url = await listen();
    const wrong = await runPetrel(["rule", "list", "--api", url, "--api-key", "wrong", "--json"]);
    expect([wrong.code, JSON.parse(wrong.stderr).error.code]).toEqual([4, "API_UNAUTHORIZED"]);
    const other = await runPetrel(["rule", "list", "--api", "http://127.0.0.1:1", "--data", folder]);
    expect([other.code, other.stderr.split("\n")[0]]).toEqual([
      4,
      "API_UNAUTHORIZED: no API key for http://127.0.0.1:1",
    ]);
  });
});

describe("being used wrongly", () => {
  test.each([
    [["rul", "list"], "unknown command 'rul'", "did you mean"],
    [["rule", "lits"], "unknown command 'lits'", "did you mean list?"],
    [["rule", "list", "--limt", "5"], "unknown option '--limt'", "did you mean --limit?"],
    [
      ["rule", "list", "--limit", "0"],
      "It must be a whole number from 1 to 1000",
      "`petrel rule list --help`",
    ],
    [["rule", "get"], "missing required argument 'ref'", "`petrel rule get --help`"],
    [["trigger-instance", "list", "--since", "5"], "--since '5' is no time", "30m"],
    [["execution", "list", "--until", "2026"], "--until '2026' is no time", "30m"],
    [["execution", "list", "--last", "5"], "--last '5' is no length of time", "30m"],
    [["gap", "list", "--last", "1h", "--since", "2h"], "--since and --last exclude each other", ""],
    [["run", "a.b", "--mode", "all"], "--mode goes with --labels", ""],
    [["agent", "label", "web-1", "role"], "'role' changes no label", "key=value"],
    [["rule", "list", "--api", "localhost:80"], "'localhost:80' is no URL", "https://HOST:PORT"],
  ])("%j is exit code 2", async (args, message, fix) => {
    const { code, stdout, stderr } = await runPetrel([...args, "--wait", "0"]);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(/^CLI_USAGE: /);
    expect(stderr).toContain(message);
    expect(stderr).toContain(fix);
  });

  test("with --json is told as JSON", async () => {
    const { code, stderr } = await runPetrel(["rule", "--json", "lits"]);
    expect(code).toBe(2);
    expect(JSON.parse(stderr)).toEqual({
      error: { code: "CLI_USAGE", message: "unknown command 'lits'", fix: "did you mean list?" },
    });
  });

  test("a noun without a verb shows its help", async () => {
    const { code, stderr } = await runPetrel(["pack"]);
    expect(code).toBe(2);
    expect(stderr).toContain("register");
  });
});

describe("lists", () => {
  test("of trigger instances have one row form, as JSON, as lines, and in order of intake", async () => {
    const { folder, store, listen } = await startApi();
    await listen();
    const count = 230;
    await takeInstances(
      store,
      Array.from({ length: count }, (_, n) => ({
        id: idOf(n + 1),
        trigger: n % 2 === 0 ? "mypack.changed_file" : "mypack.other",
        payload: { n },
      })),
    );
    const list = ["trigger-instance", "list", "--data", folder, "--trigger", "mypack.changed_file"];
    const { code, stdout } = await runPetrel([...list, "--ndjson"]);
    expect(code).toBe(0);
    const rows = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(rows.map((row) => row.payload.n)).toEqual(Array.from({ length: count / 2 }, (_, n) => n * 2));
    const { id, trigger, occurrence_time, received_at, status, payload } = anInstance({
      id: idOf(1),
      payload: { n: 0 },
    });
    expect(rows[0]).toEqual({ id, trigger, agent: "web-1", occurrence_time, received_at, status, payload });

    const page = await runPetrel([...list, "--json", "-n", "2"]);
    const newest = JSON.parse(page.stdout);
    expect(newest).toEqual(rows.slice(-2).reverse());
    const [, cursor = ""] = /--cursor '(.+)'/.exec(page.stderr) ?? [];
    const next = await runPetrel([...list, "--json", "-n", "1", "--cursor", cursor]);
    expect(JSON.parse(next.stdout)).toEqual([rows.at(-3)]);

    for (const wrong of ["garbage", cursor.slice(1)]) {
      const { code, stdout, stderr } = await runPetrel([...list, "--cursor", wrong]);
      expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
      expect(stderr).toContain("API_BAD_REQUEST: cursor is none that a page of this list has given");
    }
  });

  test("end quietly when nobody reads them any more", async () => {
    const { folder, store, listen } = await startApi();
    await listen();
    const text = "x".repeat(50_000);
    await takeInstances(
      store,
      Array.from({ length: 100 }, (_, n) => ({ id: idOf(n + 1), payload: { text } })),
    );
    const running = startPetrel(["trigger-instance", "list", "--ndjson", "--data", folder]);
    running.child.stdout?.once("data", () => running.child.stdout?.destroy());
    const { code, stderr } = await running.ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  });

  test("are tables for people, in which a stranger's text moves nothing", async () => {
    const { folder, store, listen } = await startApi();
    await listen();
    await store.putAgent(anAgent({ labels: { role: "web" } }), null);
    await takeInstances(store, [{ id: idOf(1), payload: { path: "/tmp/\u009b2J\u202egnp" } }]);
    const agents = await runPetrel(["agent", "list", "--data", folder]);
    expect(agents.stdout).toMatch(
      /^AGENT +ONLINE +ADDRESS +SEEN .*\nweb-1 +yes +\S+ +now +web-1\.example .* role=web/,
    );
    const instances = await runPetrel(["trigger-instance", "list", "--data", folder]);
    expect(instances.stdout).toContain(idOf(1));
    expect(instances.stdout).not.toMatch(/[\u009b\u202e]/);
  });
});

describe("run", () => {
  const definition = async () => {
    const started = await startApi({
      run: async (request) => {
        const executions = (
          typeof request.target === "object" && "labels" in request.target ? [1, 2] : [1]
        ).map((n) => anExecution({ id: idOf(n), action: request.action, status: "scheduled" }));
        await started.store.createExecutions(executions, []);
        return executions;
      },
    });
    await started.store.putPack(aPackRecord(), null);
    await started.listen();
    return started;
  };
  const end = async (
    { store }: Awaited<ReturnType<typeof definition>>,
    n: number,
    status: "succeeded" | "failed",
  ) => {
    const execution = await waitUntil("the execution is there", () => store.execution(idOf(n)));
    const result = { stdout: "hi", return_code: status === "failed" ? 1 : 0 };
    const done = { ...execution, status, result, rev: execution.rev + 1 };
    if (!(await store.updateExecution(done, execution.rev))) throw new Error("somebody else changed it");
  };

  test("reads parameters by the action's schema, waits for the result and shows it", async () => {
    const started = await definition();
    const words = ["token=s3cret", "count=3", "hosts=a,b", "echo", "hi"];
    const running = startPetrel(["run", "mypack.login", ...words, "--data", started.folder]);
    await end(started, 1, "succeeded");
    const { code, stdout, stderr } = await running.ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^id: 01HQ.*\naction: mypack\.login\n/);
    expect(stdout).toContain("status: succeeded");
    expect(stdout).toContain("stdout: hi");
    const [call] = started.operations.calls;
    expect(call?.args[0]).toMatchObject({
      action: "mypack.login",
      parameters: { token: "s3cret", count: 3, hosts: ["a", "b"], cmd: "echo hi" },
      user: expect.stringMatching(/./),
    });
    expect(call?.args[0]).not.toMatchObject({ target: expect.anything() });
  });

  test("of what fails is exit code 1, and its result is on stdout all the same", async () => {
    const started = await definition();
    const running = startPetrel([
      "run",
      "mypack.login",
      "--host",
      "web-1",
      "--json",
      "--data",
      started.folder,
    ]);
    await end(started, 1, "failed");
    const { code, stdout } = await running.ended;
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ id: idOf(1), status: "failed", result: { return_code: 1 } });
    expect(started.operations.calls[0]?.args[0]).toMatchObject({ target: { host: "web-1" } });
  });

  test("on labels gives a list, and waits for all of them", async () => {
    const started = await definition();
    const labels = ["--labels", "role=web,site=b", "--labels", "tier=1", "--mode", "all"];
    const running = startPetrel(["run", "mypack.login", ...labels, "--json", "--data", started.folder]);
    await end(started, 1, "succeeded");
    await end(started, 2, "succeeded");
    const { code, stdout } = await running.ended;
    expect(code).toBe(0);
    expect(JSON.parse(stdout).map((item: { id: string }) => item.id)).toEqual([idOf(1), idOf(2)]);
    expect(started.operations.calls[0]?.args[0]).toMatchObject({
      target: { labels: { role: "web", site: "b", tier: "1" }, mode: "all" },
    });
  });

  test("does not wait with --async", async () => {
    const started = await definition();
    const { code, stdout } = await runPetrel([
      "run",
      "mypack.login",
      "-a",
      "--json",
      "--data",
      started.folder,
    ]);
    expect([code, JSON.parse(stdout).status]).toEqual([0, "scheduled"]);
  });

  test("says what has not ended when its time is over", async () => {
    const started = await definition();
    const ended = await runPetrel(["run", "mypack.login", "--timeout", "0", "--data", started.folder]);
    expect(ended.code).toBe(1);
    expect(ended.stdout).toContain("status: scheduled");
    expect(ended.stderr).toContain(`EXECUTION_WAIT: not ended yet: ${idOf(1)}`);
  });

  test("interrupted is exit code 130, and says how to look after what goes on", async () => {
    const started = await definition();
    const running = startPetrel(["run", "mypack.login", "--data", started.folder]);
    await waitUntil("it has started the execution", () => started.store.execution(idOf(1)));
    // The note is set once the answer has arrived; until then Ctrl-C says nothing, but ends it as well.
    running.child.kill("SIGINT");
    const { code, stdout } = await running.ended;
    expect([code, stdout]).toEqual([130, ""]);
  });

  test("refuses words that do not read as their type, before anything runs", async () => {
    const started = await definition();
    const { code, stderr } = await runPetrel(["run", "mypack.login", "count=x", "--data", started.folder]);
    expect([code, stderr.split("\n")[0]]).toEqual([
      2,
      "PARAMETER_INVALID: count must be an integer, not 'x': write for example count=3",
    ]);
    expect(started.operations.calls).toEqual([]);
  });

  test("of an unknown action says where to look", async () => {
    const started = await definition();
    const { code, stderr } = await runPetrel(["run", "no.such", "--data", started.folder]);
    expect(code).toBe(1);
    expect(stderr).toContain("`petrel action list`");
  });
});

describe("changing things", () => {
  test("a rule is made from a file or from standard input, and the hub's refusal is shown as it is", async () => {
    const started = await startApi({
      createRule: async (text) => {
        if (text.includes("bad")) {
          throw new PetrelError("RULE_INVALID", "no trigger", { where: "rule:1", hint: "add one" });
        }
        const warning = {
          message: "no parameter 'mesage'",
          where: "rule:1 (action)",
          hint: "write 'message'",
        };
        return {
          ...ruleRecord,
          warnings: [{ code: "PARAMETER_UNKNOWN", severity: "warning", ...warning }],
          replaced: null,
        };
      },
      setRuleEnabled: async () => ({ ...ruleRecord, rule: aRule({ enabled: false }) }),
      deleteRule: async () => undefined,
    });
    await started.listen();
    const cwd = await tempFolder();
    await writeFile(join(cwd, "rule.yaml"), "name: fine\n");
    const petrel = (args: string[], input?: string) =>
      runPetrel([...args, "--data", started.folder], { cwd, ...(input !== undefined && { input }) });
    expect(await petrel(["rule", "create", "rule.yaml"])).toMatchObject({
      code: 0,
      stdout: "mypack.on_change is there, enabled\n",
      stderr:
        "warning PARAMETER_UNKNOWN: no parameter 'mesage'\n  where: rule.yaml:1 (action)\n  fix:   write 'message'\n",
    });
    expect(await petrel(["rule", "create", "-"], "name: bad\n")).toEqual({
      code: 2,
      stdout: "",
      stderr: "RULE_INVALID: no trigger\n  where: rule:1\n  fix:   add one\n",
    });
    expect((await petrel(["rule", "disable", "mypack.on_change"])).stdout).toBe(
      "mypack.on_change is disabled\n",
    );
    expect((await petrel(["rule", "delete", "a.b", "--json"])).stdout).toBe(
      '{\n  "ref": "a.b",\n  "deleted": true\n}\n',
    );
    expect((await petrel(["rule", "create", "nowhere.yaml"])).code).toBe(2);
    expect(started.operations.calls.map(({ name, args }) => [name, args[0]])).toEqual([
      ["createRule", "name: fine\n"],
      ["createRule", "name: bad\n"],
      ["setRuleEnabled", "mypack.on_change"],
      ["deleteRule", "a.b"],
    ]);
  });

  test("a pack's folder is sent whole, with its configuration", async () => {
    const started = await startApi({ registerPack: async () => ({ record: aPackRecord(), warnings: [] }) });
    await started.listen();
    const cwd = await tempFolder();
    await mkdir(join(cwd, "mypack/actions"), { recursive: true });
    await writeFile(join(cwd, "mypack/pack.yaml"), "ref: mypack\n");
    await writeFile(join(cwd, "mypack/actions/run.sh"), Buffer.from([0, 255, 10]), { mode: 0o755 });
    await writeFile(join(cwd, "config.yaml"), "log: /var/log/x\nsensor:\n  depth: 1\n");
    const set = ["--config", "config.yaml", "--set", 'dirs=["/a"]', "--set", "name=plain text"];
    const ended = await runPetrel(["pack", "register", "mypack", ...set, "--data", started.folder], { cwd });
    expect(ended).toMatchObject({
      code: 0,
      stdout: "mypack 1.0.0 is registered: 0 sensors, 1 trigger type, 0 rules, 1 action\n",
    });
    expect(started.operations.calls[0]?.args[0]).toEqual({
      files: [
        { path: "actions/run.sh", mode: 0o755, content: Buffer.from([0, 255, 10]) },
        { path: "pack.yaml", mode: 0o644, content: Buffer.from("ref: mypack\n") },
      ],
      folder: "mypack",
      config: { log: "/var/log/x", sensor: { depth: 1 }, dirs: ["/a"], name: "plain text" },
    });
  });

  test("labels, dead letters and re-emits reach the hub", async () => {
    const started = await startApi({
      labelAgent: async () => anAgent({ labels: { role: "web" } }),
      retryDeadLetter: async () => null,
      dropDeadLetter: async () => undefined,
      reEmit: async () => anInstance({ id: idOf(9) }),
    });
    await started.listen();
    const petrel = (...args: string[]) => runPetrel([...args, "--data", started.folder]);
    expect((await petrel("agent", "label", "web-1", "role=web", "old-", "a=b=c")).stdout).toBe(
      "web-1: role=web\n",
    );
    expect((await petrel("dead-letter", "retry", "x")).code).toBe(0);
    expect((await petrel("dead-letter", "drop", "x")).stdout).toBe("x is gone\n");
    expect((await petrel("trigger-instance", "re-emit", "x")).stdout).toBe(
      `x was emitted again as ${idOf(9)}\n`,
    );
    expect(started.operations.calls.map(({ args }) => args)).toEqual([
      ["web-1", { role: "web", old: null, a: "b=c" }],
      ["x"],
      ["x"],
      ["x"],
    ]);
  });
});

describe("the commands themselves", () => {
  test("work from any folder, through a symbolic link, with an old Node as the caller's", async () => {
    const cwd = await tempFolder();
    const bin = resolve(import.meta.dirname, "../../../../bin");
    await mkdir(join(cwd, "bin"));
    await writeFile(join(cwd, "bin/node"), "#!/bin/sh\necho an old node ran >&2\nexit 1\n", { mode: 0o755 });
    const env = { PATH: `${cwd}/bin:${process.env.PATH}` };
    for (const name of ["petrel", "petrel-agent"] as const) {
      await symlink(join(bin, name), join(cwd, `bin/${name}-link`));
      await symlink(`${name}-link`, join(cwd, `bin/${name}-link2`));
      const direct = await runPetrel(["version", "--json"], { command: name, cwd, env });
      expect([direct.code, direct.stderr]).toEqual([0, ""]);
      const { version, node } = JSON.parse(direct.stdout);
      expect(version).toMatch(/^\d+\.\d+\.\d+$/);
      expect(Number.parseInt(node, 10)).toBeGreaterThanOrEqual(24);
      const linked = await runPetrel(["--version"], { command: name, cwd, env });
      expect(linked.stdout).toBe(`${version}\n`);
    }
  });
});

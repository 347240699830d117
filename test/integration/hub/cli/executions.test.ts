/** What `petrel run` and `petrel execution` make of many executions, and of those that are tried again. */
import { describe, expect, test } from "vitest";
import type { Execution } from "../../../../shared/model/execution.ts";
import { aFanOut, anAttemptAfter, retryOnce } from "../../../support/fan-out-records.ts";
import { anExecution } from "../../../support/records.ts";
import { runPetrel, startPetrel } from "../../../support/run-petrel.ts";
import { aPackRecord, idOf, type StartedApi, startApi, takeInstances } from "../../../support/start-api.ts";
import { waitUntil } from "../../../support/wait-until.ts";

/** An API whose `run` makes these executions, and which knows what it was asked. */
async function hub(made: readonly Execution[], more: readonly Execution[] = []) {
  const started: StartedApi = await startApi({
    run: async () => {
      await started.store.createExecutions(made, []);
      return made;
    },
  });
  await started.store.putPack(aPackRecord(), null);
  await started.store.createExecutions(more, []);
  const asked: string[] = [];
  started.api.server.on("request", ({ method, url }) => void asked.push(`${method} ${url}`));
  await started.listen();
  const petrel = (...args: readonly string[]) => startPetrel([...args, "--data", started.folder]);
  return { ...started, asked, petrel };
}

type Hub = Awaited<ReturnType<typeof hub>>;

async function end({ store }: Hub, execution: Execution, over: Partial<Execution>): Promise<Execution> {
  const before = await waitUntil("the execution to be there", () => store.execution(execution.id));
  const ended = { ...before, ...over, rev: before.rev + 1 };
  if (!(await store.updateExecution(ended, before.rev))) throw new Error("somebody else changed it");
  return ended;
}

describe("run", () => {
  test("asks for many executions in pages, and for a large result alone", async () => {
    const count = 230;
    const blob = { digest: `sha256:${"1".repeat(64)}`, size: 9 };
    const made = Array.from({ length: count }, (_, n) => anExecution({ id: idOf(n + 1), sealed: {} }));
    const ended = made.slice(1).map((each, n): Execution => ({ ...each, status: "succeeded", result: n }));
    const started = await hub(made, ended);
    const running = started.petrel(
      "run",
      "mypack.login",
      "--labels",
      "role=web",
      "--timeout",
      "60",
      "--json",
    );
    await end(started, anExecution({ id: idOf(1), sealed: {} }), { status: "succeeded", result_blob: blob });
    const isAlone = (line: string) => line === `GET /v1/executions/${idOf(1)}`;
    await waitUntil("the large result to be asked for", async () => started.asked.some(isAlone));
    await end(started, anExecution({ id: idOf(1), sealed: {} }), { result: "whole", result_blob: null });
    const { code, stdout } = await running.ended;
    expect(code).toBe(0);
    expect(JSON.parse(stdout).map(({ result }: Execution) => result)).toEqual([
      "whole",
      ...ended.map(({ result }) => result),
    ]);
    const pages = started.asked.filter((line) => line.startsWith("GET /v1/executions?"));
    // Those that had ended were looked at once.
    const withMany = pages.filter((line) => decodeURIComponent(line).includes(","));
    expect(withMany).toHaveLength(3);
    expect(started.asked.filter((line) => line.startsWith("GET /v1/executions/")).every(isAlone)).toBe(true);
  });

  test("follows what a policy tries again to its last attempt", async () => {
    const first = anExecution({ id: idOf(1), policies: retryOnce, sealed: {} });
    const started = await hub([first]);
    const running = started.petrel("run", "mypack.login", "--json");
    const failed = await end(started, first, { status: "failed", result: { return_code: 1 } });
    const again = anAttemptAfter(failed, { status: "running", result: null });
    // It has seen the end before there is another attempt.
    const next = `ids=${again.id}`;
    await waitUntil("the next attempt to be asked for", async () =>
      started.asked.some((line) => line.includes(next)),
    );
    await started.store.createExecutions([again], []);
    await end(started, again, { status: "succeeded", result: "at last" });
    const { code, stdout, stderr } = await running.ended;
    expect(JSON.parse(stdout)).toMatchObject({ id: again.id, attempt: 2, result: "at last" });
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: `attempt 1 on web-1: failed; mypack.again tries again: attempt 2 is ${again.id}\n`,
    });
  });

  test("ends with 1 when the last attempt fails too, and says what is not over", async () => {
    const first = anExecution({ id: idOf(1), policies: retryOnce, status: "failed" });
    const again = anAttemptAfter(first, { status: "failed" });
    const started = await hub([first], [again]);
    expect(await started.petrel("run", "mypack.login", "--json").ended).toMatchObject({
      code: 1,
      stdout: expect.stringContaining(again.id),
    });
    const other = await hub([first]);
    const early = await other.petrel("run", "mypack.login", "--timeout", "0").ended;
    expect(early).toMatchObject({ code: 1, stderr: expect.stringContaining(`not ended yet: ${first.id}`) });
    expect(early.stdout).toContain(`next_attempt: ${again.id}`);
  });

  test("with --async prints the id and how to look at it; with --json the record", async () => {
    const one = await hub([anExecution({ id: idOf(1), action: "mypack.login" })]);
    expect(await one.petrel("run", "mypack.login", "--async").ended).toEqual({
      code: 0,
      stdout: `${"ID".padEnd(26)}  AGENT  STATUS     REASON\n${idOf(1)}  web-1  scheduled  -\n`,
      stderr: `how it goes on: petrel execution get ${idOf(1)}, petrel execution tail ${idOf(1)}\n`,
    });
    const [first, second] = [1, 2].map((n) => anExecution({ id: idOf(n), action: "mypack.login" }));
    if (first === undefined || second === undefined) throw new Error("too few");
    const two = await hub([first, second]);
    const options = ["run", "mypack.login", "--labels", "role=web", "--async"];
    const { stdout, stderr } = await two.petrel(...options).ended;
    expect(stdout.match(/^01HQ\S+/gm)).toEqual([idOf(1), idOf(2)]);
    expect(stderr).toBe("how it goes on: petrel execution list --action mypack.login\n");
    const json = await two.petrel(...options, "--json").ended;
    expect(json.stderr).toBe("");
    expect(JSON.parse(json.stdout)).toMatchObject([{ id: idOf(1) }, { id: idOf(2) }]);
  });
});

describe("run REF --help", () => {
  test("shows what the action takes; without a ref, or with --json, what there is else", async () => {
    const { petrel } = await hub([]);
    const { code, stdout, stderr } = await petrel("run", "mypack.login", "--help").ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^Usage: petrel run mypack\.login /);
    expect(stdout).toContain("  token (string, secret)\n  count (integer)\n  hosts (array)\n");
    expect(stdout).toContain("  timeout (integer, default 60)\n      Seconds after");
    const json = JSON.parse((await petrel("run", "mypack.login", "-h", "--json").ended).stdout);
    expect(json).toMatchObject({ ref: "mypack.login", effective_parameters: { timeout: { default: 60 } } });
    expect(json.parameters).not.toHaveProperty("timeout");
    expect((await petrel("action", "get", "mypack.login").ended).stdout).toContain(
      "  timeout:\n    type: integer",
    );
    const general = await petrel("run", "--help").ended;
    expect(general).toMatchObject({ code: 0, stderr: "" });
    expect(general.stdout).toMatch(/^Usage: petrel run \[options\] <action>/);
    expect(general.stdout).toContain("--canary");
    expect(await petrel("run").ended).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("CLI_USAGE: missing required argument 'action'"),
    });
    expect(await petrel("run", "mypack.logout", "--help").ended).toMatchObject({ code: 1, stdout: "" });
  });
});

describe("run with marks and variables", () => {
  test("passes on the environment that it is told to, and the tag of what is named", async () => {
    const other = anExecution({ id: idOf(5), trace_tag: "cr-7" });
    const plain = anExecution({ id: idOf(6) });
    const started = await hub([anExecution({ id: idOf(1), status: "succeeded" })], [other, plain]);
    const run = async (...args: readonly string[]) => {
      const env = { REGION: "eu", PETREL_API_KEY: "wrong" };
      const ended = await runPetrel(["run", "mypack.login", ...args, "--data", started.folder], { env });
      return { ...ended, request: started.operations.calls.at(-1)?.args[0] };
    };
    const words = ["env=A=1,B=2", "-e", "B=3", "--inherit-env", "--trace-id", other.id];
    const { request } = await run(...words);
    expect(request).toMatchObject({
      trace_tag: "cr-7",
      parameters: { env: { REGION: "eu", A: "1", B: "3" } },
    });
    const parameters = (request as { parameters: { env: object } }).parameters;
    for (const name of ["PATH", "HOME", "PETREL_API_KEY"]) expect(parameters.env).not.toHaveProperty(name);
    await takeInstances(started.store, [{ id: idOf(7), trace_tag: "seen" }]);
    expect((await run("--trace-id", idOf(7))).request).toMatchObject({ trace_tag: "seen", parameters: {} });
    for (const [args, stderr] of [
      [["--trace-id", plain.id], `--trace-id: ${plain.id} has no trace tag`],
      [["--trace-id", idOf(8)], "NOT_FOUND"],
      [["--trace-id", other.id, "--trace-tag", "x"], "exclude each other"],
      [["-e", "A"], "--env 'A' sets no variable"],
    ] as const) {
      expect(await run(...args)).toMatchObject({ stdout: "", stderr: expect.stringContaining(stderr) });
    }
    const found = await runPetrel([
      "execution",
      "list",
      "--trace-tag",
      "cr-7",
      "--json",
      "--data",
      started.folder,
    ]);
    expect(JSON.parse(found.stdout).map(({ id }: Execution) => id)).toEqual([other.id]);
  });
});

describe("execution get", () => {
  test("of a fan-out shows counts, those without success first, and not a thousand that are well", async () => {
    const { parent, children } = aFanOut(300, (n) =>
      n % 100 === 99 ? { status: n === 99 ? "timeout" : "failed", reason: `bad ${n}` } : {},
    );
    const started = await hub([], [parent, ...children]);
    const get = (...more: string[]) => started.petrel("execution", "get", parent.id, ...more).ended;
    const { stdout } = await get();
    expect(stdout).toContain(
      "progress:\n  agents: 300\n  started: 300\n  succeeded: 297\n  without_success: 3\n" +
        "  under_way: 0\n  not_started: 0\n",
    );
    expect([...stdout.matchAll(/agent: (host-\d+)/g)].map(([, agent]) => agent).slice(0, 5)).toEqual([
      "host-0099",
      "host-0199",
      "host-0299",
      "host-0000",
      "host-0001",
    ]);
    expect(stdout).toContain("reason: bad 199");
    expect(stdout.match(/agent: host-/g)).toHaveLength(20);
    expect(stdout).toContain(`children_not_shown: "280: petrel execution list --parent ${parent.id}"`);
    const all = JSON.parse((await get("--json")).stdout);
    expect(all.children.map(({ id }: Execution) => id)).toEqual(children.map(({ id }) => id));
    const failed = await runPetrel([
      ...["execution", "list", "--parent", parent.id, "--status", "failed", "--json"],
      ...["--data", started.folder],
    ]);
    expect(JSON.parse(failed.stdout)).toHaveLength(2);
  });
});

/** Many executions, asked for in pages: the children of a fan-out, and those that somebody names. */
import { describe, expect, test } from "vitest";
import type { Execution } from "../../../../shared/model/execution.ts";
import { aFanOut, anAttemptAfter, retryOnce } from "../../../support/fan-out-records.ts";
import { anAction, anExecution } from "../../../support/records.ts";
import { aPackRecord, idOf, startApi } from "../../../support/start-api.ts";

interface Page {
  readonly items: readonly Execution[];
  readonly cursor?: string;
}

async function started(executions: readonly Execution[]) {
  const { api, store, key } = await startApi();
  await store.createExecutions(executions, []);
  const get = async (url: string) => {
    const reply = await api.inject({ url, headers: { authorization: `Bearer ${key}` } });
    return { code: reply.statusCode, body: reply.body, json: () => reply.json<Page>() };
  };
  return { get };
}

describe("children of a fan-out", () => {
  test("come in pages, in the order of the agents, each with its last attempt", async () => {
    const { parent, children } = aFanOut(130, (n) =>
      n === 70 ? { status: "failed", policies: retryOnce } : {},
    );
    const [failed] = children.filter(({ status }) => status === "failed");
    if (failed === undefined) throw new Error("none failed");
    const again = anAttemptAfter(failed);
    // The last two were not started.
    const { get } = await started([parent, ...children.slice(0, 128), again]);
    const wanted = children.slice(0, 128).map((child) => (child.id === failed.id ? again.id : child.id));
    const found: string[] = [];
    const sizes: number[] = [];
    let cursor: string | undefined;
    do {
      const query = cursor === undefined ? "" : `&cursor=${cursor}`;
      const page = (await get(`/v1/executions/${parent.id}/children?limit=50${query}`)).json();
      sizes.push(page.items.length);
      found.push(...page.items.map(({ id }) => id));
      cursor = page.cursor;
    } while (cursor !== undefined);
    expect(found).toEqual(wanted);
    expect(sizes).toEqual([50, 50, 28]);
    const { body } = await get(`/v1/executions/${parent.id}/children?format=ndjson`);
    expect(
      body
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line).id),
    ).toEqual(wanted);
    expect((await get(`/v1/executions/${parent.id}/children?cursor=5`)).code).toBe(400);
  });

  test("are none of what is no fan-out", async () => {
    const { get } = await started([anExecution({ id: idOf(1) })]);
    expect((await get(`/v1/executions/${idOf(1)}/children`)).json()).toEqual({ items: [] });
    expect((await get(`/v1/executions/${idOf(1)}/children?format=ndjson`)).body).toBe("");
    expect((await get(`/v1/executions/${idOf(2)}/children`)).code).toBe(404);
  });
});

describe("executions by their ids", () => {
  test("are those that are there, once", async () => {
    const { get } = await started([1, 2, 3].map((n) => anExecution({ id: idOf(n) })));
    const ask = async (query: string) =>
      (await get(`/v1/executions?${query}`)).json().items.map(({ id }) => id);
    expect(await ask(`ids=${idOf(3)},${idOf(9)},${idOf(1)},${idOf(3)}`)).toEqual([idOf(3), idOf(1)]);
    expect(await ask(`ids=${idOf(3)},${idOf(1)}&status=failed`)).toEqual([]);
    const many = Array.from({ length: 100 }, (_, n) => idOf(n + 1)).join(",");
    expect(await ask(`ids=${many}&limit=100`)).toHaveLength(3);
    for (const wrong of ["", ",", "a,", `${many},${idOf(500)}`]) {
      expect([wrong.slice(0, 5), (await get(`/v1/executions?ids=${wrong}`)).code]).toEqual([
        wrong.slice(0, 5),
        400,
      ]);
    }
  });
});

test("what a policy repeats names its next attempt, which has that id", async () => {
  const failed = anExecution({ id: idOf(1), status: "failed", policies: retryOnce });
  const again = anAttemptAfter(failed, { status: "failed" });
  const { get } = await started([failed, again]);
  const at = async (id: string, rest = "") => JSON.parse((await get(`/v1/executions/${id}${rest}`)).body);
  expect(await at(failed.id)).toMatchObject({ next_attempt: again.id });
  expect(await at(failed.id, "/output")).toMatchObject({ next_attempt: again.id });
  expect(await at(again.id)).not.toHaveProperty("next_attempt");
  expect(await at(again.id, "/output")).not.toHaveProperty("next_attempt");
});

test("output shows nothing that the action's output_schema calls secret, while it runs or after", async () => {
  const { api, store, key, output } = await startApi();
  const action = anAction({
    ref: "mypack.act",
    pack: "mypack",
    runner_type: "local-shell-script",
    output_schema: { token: { type: "string", secret: true } },
  });
  const pack = aPackRecord();
  await store.putPack({ ...pack, pack: { ...pack.pack, actions: [action] } }, null);
  const running = anExecution({ id: idOf(1), action: action.ref, status: "running" });
  const ended = anExecution({
    id: idOf(2),
    action: action.ref,
    status: "succeeded",
    result: { stdout: { token: "s3cret" }, stderr: "log", exit_code: 0 },
  });
  await store.createExecutions([running, ended], []);
  for (const { id, agent } of [running, ended]) {
    if (agent === null) throw new Error("it has no agent");
    output.take(agent, { execution: id, stream: "stdout", offset: 0, text: '{"token": "s3cret"}' });
    output.take(agent, { execution: id, stream: "stderr", offset: 0, text: "log" });
  }
  for (const { id } of [running, ended]) {
    const reply = await api.inject({
      url: `/v1/executions/${id}/output`,
      headers: { authorization: `Bearer ${key}` },
    });
    expect(reply.statusCode).toBe(200);
    expect(reply.body).toContain("log");
    expect(reply.body).not.toContain("s3cret");
  }
});

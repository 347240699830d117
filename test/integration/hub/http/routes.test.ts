import { describe, expect, test } from "vitest";
import { mask } from "../../../../hub/secrets/mask.ts";
import { anAgent, anExecution, anInstance, aRule, noon } from "../../../support/records.ts";
import { aPackRecord, idOf, startApi, takeInstances } from "../../../support/start-api.ts";

const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
const ruleRecord = {
  rule: aRule(),
  source: "api" as const,
  updated_at: new Date(noon).toISOString(),
  rev: 1,
};

describe("the API key", () => {
  test("is asked for on every route but /healthz, known and unknown ones alike", async () => {
    const { api, operations } = await startApi();
    const routes = [
      ["GET", "/v1/hub"],
      ["GET", "/v1/rules"],
      ["POST", "/v1/rules"],
      ["DELETE", "/v1/rules/a.b"],
      ["GET", "/v1/stream"],
      ["GET", "/v1/nothing"],
    ] as const;
    for (const [at, [method, url]] of routes.entries()) {
      // Few from each address: with too many wrong keys one is not listened to.
      const remoteAddress = `10.0.0.${at + 1}`;
      for (const headers of [{}, bearer("wrong"), { "st2-api-key": "wrong" }]) {
        const reply = await api.inject({ method, url, headers, remoteAddress });
        expect([url, reply.statusCode, reply.json().error.code]).toEqual([url, 401, "API_UNAUTHORIZED"]);
      }
    }
    expect(operations.calls).toEqual([]);
    expect((await api.inject("/healthz")).json()).toEqual({ ok: true, store: "ok", broker: "ok" });
  });

  test("is taken in both headers", async () => {
    const { api, key } = await startApi();
    for (const headers of [bearer(key), { "st2-api-key": key }]) {
      expect((await api.inject({ url: "/v1/rules", headers })).statusCode).toBe(200);
    }
  });
});

describe("records from the store", () => {
  test("actions and trigger types are those of the registered packs, and a new pack shows at once", async () => {
    const { api, store, key } = await startApi();
    const get = async (url: string) => (await api.inject({ url, headers: bearer(key) })).json();
    expect(await get("/v1/actions")).toEqual({ items: [] });
    await store.putPack(aPackRecord(), null);
    expect((await get("/v1/actions")).items.map((action: { ref: string }) => action.ref)).toEqual([
      "mypack.login",
    ]);
    expect(await get("/v1/actions?pack=other")).toEqual({ items: [] });
    expect((await get("/v1/actions/mypack.login")).runner_type).toBe("local-shell-cmd");
    expect((await get("/v1/trigger-types/mypack.changed_file")).ref).toBe("mypack.changed_file");
    expect((await get("/v1/trigger-types/mypack.other")).error).toMatchObject({
      code: "NOT_FOUND",
      fix: "`petrel trigger list` shows what there is",
    });
  });

  test("action aliases are those of the registered packs", async () => {
    const { api, store, key } = await startApi();
    const get = async (url: string) => (await api.inject({ url, headers: bearer(key) })).json();
    const alias = (pack: string, name: string) => ({
      ...{ ref: `${pack}.${name}`, pack, name, description: "", enabled: true, action_ref: `${pack}.login` },
      formats: [{ display: null, representation: ["log in {{ who }}"] }],
      ...{ ack: {}, result: {}, extra: {}, immutable_parameters: {} },
    });
    const record = aPackRecord();
    const withAliases = (ref: string, ...names: readonly string[]) =>
      aPackRecord({ ref, pack: { ...record.pack, aliases: names.map((name) => alias(ref, name)) } });
    await store.putPack(withAliases("mypack", "b", "a"), null);
    await store.putPack(withAliases("other", "c"), null);
    const refs = async (query: string) =>
      (await get(`/v1/action-aliases${query}`)).items.map(({ ref }: { ref: string }) => ref);
    expect(await refs("")).toEqual(["mypack.a", "mypack.b", "other.c"]);
    expect(await refs("?pack=mypack&limit=1")).toEqual(["mypack.a"]);
    expect(await refs("?pack=none")).toEqual([]);
    expect(await get("/v1/action-aliases/mypack.b")).toEqual(alias("mypack", "b"));
    expect((await get("/v1/action-aliases/mypack.c")).error).toMatchObject({
      code: "NOT_FOUND",
      fix: "`petrel action-alias list` shows what there is",
    });
  });

  test("executions show their parameters without secrets, in lists, alone and after a run", async () => {
    const execution = anExecution({
      id: idOf(1),
      action: "mypack.login",
      parameters: { token: "hunter2", count: 1, sudo_password: "hunter2" },
    });
    const { api, store, key } = await startApi({
      run: async () => [execution],
      cancelExecution: async () => execution,
    });
    await store.putPack(aPackRecord(), null);
    await store.createExecutions([execution], []);
    const shown = { token: mask, count: 1, sudo_password: mask };
    const ask = async (method: "GET" | "POST" | "DELETE", url: string, payload?: object) =>
      (await api.inject({ method, url, headers: bearer(key), ...(payload && { payload }) })).json();
    expect((await ask("GET", "/v1/executions")).items[0].parameters).toEqual(shown);
    expect((await ask("GET", `/v1/executions/${idOf(1)}`)).parameters).toEqual(shown);
    expect((await ask("POST", "/v1/executions", { action: "mypack.login" })).items[0].parameters).toEqual(
      shown,
    );
    expect((await ask("DELETE", `/v1/executions/${idOf(1)}`)).parameters).toEqual(shown);
    const lines = await api.inject({ url: "/v1/executions?format=ndjson", headers: bearer(key) });
    expect(lines.body).not.toContain("hunter2");
    expect(lines.body).toContain(mask);
  });

  test("executions are found by what is asked for", async () => {
    const { api, store, key } = await startApi();
    const executions = [
      anExecution({ id: idOf(1), agent: "web-1" }),
      anExecution({ id: idOf(2), agent: "web-2", status: "failed" }),
      anExecution({ id: idOf(3), agent: "web-2", rule: "mypack.on_change" }),
    ];
    await store.createExecutions(executions, []);
    const ids = async (query: string) => {
      const reply = await api.inject({ url: `/v1/executions${query}`, headers: bearer(key) });
      return reply.json().items.map((execution: { id: string }) => execution.id);
    };
    expect((await ids("")).sort()).toEqual([idOf(1), idOf(2), idOf(3)]);
    expect(await ids("?agent=web-1")).toEqual([idOf(1)]);
    expect(await ids("?agent=web-2&status=failed")).toEqual([idOf(2)]);
    expect(await ids("?rule=mypack.on_change")).toEqual([idOf(3)]);
    await store.createExecutions([anExecution({ id: idOf(4), user: "ann", parent: idOf(9) })], []);
    expect(await ids("?user=ann")).toEqual([idOf(4)]);
    expect(await ids("?parent=01HQ")).toEqual([]);
    expect(await ids(`?parent=${idOf(9)}&user=ann`)).toEqual([idOf(4)]);
    expect(await ids("?until=2020-01-01T00:00:00%2B02:00")).toEqual([]);
    expect(await ids("?until=2100-01-01T00:00:00Z")).toHaveLength(4);
  });

  test("rules are flat, sorted, and found by trigger", async () => {
    const { api, store, key } = await startApi();
    const other = aRule({
      ref: "default.b",
      pack: "default",
      name: "b",
      trigger: { type: "core.x", parameters: {} },
    });
    await store.changeRules(
      [ruleRecord, { ...ruleRecord, rule: other }],
      [],
      (await store.ruleSet()).version,
    );
    const get = async (url: string) => (await api.inject({ url, headers: bearer(key) })).json();
    expect((await get("/v1/rules")).items.map((rule: { ref: string }) => rule.ref)).toEqual([
      "default.b",
      "mypack.on_change",
    ]);
    expect((await get("/v1/rules?trigger=core.x")).items).toHaveLength(1);
    expect(await get("/v1/rules/default.b")).toMatchObject({
      ref: "default.b",
      source: "api",
      enabled: true,
    });
  });

  test("agents and sensors are listed", async () => {
    const { api, store, key } = await startApi();
    await store.putAgent(anAgent(), null);
    const get = async (url: string) => (await api.inject({ url, headers: bearer(key) })).json();
    expect((await get("/v1/agents")).items).toMatchObject([{ id: "web-1", online: true }]);
    expect((await get("/v1/agents/web-1")).host).toBe("web-1.example");
    expect(await get("/v1/sensors?agent=web-1")).toEqual({ items: [] });
    expect(await get("/v1/gaps")).toEqual({ items: [] });
    expect(await get("/v1/dead-letters")).toEqual({ items: [] });
  });
});

describe("lists", () => {
  const some = Array.from({ length: 7 }, (_, n) => ({
    id: idOf(n + 1),
    payload: { n },
    received_at: new Date(noon + n * 1000).toISOString(),
  }));

  test("come in pages that a cursor continues, newest first", async () => {
    const { api, store, key } = await startApi();
    await takeInstances(store, some);
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const query = `?limit=3${cursor === undefined ? "" : `&cursor=${encodeURIComponent(cursor)}`}`;
      const reply = await api.inject({ url: `/v1/trigger-instances${query}`, headers: bearer(key) });
      seen.push(...reply.json().items.map((item: { id: string }) => item.id));
      cursor = reply.json().cursor;
    } while (cursor !== undefined);
    expect(seen).toEqual(some.map(({ id }) => id).reverse());
  });

  test("are cut by time, however the instant is spelled", async () => {
    const { api, store, key } = await startApi();
    await takeInstances(store, some);
    for (const since of ["2026-11-22T12:00:05.000Z", "2026-11-22T14:00:05+02:00"]) {
      const url = `/v1/trigger-instances?since=${encodeURIComponent(since)}`;
      const reply = await api.inject({ url, headers: bearer(key) });
      expect(reply.json().items.map((item: { id: string }) => item.id)).toEqual([idOf(7), idOf(6)]);
    }
  });

  test("stream whole, in order of intake, when lines are asked for", async () => {
    const { api, store, key } = await startApi();
    const many = Array.from({ length: 350 }, (_, n) => ({ id: idOf(n + 1), payload: { n } }));
    await takeInstances(store, many);
    const asked = [
      { url: "/v1/trigger-instances?format=ndjson", headers: bearer(key) },
      { url: "/v1/trigger-instances", headers: { ...bearer(key), accept: "application/x-ndjson" } },
    ];
    for (const request of asked) {
      const reply = await api.inject(request);
      expect(reply.headers["content-type"]).toBe("application/x-ndjson");
      const lines = reply.body.split("\n");
      expect(lines.pop()).toBe("");
      expect(lines.map((line) => JSON.parse(line).id)).toEqual(many.map(({ id }) => id));
    }
  });

  test("of lines stop at a limit", async () => {
    const { api, store, key } = await startApi();
    await takeInstances(store, some);
    const url = "/v1/trigger-instances?format=ndjson&limit=2";
    const reply = await api.inject({ url, headers: bearer(key) });
    expect(
      reply.body
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line).id),
    ).toEqual([idOf(1), idOf(2)]);
  });
});

describe("what people ask the hub to do", () => {
  test("reaches it as one call, with what the client said", async () => {
    const { api, operations, key } = await startApi({
      run: async () => [anExecution()],
      createRule: async () => ({ ...ruleRecord, warnings: [], replaced: null }),
      updateRule: async () => ({ ...ruleRecord, warnings: [], replaced: null }),
      deleteRule: async () => undefined,
      setRuleEnabled: async () => ruleRecord,
      reEmit: async () => anInstance(),
      labelAgent: async () => anAgent(),
      retryDeadLetter: async () => ({ done: true }),
      dropDeadLetter: async () => undefined,
      removePack: async () => undefined,
      registerPack: async () => ({ record: aPackRecord(), warnings: [] }),
    });
    const yaml = "name: x\n# a comment, so that lines count\n";
    const requests = [
      [
        "POST",
        "/v1/executions",
        { action: "a.b", parameters: { x: 1 }, target: { host: "web-1" }, user: "ann" },
        201,
      ],
      ["POST", "/v1/rules", yaml, 201],
      ["PUT", "/v1/rules/a.b", { name: "x" }, 200],
      ["POST", "/v1/rules/a.b/enable", undefined, 200],
      ["POST", "/v1/rules/a.b/disable", undefined, 200],
      ["DELETE", "/v1/rules/a.b", undefined, 204],
      ["POST", "/v1/trigger-instances/x/re-emit", undefined, 201],
      ["PATCH", "/v1/agents/web-1", { labels: { role: "web", old: null } }, 200],
      ["POST", "/v1/dead-letters/x/retry", undefined, 200],
      ["DELETE", "/v1/dead-letters/x", undefined, 204],
      ["DELETE", "/v1/packs/mypack", undefined, 204],
      [
        "POST",
        "/v1/packs",
        { files: [{ path: "pack.yaml", content: Buffer.from("ref: x").toString("base64") }] },
        201,
      ],
    ] as const;
    for (const [method, url, payload, status] of requests) {
      const type = typeof payload === "string" ? { "content-type": "application/yaml" } : {};
      const headers = { ...bearer(key), ...type };
      const reply = await api.inject({ method, url, headers, ...(payload !== undefined && { payload }) });
      expect([url, reply.statusCode, reply.body.slice(0, 200)]).toEqual([url, status, expect.anything()]);
    }
    expect(operations.calls).toEqual([
      {
        name: "run",
        args: [
          {
            action: "a.b",
            parameters: { x: 1 },
            target: { host: "web-1" },
            user: "ann",
            trace_tag: undefined,
          },
        ],
      },
      { name: "createRule", args: [yaml] },
      { name: "updateRule", args: ["a.b", '{\n  "name": "x"\n}'] },
      { name: "setRuleEnabled", args: ["a.b", true] },
      { name: "setRuleEnabled", args: ["a.b", false] },
      { name: "deleteRule", args: ["a.b"] },
      { name: "reEmit", args: ["x"] },
      { name: "labelAgent", args: ["web-1", { role: "web", old: null }] },
      { name: "retryDeadLetter", args: ["x"] },
      { name: "dropDeadLetter", args: ["x"] },
      { name: "removePack", args: ["mypack"] },
      {
        name: "registerPack",
        args: [
          { files: [{ path: "pack.yaml", mode: 0o644, content: Buffer.from("ref: x") }], config: undefined },
        ],
      },
    ]);
  });

  test("a configuration is shown without secrets, and written back whole or in part it keeps them", async () => {
    const edits: unknown[] = [];
    const { api, store, key } = await startApi({
      configurePack: async (_ref, labels, edit) => {
        const { config, pack } = aPackRecord();
        const changed = edit(config, pack.config_schema) ?? {};
        edits.push([labels, changed]);
        return aPackRecord({ config: changed });
      },
    });
    await store.putPack(aPackRecord(), null);
    const url = "/v1/packs/mypack/config";
    const shown = (await api.inject({ url, headers: bearer(key) })).json();
    expect(shown).toMatchObject({
      config: { token: mask },
      effective: { token: mask, sensor: { depth: 3 } },
    });
    const send = (method: "PUT" | "PATCH", payload: object) =>
      api.inject({ method, url, headers: bearer(key), payload });
    expect((await send("PUT", { ...shown.config, sensor: { depth: 4 } })).json().effective).toEqual({
      token: mask,
      sensor: { depth: 4 },
    });
    await send("PATCH", { "sensor.depth": 5 });
    expect(edits).toEqual([
      [null, { token: "hunter2", sensor: { depth: 4 } }],
      [null, { token: "hunter2", sensor: { depth: 5 } }],
    ]);
  });
});

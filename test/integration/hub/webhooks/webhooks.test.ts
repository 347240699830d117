/** Webhooks at the API, over a real store: what is taken, how it looks as a trigger, and what is refused. */
import { describe, expect, test } from "vitest";
import { WebhookDesk } from "../../../../hub/webhooks/webhook-desk.ts";
import { ulidSource } from "../../../../shared/ids.ts";
import type { JsonObject } from "../../../../shared/json.ts";
import type { RuleRecord } from "../../../../shared/model/rule.ts";
import type { TriggerType } from "../../../../shared/model/trigger.ts";
import { systemClock, systemRandom } from "../../../../shared/system-process.ts";
import { aRule, aTriggerType } from "../../../support/records.ts";
import { type StartedApi, startApi } from "../../../support/start-api.ts";

const hookRule = (name: string, parameters: JsonObject, enabled = true): RuleRecord => ({
  rule: aRule({ ref: `mypack.${name}`, name, enabled, trigger: { type: "core.st2.webhook", parameters } }),
  source: "api",
  updated_at: "2026-01-01T00:00:00.000Z",
  rev: 1,
});

async function start(...rules: readonly RuleRecord[]) {
  const types = new Map<string, TriggerType>([["mypack.changed_file", aTriggerType()]]);
  const writes = { fail: false, failsOnce: false };
  let started: StartedApi;
  let made: WebhookDesk | null = null;
  const desk = () => {
    made ??= newDesk();
    return made;
  };
  const newDesk = () =>
    new WebhookDesk({
      store: {
        ruleSet: () => started.store.ruleSet(),
        instance: (id) => started.store.instance(id),
        setting: (name) => started.store.setting(name),
        putSetting: (name, value) => started.store.putSetting(name, value),
        emit: async (outcome) => {
          if (writes.failsOnce) {
            writes.failsOnce = false;
            throw new Error("the disk refuses");
          }
          if (writes.fail) throw new Error("the disk refuses");
          return started.store.emit(outcome);
        },
      },
      catalogue: () => ({
        packs: new Map(),
        actions: new Map(),
        policies: new Map(),
        aliases: new Map(),
        sensors: new Set(),
        triggerTypes: types,
      }),
      judge: async (instance) => ({
        instance: { ...instance, status: "processed" },
        ...{ enforcements: [], executions: [], dispatches: [] },
      }),
      settled: async () => {},
      now: () => Date.parse("2026-01-01T12:00:00.000Z"),
      newId: ulidSource(systemClock, systemRandom),
    });
  started = await startApi({
    webhooks: () => desk().list(),
    takeWebhook: (url, request) => desk().take(url, request),
    injectTrigger: (request) => desk().inject(request),
  });
  const { store, api, key } = started;
  await store.changeRules(rules, [], (await store.ruleSet()).version);
  const post = (url: string, payload: string | object | undefined, headers: Record<string, string> = {}) =>
    api.inject({
      method: "POST",
      url: `/v1/webhooks/${url}`,
      headers: { authorization: `Bearer ${key}`, ...headers },
      ...(payload !== undefined && { payload }),
    });
  const instances = async () => (await store.instances({}, { limit: 100 })).items;
  return { ...started, post, instances, writes };
}

test("a request is a trigger instance by the time it is answered, without what opened the door", async () => {
  const { post, instances } = await start(hookRule("on_push", { url: "github/push" }));
  const reply = await post(
    "github/push/",
    { ref: "main" },
    { "X-Github-Event": "push", cookie: "a=b", "St2-Trace-Tag": "t1" },
  );
  expect(reply.statusCode).toBe(202);
  const [instance] = await instances();
  expect(reply.json()).toEqual({
    trace_tag: "t1",
    trigger_instances: [{ id: instance?.id, status: "processed", reason: null }],
  });
  expect(instance).toMatchObject({
    trigger: "core.st2.webhook",
    parameters: { url: "github/push" },
    origin: { agent: null },
    trace_tag: "t1",
    status: "processed",
  });
  const { headers, headers_lower, body } = (instance?.payload ?? {}) as Record<string, JsonObject>;
  expect(body).toEqual({ ref: "main" });
  expect(headers_lower).toMatchObject({ "x-github-event": "push", "content-type": "application/json" });
  for (const secret of ["authorization", "cookie", "st2-trace-tag"])
    expect(headers_lower).not.toHaveProperty(secret);
  expect(Object.keys(headers ?? {}).map((name) => name.toLowerCase())).toEqual(
    Object.keys(headers_lower ?? {}),
  );
});

test.each<[string, string | undefined, string | undefined, unknown]>([
  [
    "a form, each name with its values",
    "application/x-www-form-urlencoded",
    "a=1&a=2&b=x%20y",
    { a: ["1", "2"], b: ["x y"] },
  ],
  ["text", "text/plain", "hello", "hello"],
  ["a list", "application/json", "[1,2]", [1, 2]],
  ["nothing", undefined, undefined, null],
])("the body may be %s", async (_what, type, text, body) => {
  const { post, instances } = await start(hookRule("r", { url: "a" }));
  const reply = await post("a", text, type === undefined ? {} : { "content-type": type });
  expect(reply.statusCode).toBe(202);
  expect((await instances())[0]?.payload).toMatchObject({ body });
});

test("the key may come in a header or the query as StackStorm has it, and only webhooks look into the query", async () => {
  const { api, key, faults } = await start(hookRule("r", { url: "a" }));
  const ask = (method: "GET" | "POST", url: string, headers = {}) =>
    api.inject({ method, url, headers }).then((r) => r.statusCode);
  expect(await ask("POST", "/v1/webhooks/a")).toBe(401);
  expect(await ask("POST", "/v1/webhooks/a?st2-api-key=wrong")).toBe(401);
  expect(await ask("POST", `/v1/webhooks/a?st2-api-key=${key}&more=1`)).toBe(202);
  expect(await ask("POST", "/v1/webhooks/a", { "st2-api-key": key })).toBe(202);
  expect(await ask("GET", `/v1/webhooks?st2-api-key=${key}`)).toBe(401);
  expect(await ask("GET", `/v1/rules?st2-api-key=${key}`)).toBe(401);
  expect(faults).toEqual([]);
});

test("a path that nobody waits for is not found, and the answer says what there is", async () => {
  const { post, instances } = await start(
    hookRule("one", { url: "/deploys/" }),
    hookRule("off", { url: "later" }, false),
  );
  expect((await post("deploy", {})).json().error).toMatchObject({
    code: "NOT_FOUND",
    fix: "did you mean 'deploys'? there are: deploys",
  });
  expect((await post("later", {})).json().error).toMatchObject({
    message: "the rules for the webhook 'later' are disabled",
    fix: "`petrel rule enable mypack.off`",
  });
  expect((await post("Deploys", {})).statusCode).toBe(404);
  expect(await instances()).toEqual([]);
  expect((await (await start()).post("x", {})).json().error.fix).toBe("there is no webhook yet");
});

test("rules that spell one path differently each have their trigger", async () => {
  const { post, instances, api, key } = await start(
    hookRule("one", { url: "/a/b" }),
    hookRule("two", { url: "a/b" }),
    hookRule("three", { url: "a/b" }),
  );
  expect((await post("a/b", {})).json().trigger_instances).toHaveLength(2);
  expect((await instances()).map(({ parameters }) => parameters?.url).sort()).toEqual(["/a/b", "a/b"]);
  const headers = { authorization: `Bearer ${key}` };
  const hook = { url: "a/b", rules: ["mypack.one", "mypack.three", "mypack.two"], enabled: true };
  expect((await api.inject({ url: "/v1/webhooks", headers })).json()).toEqual({ items: [hook] });
  for (const url of ["a/b", "a%2Fb"]) {
    expect((await api.inject({ url: `/v1/webhooks/${url}`, headers })).json()).toEqual(hook);
  }
  expect((await api.inject({ url: "/v1/webhooks/c", headers })).statusCode).toBe(404);
});

test("the generic hook tells any registered trigger", async () => {
  const { post, instances } = await start();
  for (const url of ["st2", "st2/"]) {
    const reply = await post(
      url,
      { trigger: "mypack.changed_file", payload: { path: "/etc/hosts" } },
      { "st2-trace-tag": "t" },
    );
    expect(reply.json()).toMatchObject({ trace_tag: "t", trigger_instances: [{ status: "processed" }] });
  }
  expect(await instances()).toMatchObject(
    [1, 2].map(() => ({ trigger: "mypack.changed_file", payload: { path: "/etc/hosts" } })),
  );
});

test.each<[string, string, object | string, number, RegExp]>([
  [
    "a trigger that is not registered",
    "st2",
    { trigger: "mypack.changed_fil" },
    400,
    /TRIGGER_UNKNOWN.*mypack.changed_file/,
  ],
  ["no trigger", "st2", { payload: {} }, 400, /'trigger'/],
  [
    "a payload that is no object",
    "st2",
    { trigger: "mypack.changed_file", payload: [1] },
    400,
    /payload must be object/,
  ],
  ["an unknown field", "st2", { trigger: "mypack.changed_file", now: true }, 400, /unknown field 'now'/],
  ["too large a body", "a", { x: "y".repeat(257 * 1024) }, 413, /large/],
  ["what is no JSON", "a", "{not json", 400, /JSON/],
  ["a key that would reach a prototype", "a", '{"__proto__": {"x": 1}}', 400, /API_BAD_REQUEST/],
])("%s is refused", async (_what, url, body, status, text) => {
  const { post, instances } = await start(hookRule("r", { url: "a" }));
  const reply = await post(url, body, { "content-type": "application/json" });
  expect(reply.statusCode).toBe(status);
  expect(reply.body).toMatch(text);
  expect(await instances()).toEqual([]);
});

test("what cannot be written is not called taken", async () => {
  const { post, writes } = await start(hookRule("r", { url: "a" }));
  writes.fail = true;
  expect((await post("a", {})).statusCode).toBe(500);
});

describe("an Idempotency-Key", () => {
  const named = { "Idempotency-Key": "build 7" };
  const idsOf = (reply: { json(): { trigger_instances: readonly { id: string }[] } }) =>
    reply.json().trigger_instances.map(({ id }) => id);

  test("makes of the same request, once more or at the same time, the same instance", async () => {
    const { post, instances } = await start(hookRule("r", { url: "a" }), hookRule("s", { url: "b" }));
    const replies = await Promise.all([1, 2, 3].map(() => post("a", { n: 1 }, named)));
    replies.push(await post("a/", { n: 1 }, named));
    expect(new Set(replies.map((reply) => JSON.stringify(reply.json()))).size).toBe(1);
    expect(idsOf(replies[0] as never)).toEqual((await instances()).map(({ id }) => id));
    // It names a request to one place: elsewhere it is another one.
    await post("b", { n: 1 }, named);
    await post("a", { n: 1 }, { "Idempotency-Key": "build 8" });
    await post("a", { n: 1 });
    expect(await instances()).toHaveLength(4);
  });

  test("holds for the generic hook", async () => {
    const { post, instances } = await start();
    const body = { trigger: "mypack.changed_file", payload: { path: "/etc/hosts" } };
    const [first, second] = [await post("st2", body, named), await post("st2", body, named)];
    expect(second.json()).toEqual(first.json());
    expect(await instances()).toHaveLength(1);
  });

  test("with another request is refused", async () => {
    const { post, instances } = await start(hookRule("r", { url: "a" }));
    await post("a", { n: 1 }, named);
    const reply = await post("a", { n: 2 }, named);
    expect([reply.statusCode, reply.json().error.code]).toEqual([422, "IDEMPOTENCY_KEY"]);
    expect(await instances()).toHaveLength(1);
  });

  test.each(["", "x".repeat(256)])("%j is none", async (key) => {
    const { post } = await start(hookRule("r", { url: "a" }));
    expect((await post("a", {}, { "Idempotency-Key": key })).statusCode).toBe(400);
  });

  test("of a request that was not answered makes it under the id it was to have", async () => {
    const { post, instances, writes } = await start(hookRule("r", { url: "a" }));
    writes.failsOnce = true;
    expect((await post("a", {}, named)).statusCode).toBe(500);
    const [first, second] = [await post("a", {}, named), await post("a", {}, named)];
    expect(second.json()).toEqual(first.json());
    const [instance, ...others] = await instances();
    expect([idsOf(first), others]).toEqual([[instance?.id], []]);
    expect(instance?.trace_tag).toBe(`webhook-a-${instance?.id}`);
  });
});

/** Who may ask for what, and what is written down of it. */
import { describe, expect, test } from "vitest";
import { digestOf } from "../../../../hub/access/key-form.ts";
import type { KeyView } from "../../../../hub/datastore/key-view.ts";
import type { ApiKeyRecord, ApiRequestRecord, ApiRole } from "../../../../shared/model/api-key.ts";
import { anExecution } from "../../../support/records.ts";
import { type StartedApi, startApi } from "../../../support/start-api.ts";

const aKey: KeyView = {
  uid: "",
  name: "x",
  scope: "st2kv.system",
  user: null,
  value: "1",
  secret: false,
  encrypted: false,
  expire_timestamp: null,
};

type Answer = {
  status: number;
  body: Record<string, unknown> & { error?: { code: string; message: string } };
};

async function ask(
  { api }: StartedApi,
  key: string | null,
  what: string,
  { body, headers = {}, from }: { body?: object; headers?: Record<string, string>; from?: string } = {},
): Promise<Answer & { headers: Record<string, unknown> }> {
  const [method = "GET", url = ""] = what.split(" ");
  const reply = await api.inject({
    method: method as "GET",
    url,
    headers: { ...(key !== null && { authorization: `Bearer ${key}` }), ...headers },
    ...(body !== undefined && { payload: body }),
    ...(from !== undefined && { remoteAddress: from }),
  });
  return { status: reply.statusCode, body: reply.body === "" ? {} : reply.json(), headers: reply.headers };
}

async function keyOf(
  api: StartedApi,
  name: string,
  over: { role?: ApiRole; scopes?: string[]; ttl?: number | null },
) {
  const { status, body } = await ask(api, api.key, "POST /v1/apikeys", { body: { name, ...over } });
  expect([status, body.error]).toEqual([201, undefined]);
  return body as unknown as ApiKeyRecord & { key: string };
}

const noted = async ({ store }: StartedApi) =>
  (await store.apiRequests({}, { limit: 100, ascending: true })).items as ApiRequestRecord[];
const lines = async (api: StartedApi) =>
  (await noted(api)).map(({ user, noun, verb, ref, status, code }) =>
    [user, `${noun} ${verb}`, ref, status, code].join(" | "),
  );

describe("a key", () => {
  test("is shown once, and its digest alone is kept", async () => {
    const api = await startApi();
    const made = await keyOf(api, "ann", { role: "operator" });
    const [kept] = await api.store.apiKeys();
    expect(kept).toMatchObject({ id: made.id, digest: digestOf(made.key), created_by: "api" });
    expect(JSON.stringify(kept)).not.toContain(made.key);
    for (const url of [`/v1/apikeys/${made.id}`, "/v1/apikeys"]) {
      const { body } = await ask(api, api.key, `GET ${url}`);
      expect(JSON.stringify(body)).not.toMatch(new RegExp(`${made.key}|${kept?.digest}`));
      expect(JSON.stringify(body)).toContain(made.id);
    }
    expect(JSON.stringify(await noted(api))).not.toContain(made.key);
  });

  test("ends: disabled, expired, deleted", async () => {
    const api = await startApi();
    const made = await keyOf(api, "ann", { ttl: 60 });
    const look = async () => {
      const { status, body } = await ask(api, made.key, "GET /v1/rules");
      return `${status} ${body.error?.message ?? ""}`.trim();
    };
    expect(await look()).toBe("200");
    await ask(api, api.key, `PATCH /v1/apikeys/${made.id}`, { body: { enabled: false } });
    expect(await look()).toBe("401 this API key is disabled");
    await ask(api, api.key, `PATCH /v1/apikeys/${made.id}`, { body: { enabled: true } });
    expect(await look()).toBe("200");
    api.at.offset = 61_000;
    expect(await look()).toMatch(/^401 this API key has expired/);
    await ask(api, api.key, `PATCH /v1/apikeys/${made.id}`, { body: { ttl: null } });
    expect(await look()).toBe("200");
    await ask(api, api.key, `DELETE /v1/apikeys/${made.id}`);
    expect(await look()).toBe("401 this API key is not known");
  });

  test("notes its uses, once a minute at most", async () => {
    const api = await startApi();
    const made = await keyOf(api, "ann", {});
    for (let i = 0; i < 3; i++) await ask(api, made.key, "GET /v1/rules", { from: "10.0.0.7" });
    await expect.poll(() => api.keys.get(made.id)).toMatchObject({ last_used_from: "10.0.0.7", rev: 2 });
    api.at.offset = 61_000;
    await ask(api, made.key, "GET /v1/rules", { from: "10.0.0.8" });
    await expect.poll(() => api.keys.get(made.id)).toMatchObject({ last_used_from: "10.0.0.8", rev: 3 });
  });

  test.each([
    [{ name: "api" }, "ALREADY_EXISTS"],
    [{ name: "stanley" }, "ALREADY_EXISTS"],
    [{ name: "taken" }, "ALREADY_EXISTS"],
    [{ name: "a b" }, "API_BAD_REQUEST"],
    [{ name: "x", role: "root" }, "API_BAD_REQUEST"],
    [{ name: "x", scopes: ["Rule"] }, "APIKEY_INVALID"],
    [{ name: "x", ttl: 0 }, "API_BAD_REQUEST"],
  ])("%j is refused: %s", async (body, code) => {
    const api = await startApi();
    await keyOf(api, "taken", {});
    const answer = await ask(api, api.key, "POST /v1/apikeys", { body });
    expect(answer.body.error?.code).toBe(code);
    expect(await api.store.apiKeys()).toHaveLength(1);
  });
});

describe("a role", () => {
  test("that does not do is refused, told which one would, and noted; nothing is done", async () => {
    const api = await startApi();
    const { key } = await keyOf(api, "eve", { role: "observer" });
    const answer = await ask(api, key, "DELETE /v1/rules/mypack.alert");
    expect([answer.status, answer.body.error?.code]).toEqual([403, "API_FORBIDDEN"]);
    expect(answer.body.error?.message).toBe("'rule delete' needs the role operator; eve is observer");
    expect(api.operations.calls).toEqual([]);
    expect((await lines(api)).at(-1)).toBe("eve | rule delete | mypack.alert | 403 | API_FORBIDDEN");
  });

  test.each([
    ["operator", "GET /v1/keys/web.password?decrypt=true", 403],
    ["operator", "GET /v1/keys?decrypt=true&decrypt=false", 403],
    ["operator", "GET /v1/keys?decrypt=false", 200],
    ["operator", "GET /v1/apikeys", 403],
    ["observer", "GET /v1/rules", 200],
    ["webhook", "GET /v1/rules", 403],
    ["webhook", "GET /v1/openapi.yaml", 200],
    ["admin", "GET /v1/audit/requests", 200],
  ] as const)("%s asking for %s gets %i", async (role, what, status) => {
    const api = await startApi({ keys: () => ({ items: [] }) });
    const { key } = await keyOf(api, "ann", { role });
    const [method = "", url = ""] = what.split(" ");
    const reply = await api.api.inject({
      method: method as "GET",
      url,
      headers: { authorization: `Bearer ${key}` },
    });
    expect(reply.statusCode).toBe(status);
  });

  test("with scopes does only these, wherever the name of the thing stands", async () => {
    const api = await startApi({ run: async () => [anExecution({ action: "core.noop" })] });
    const { key } = await keyOf(api, "ci", {
      role: "operator",
      scopes: ["action:run:core.noop", "rule:get:mypack.*"],
    });
    const run = (action: string) => ask(api, key, "POST /v1/executions", { body: { action } });
    expect((await run("core.noop")).status).toBe(201);
    const refused = await run("core.local");
    expect([refused.status, refused.body.error?.message]).toEqual([
      403,
      "'action run' is none of the scopes of ci (action:run:core.noop, rule:get:mypack.*)",
    ]);
    expect((await ask(api, key, "GET /v1/rules/mypack.alert")).status).toBe(404);
    expect((await ask(api, key, "GET /v1/rules/other.alert")).status).toBe(403);
    expect((await ask(api, key, "GET /v1/rules")).status).toBe(403);
  });

  test("with a scope for keys of scope system reaches no user's, and the log tells them apart", async () => {
    const api = await startApi({ key: () => aKey, setKey: async () => aKey });
    const { key } = await keyOf(api, "ci", {
      role: "operator",
      scopes: ["key:set:app.*", "key:get:user:ci:*"],
    });
    const put = (url: string) => ask(api, key, `PUT /v1/keys/${url}`, { body: { value: "1" } });
    const answers = [];
    for (const url of [
      "app.x",
      "app.x?scope=system",
      "app.x?scope=user",
      "app.x?scope=st2kv.user&user=bob",
      "app.x?scope=user&scope=user",
      "app.x?scope=wrong",
    ])
      answers.push((await put(url)).status);
    expect(answers).toEqual([200, 200, 403, 403, 400, 400]);
    expect((await ask(api, key, "GET /v1/keys/x?scope=user")).status).toBe(200);
    expect((await ask(api, key, "GET /v1/keys/x?scope=user&user=bob")).status).toBe(403);
    await ask(api, api.key, "PUT /v1/keys/foo?scope=user", {
      body: { value: "1" },
      headers: { "petrel-user": "alice" },
    });
    const refs = (await noted(api))
      .filter(({ noun }) => noun === "key")
      .map(({ ref, status }) => [ref, status]);
    expect(refs.slice(0, 4)).toEqual([
      ["app.x", 200],
      ["app.x", 200],
      ["user:ci:app.x", 403],
      ["user:bob:app.x", 403],
    ]);
    expect(refs.at(-2)).toEqual(["user:bob:x", 403]);
    expect(refs.at(-1)).toEqual(["user:alice:foo", 200]);
  });

  test("with scopes hands out no keys, not even to itself", async () => {
    const api = await startApi();
    const { key, id } = await keyOf(api, "ops", { role: "admin", scopes: ["apikey"] });
    const created = await ask(api, key, "POST /v1/apikeys", { body: { name: "x", role: "admin" } });
    const changed = await ask(api, key, `PATCH /v1/apikeys/${id}`, { body: { scopes: [] } });
    expect([created.status, changed.status]).toEqual([403, 403]);
    expect((await ask(api, key, "GET /v1/apikeys")).status).toBe(200);
  });
});

describe("the log of requests", () => {
  test("has who did what, on disk before the answer", async () => {
    const api = await startApi({ run: async () => [anExecution()], deleteRule: async () => {} });
    const { key } = await keyOf(api, "ann", { role: "operator" });
    await ask(api, key, "DELETE /v1/rules/mypack.alert");
    await ask(api, key, "POST /v1/executions", { body: { action: "core.noop", user: "root" } });
    await ask(api, key, "GET /v1/rules");
    await ask(api, null, "GET /v1/rules");
    await ask(api, api.key, "DELETE /v1/rules/mypack.alert", { headers: { "petrel-user": "bob" } });
    const [, ...rest] = await lines(api);
    expect(rest).toEqual([
      "ann | rule delete | mypack.alert | 204 | ",
      "ann | action run | core.noop | 201 | ",
      " | rule list |  | 401 | API_UNAUTHORIZED",
      "bob | rule delete | mypack.alert | 204 | ",
    ]);
    expect(api.operations.calls.find(({ name }) => name === "run")?.args).toMatchObject([{ user: "ann" }]);
  });

  test("has reads of secrets", async () => {
    const api = await startApi({ keys: () => ({ items: [] }) });
    await ask(api, api.key, "GET /v1/keys");
    await ask(api, api.key, "GET /v1/keys?decrypt=true");
    expect(await lines(api)).toEqual(["api | key decrypt |  | 200 | "]);
  });

  test("is read with filters, as a page and as lines", async () => {
    const api = await startApi({ deleteRule: async () => {} });
    for (const user of ["ann", "bob", "ann"]) {
      await ask(api, api.key, "DELETE /v1/rules/a.b", { headers: { "petrel-user": user } });
    }
    const { body } = await ask(api, api.key, "GET /v1/audit/requests?user=ann&limit=1");
    expect(body).toMatchObject({ items: [{ user: "ann", noun: "rule", verb: "delete", ref: "a.b" }] });
    expect(body.cursor).toBeDefined();
    expect(((await ask(api, api.key, "GET /v1/audit/requests?refused=true")).body.items as []).length).toBe(
      0,
    );
  });

  test("that cannot be written keeps the answer back", async () => {
    const api = await startApi({ deleteRule: async () => {} });
    await api.store.close();
    const { status, body } = await ask(api, api.key, "DELETE /v1/rules/a.b");
    expect([status, body.error?.code]).toEqual([507, "STORE_WRITE"]);
    expect(body.error?.message).toContain("could not be noted");
  });
});

describe("who guesses", () => {
  const wrong = `petrel_01HQ0000000000000000000001_${"A".repeat(43)}`;

  test("is not listened to for a while, and those who are known from there are", async () => {
    const api = await startApi();
    const { key } = await keyOf(api, "ann", {});
    const { key: other } = await keyOf(api, "bob", {});
    const from = "10.0.0.9";
    expect((await ask(api, key, "GET /v1/rules", { from })).status).toBe(200);
    const statuses = new Map<number, number>();
    for (let i = 0; i < 30; i++) {
      const { status } = await ask(api, i % 2 ? wrong : null, "GET /v1/rules", { from });
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
    expect([...statuses]).toEqual([
      [401, 10],
      [429, 20],
    ]);
    const late = await ask(api, other, "GET /v1/rules", { from });
    expect([late.status, late.body.error?.code]).toEqual([429, "API_TOO_MANY_FAILURES"]);
    expect(Number(late.headers["retry-after"])).toBeGreaterThan(0);
    expect((await ask(api, key, "GET /v1/rules", { from })).status).toBe(200);
    expect((await ask(api, other, "GET /v1/rules", { from: "10.0.0.8" })).status).toBe(200);
    // Ten failures and the first refusal: the rest would only fill the disk.
    expect((await noted(api)).filter(({ address }) => address === from)).toHaveLength(11);
    api.at.offset = 61_000;
    expect((await ask(api, other, "GET /v1/rules", { from })).status).toBe(200);
  });

  test("on this machine does not lock out its administrator", async () => {
    const api = await startApi();
    for (let i = 0; i < 15; i++) await ask(api, wrong, "GET /v1/rules");
    expect((await ask(api, wrong, "GET /v1/rules")).status).toBe(429);
    expect((await ask(api, api.key, "GET /v1/rules")).status).toBe(200);
  });
});

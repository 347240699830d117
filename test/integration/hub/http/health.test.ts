/** Whether the hub is well, and its figures. */
import { expect, test } from "vitest";
import type { Top } from "../../../../hub/figures/figures.ts";
import { hubFigures, startApi, wellHub } from "../../../support/start-api.ts";

const emptyTop: Top = { at: "", hub: hubFigures(), agents: [], chains: [] };

test("healthz says what does not work, with a status that a load balancer understands", async () => {
  const store = { ...wellHub.store, failed: true };
  const { api } = await startApi({ health: () => ({ ...wellHub, store }) });
  const reply = await api.inject("/healthz");
  expect([reply.statusCode, reply.json()]).toEqual([503, { ok: false, store: "failed", broker: "ok" }]);
  const broker = { ...wellHub.broker, reached: false };
  const other = await startApi({ health: () => ({ ...wellHub, broker }) });
  const away = await other.api.inject("/healthz");
  expect([away.statusCode, away.json()]).toEqual([503, { ok: false, store: "ok", broker: "away" }]);
});

test("metrics are text for Prometheus, for those with a key", async () => {
  const figures = async () => hubFigures({ agents: { total: 3, online: 2, conflicts: 0 } });
  const { api, key } = await startApi({ figures });
  expect((await api.inject("/metrics")).statusCode).toBe(401);
  const reply = await api.inject({ url: "/metrics", headers: { authorization: `Bearer ${key}` } });
  expect(reply.statusCode).toBe(200);
  expect(reply.headers["content-type"]).toBe("text/plain; version=0.0.4; charset=utf-8");
  expect(reply.body).toContain("\npetrel_agents_online 2\n");
  expect(reply.body).toContain("\npetrel_store_batches_total 7\n");
});

test("what top asks for is passed on, with what it does not say filled in, and bounded", async () => {
  const { api, key, operations } = await startApi({ top: async () => ({ ...emptyTop }) });
  const ask = (query: string) =>
    api.inject({ url: `/v1/top${query}`, headers: { authorization: `Bearer ${key}` } });
  expect((await ask("")).statusCode).toBe(200);
  expect((await ask("?order=rate&agents=5&chains=0")).statusCode).toBe(200);
  expect((await ask("?order=mood")).statusCode).toBe(400);
  expect((await ask("?agents=100000")).statusCode).toBe(400);
  expect(operations.calls.map(({ args }) => args)).toEqual([
    [{ order: "lag", agents: 20, chains: 20 }],
    [{ order: "rate", agents: 5, chains: 0 }],
  ]);
});

/** Whether the hub is well, and its figures. */
import { expect, test } from "vitest";
import { startApi, wellHub } from "../../../support/start-api.ts";

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
  const counts = { agents: { total: 3, online: 2 }, pending_instances: 1, dead_letters: 4 };
  const { api, key } = await startApi({ counts: async () => counts });
  expect((await api.inject("/metrics")).statusCode).toBe(401);
  const reply = await api.inject({ url: "/metrics", headers: { authorization: `Bearer ${key}` } });
  expect(reply.statusCode).toBe(200);
  expect(reply.headers["content-type"]).toBe("text/plain; version=0.0.4; charset=utf-8");
  expect(reply.body).toContain("\npetrel_agents_online 2\n");
  expect(reply.body).toContain("\npetrel_store_batches_total 7\n");
});

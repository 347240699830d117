import { expect, test } from "vitest";
import type { SensorMessage } from "../../../../agent/sensors/messages.ts";
import { ProtocolSensorService } from "../../../../agent/sensors/sensor-service.ts";
import type { Json } from "../../../../shared/json.ts";

function newService(window = 3) {
  const sent: SensorMessage[] = [];
  const pending: number[] = [];
  const service = new ProtocolSensorService({
    send: (line) => sent.push(JSON.parse(line) as SensorMessage),
    window,
    pollInterval: 5,
    onPending: (count) => pending.push(count),
  });
  return { service, sent, pending, ids: () => sent.flatMap((m) => (m.op === "dispatch" ? [m.id] : [])) };
}

test("beyond the window dispatches wait, and go as the agent accepts", async () => {
  const { service, ids, pending } = newService(3);
  const all = [1, 2, 3, 4, 5, 6].map((n) => service.dispatch("p.t", { n }));
  expect(ids()).toEqual([1, 2, 3]);
  service.take({ op: "accepted", upTo: 2 });
  expect(ids()).toEqual([1, 2, 3, 4, 5]);
  expect(await Promise.all(all.slice(0, 2))).toEqual([1, 2]);
  service.take({ op: "accepted", upTo: 5 });
  service.take({ op: "accepted", upTo: 6 });
  expect(await Promise.all(all)).toEqual([1, 2, 3, 4, 5, 6]);
  expect(pending.at(-1)).toBe(0);
});

test("a value or a checkpoint never overtakes a dispatch that waits", async () => {
  const { service, sent } = newService(1);
  void service.dispatch("p.t", 1);
  void service.dispatch("p.t", 2);
  void service.setValue("cursor", "2");
  service.checkpoint();
  expect(sent.map(({ op }) => op)).toEqual(["dispatch"]);
  service.take({ op: "accepted", upTo: 1 });
  expect(sent.map(({ op }) => op)).toEqual(["dispatch", "dispatch", "set_value", "checkpoint"]);
});

test("a refused dispatch rejects with the code, and a rejection nobody awaits does no harm", async () => {
  const { service } = newService();
  const refused = service.dispatch("p.t", "x");
  const fine = service.dispatch("p.t", "y");
  service.take({ op: "refused", id: 1, code: "LINK_ENTRY_TOO_LARGE", message: "too large" });
  service.take({ op: "accepted", upTo: 2 });
  await expect(refused).rejects.toMatchObject({ code: "LINK_ENTRY_TOO_LARGE" });
  await expect(fine).resolves.toBe(2);
});

test("an answer finds its question, and an error its code", async () => {
  const { service, sent } = newService();
  const [first, second] = [service.getValue("a"), service.getValue("b", { local: false, decrypt: true })];
  expect(sent).toMatchObject([
    { op: "get_value", request: 1, name: "a", local: true },
    { op: "get_value", request: 2, name: "b", local: false, decrypt: true },
  ]);
  service.take({ op: "value", request: 2, error: { code: "ASK_TIMEOUT", message: "away" } });
  service.take({ op: "value", request: 1, value: "text" });
  expect(await first).toBe("text");
  await expect(second).rejects.toMatchObject({ code: "ASK_TIMEOUT" });
});

test("values to set become text, and null deletes", () => {
  const { service, sent } = newService();
  void service.dispatch("p.t", {}, { set: { a: 1, b: true, c: null }, key: "k", traceTag: "tag" });
  expect(sent[0]).toMatchObject({ set: { a: "1", b: "true", c: null }, key: "k", trace_tag: "tag" });
});

test("what is no JSON is refused at once, and is no gap that anything waits at", async () => {
  const { service, sent, pending } = newService(1);
  const cycle: { self?: object } = {};
  cycle.self = cycle;
  await expect(service.dispatch("p.t", cycle as Json)).rejects.toThrow("circular");
  expect(sent).toEqual([]);
  expect(pending).toEqual([]);
  const fine = service.dispatch("p.t", 1);
  expect(sent).toMatchObject([{ op: "dispatch", id: 1 }]);
  service.take({ op: "accepted", upTo: 1 });
  expect(await fine).toBe(1);
});

test("a dispatch that waits is sent as it was given, whatever becomes of its payload", () => {
  const { service, sent } = newService(1);
  const payload = { n: 1 };
  void service.dispatch("p.t", payload);
  payload.n = 2;
  void service.dispatch("p.t", payload);
  payload.n = 3;
  service.take({ op: "accepted", upTo: 1 });
  expect(sent).toMatchObject([{ payload: { n: 1 } }, { payload: { n: 2 } }]);
});

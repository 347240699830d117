import { get, type IncomingMessage } from "node:http";
import { describe, expect, onTestFinished, test } from "vitest";
import { mask } from "../../../../hub/secrets/mask.ts";
import { anAgent, anExecution } from "../../../support/records.ts";
import { aPackRecord, idOf, startApi, takeInstances } from "../../../support/start-api.ts";
import { waitUntil } from "../../../support/wait-until.ts";

interface Stream {
  readonly events: { readonly event: string; readonly data: Record<string, unknown> }[];
  readonly response: IncomingMessage;
  isOver(): boolean;
}

/** Resolves once the stream's first words are there. */
async function openStream(url: string, key: string, query = ""): Promise<Stream> {
  const response = await new Promise<IncomingMessage>((done, fail) => {
    get(`${url}/v1/stream${query}`, { headers: { authorization: `Bearer ${key}` } }, done).on("error", fail);
  });
  onTestFinished(() => void response.destroy());
  const events: Stream["events"] = [];
  let text = "";
  let over = false;
  response.setEncoding("utf8");
  response.on("close", () => {
    over = true;
  });
  response.on("error", () => {});
  response.on("data", (chunk: string) => {
    text += chunk;
    const frames = text.split("\n\n");
    text = frames.pop() ?? "";
    for (const frame of frames) {
      const [, event, data] = /^event: (.+)\ndata: (.+)$/.exec(frame) ?? [];
      if (event !== undefined && data !== undefined) events.push({ event, data: JSON.parse(data) });
    }
  });
  return { events, response, isOver: () => over };
}

describe("the stream", () => {
  test("is cut off when its key opens nothing any more, and those of others go on", async () => {
    const { api, listen, key, keys } = await startApi();
    const url = await listen();
    const made = await api.inject({
      method: "POST",
      url: "/v1/apikeys",
      headers: { authorization: `Bearer ${key}` },
      payload: { name: "ann" },
    });
    const { id, key: hers } = made.json<{ id: string; key: string }>();
    const [cut, other] = [await openStream(url, hers), await openStream(url, key)];
    const [caller] = [keys.identify(key)].flatMap((found) => ("caller" in found ? [found.caller] : []));
    if (caller === undefined) throw new Error("the local key is not known");
    await keys.change(id, { enabled: false }, caller);
    await waitUntil("the stream to be cut off", async () => cut.isOver());
    expect(other.isOver()).toBe(false);
  });

  test("tells each change once it is stored, in order, without secrets", async () => {
    const { listen, store, key } = await startApi();
    const { events } = await openStream(await listen(), key);
    await store.putPack(aPackRecord(), null);
    await store.putAgent(anAgent(), null);
    await takeInstances(store, [{ id: idOf(1) }]);
    const execution = anExecution({ id: idOf(2), action: "mypack.login", parameters: { token: "hunter2" } });
    await store.createExecutions([execution], []);
    await waitUntil("the execution is told", () => events.some(({ event }) => event === "execution"));
    const kinds = events.map(({ event }) => event);
    expect(kinds.filter((kind) => kind !== "rules")).toEqual(["pack", "agent", "instance", "execution"]);
    const last = (kind: string) => events.findLast(({ event }) => event === kind)?.data;
    expect(last("instance")).toMatchObject({ id: idOf(1), trigger: "mypack.changed_file" });
    expect(last("execution")).toMatchObject({ id: idOf(2), parameters: { token: mask } });
    expect(last("pack")).toMatchObject({ ref: "mypack", pack: { actions: ["mypack.login"] } });
    expect(JSON.stringify(events)).not.toContain("hunter2");
  });

  test("tells only the types that were asked for", async () => {
    const { listen, store, key } = await startApi();
    const { events } = await openStream(await listen(), key, "?types=execution,agent");
    await takeInstances(store, [{ id: idOf(1) }]);
    await store.putAgent(anAgent(), null);
    await store.createExecutions([anExecution({ id: idOf(2) })], []);
    await waitUntil("the execution is told", () => events.some(({ event }) => event === "execution"));
    expect(new Set(events.map(({ event }) => event))).toEqual(new Set(["agent", "execution"]));
  });

  test("of a client that does not read is cut off, and the others go on", async () => {
    const { listen, store, key, faults } = await startApi();
    const url = await listen();
    const slow = await openStream(url, key, "?types=instance");
    slow.response.pause();
    const awake = await openStream(url, key, "?types=agent");
    // More than the unread limit and what the kernel buffers for a connection on loopback.
    const text = "x".repeat(100_000);
    const ids = Array.from({ length: 300 }, (_, n) => ({ id: idOf(n + 1), payload: { text } }));
    await takeInstances(store, ids);
    await store.putAgent(anAgent(), null);
    await waitUntil("the other one hears of the agent", () => awake.events.length > 0);
    slow.response.resume();
    await waitUntil("the slow one is cut off", () => slow.isOver());
    expect(slow.events.length).toBeLessThan(300);
    expect(awake.isOver()).toBe(false);
    expect(faults).toEqual([]);
  });

  test("ends when the hub stops, and does not hold it up", async () => {
    const { api, listen, key } = await startApi();
    const stream = await openStream(await listen(), key);
    await api.close();
    await waitUntil("the stream is over", () => stream.isOver());
  });
});

test("a list of lines waits for a slow reader instead of gathering in memory", async () => {
  const { listen, store, key } = await startApi();
  const url = await listen();
  const text = "x".repeat(100_000);
  const count = 400;
  await takeInstances(
    store,
    Array.from({ length: count }, (_, n) => ({ id: idOf(n + 1), payload: { text } })),
  );
  let pages = 0;
  const instances = store.instances;
  store.instances = (filter, page) => {
    pages++;
    return instances(filter, page);
  };
  const response = await new Promise<IncomingMessage>((done, fail) => {
    const headers = { authorization: `Bearer ${key}`, accept: "application/x-ndjson" };
    get(`${url}/v1/trigger-instances`, { headers }, done).on("error", fail);
  });
  onTestFinished(() => void response.destroy());
  await waitUntil("the first rows are there", () => response.readableLength > 0);
  // Another request is served meanwhile; by then an eager server would have read on.
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
  const before = pages;
  let lines = 0;
  response.setEncoding("utf8");
  for await (const chunk of response) lines += String(chunk).split("\n").length - 1;
  expect(lines).toBe(count);
  expect(before).toBeLessThan(pages);
});

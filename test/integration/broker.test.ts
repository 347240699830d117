import { expect, test } from "vitest";
import { mqttClient } from "../support/mqtt-clients.ts";
import { testBroker } from "../support/start-broker.ts";
import { waitUntil } from "../support/wait-until.ts";

test("an agent's message reaches the hub, and the hub's message reaches the agent", async () => {
  const { broker, port, heard, events } = await testBroker();
  const client = await mqttClient(port, "web-1");
  const got: string[] = [];
  client.on("message", (topic, bytes) => got.push(`${topic} ${bytes}`));
  await client.subscribeAsync("petrel/v1/agent/web-1/down", { qos: 1 });
  await client.publishAsync("petrel/v1/agent/web-1/up", "hello", { qos: 1 });
  expect(heard).toEqual([{ agent: "web-1", kind: "up", text: "hello" }]);
  broker.transport("web-1").send("down", Buffer.from("run"));
  await waitUntil("the message arrives", () => got.length > 0);
  expect(got).toEqual(["petrel/v1/agent/web-1/down run"]);
  client.stream.destroy();
  await waitUntil("the hub notices", () => events.length === 2);
  expect(events).toEqual(["connect web-1", "disconnect web-1"]);
});

/** Questions to sensors that run, in each language. */
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { sensorQuestionResponders } from "../../../agent/sensors/hub-questions.ts";
import { startSensorBench, type WrittenSensor, writeSensor } from "../../support/sensor-bench.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { waitUntil } from "../../support/wait-until.ts";

const javascript = `
export class TestSensor {
  async run() { this.beat = setInterval(() => {}, 1000); }
  cleanup() { clearInterval(this.beat); }
  async ask(question, args) {
    if (question === "echo") return args;
    if (question === "long") return "x".repeat(2 * 1024 * 1024);
    if (question === "fail") throw new Error("it cannot");
    if (question === "never") return new Promise(() => {});
    if (question === "die") process.exit(3);
  }
}
`;
const python = `
import threading
from st2reactor.sensor.base import Sensor

class TestSensor(Sensor):
    def run(self):
        threading.Event().wait()

    def ask(self, question, args):
        if question == "echo":
            return args
        if question == "fail":
            raise ValueError("it cannot")
        return None
`;

async function running(sensor: WrittenSensor) {
  const folder = await tempFolder();
  const bench = await startSensorBench({ data: folder });
  bench.host.apply([await writeSensor(join(folder, "pack"), sensor)]);
  await waitUntil("running", () => bench.host.statuses()[0]?.state === "running");
  const ask = (question: string, withinMs = 20_000) =>
    bench.host.ask("bench.TestSensor", question, { text: "äöü\n" }, withinMs);
  return { bench, ask };
}

describe.each([
  ["JavaScript", { entryPoint: "test.mjs", source: javascript }],
  ["Python", { entryPoint: "test.py", source: python }],
])("a sensor in %s", (_, sensor) => {
  test("answers what it knows, says what it does not know, and tells its errors", async () => {
    const { ask } = await running(sensor);
    expect(await ask("echo")).toEqual({ text: "äöü\n" });
    await expect(ask("what")).rejects.toMatchObject({ code: "SENSOR_ASK_UNKNOWN" });
    await expect(ask("fail")).rejects.toMatchObject({ code: "SENSOR_ASK_FAILED", message: /it cannot/ });
    expect(await ask("echo")).toEqual({ text: "äöü\n" });
  });
});

test("an answer that is no line, one that does not come, and an end while asked each have their error", async () => {
  const { ask, bench } = await running({ entryPoint: "test.mjs", source: javascript });
  await expect(ask("long")).rejects.toMatchObject({ code: "SENSOR_PROTOCOL" });
  await expect(ask("never", 50)).rejects.toMatchObject({ code: "ASK_TIMEOUT" });
  const open = ask("never");
  await expect(Promise.all([open, ask("die")])).rejects.toMatchObject({ code: "SENSOR_NOT_RUNNING" });
  await expect(open).rejects.toMatchObject({ code: "SENSOR_NOT_RUNNING" });
  await expect(ask("echo")).rejects.toMatchObject({ code: "SENSOR_NOT_RUNNING" });
  await expect(bench.host.ask("bench.Other", "echo", {}, 1_000)).rejects.toMatchObject({
    code: "SENSOR_NOT_RUNNING",
    message: /no sensor bench.Other/,
  });
});

test("the hub's question reaches the sensor it names, and a malformed one reaches none", async () => {
  const { bench } = await running({ entryPoint: "test.mjs", source: javascript });
  const responder = sensorQuestionResponders(bench.host)["sensor-ask"];
  const good = { sensor: "bench.TestSensor", question: "echo", arguments: { a: 1 }, within: 20_000 };
  expect(await responder?.(good)).toEqual({ a: 1 });
  await expect(responder?.({ ...good, within: 0 })).rejects.toMatchObject({ code: "WIRE_PACKET" });
  await expect(responder?.({ ...good, arguments: [] })).rejects.toMatchObject({ code: "WIRE_PACKET" });
});

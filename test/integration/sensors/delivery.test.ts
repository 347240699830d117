/** What a sensor dispatches is on disk once, in order, whatever it prints and however full the outbox is. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { LocalValuesStore } from "../../../agent/sensors/local-values-store.ts";
import type { Json } from "../../../shared/json.ts";
import { type SensorBench, startSensorBench, writeSensor } from "../../support/sensor-bench.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { waitUntil } from "../../support/wait-until.ts";

/** An executable sensor in JavaScript: the body sees `say(object)`, `raw(text)` and `heard` (all messages so far). */
const program = (body: string) => `#!${process.execPath}
const readline = require("node:readline");
const heard = [];
const raw = (text) => process.stdout.write(text);
const say = (message) => raw(JSON.stringify(message) + "\\n");
const lines = readline.createInterface({ input: process.stdin });
lines.on("close", () => process.exit(0));
let onHeard = () => {};
lines.on("line", (line) => {
  const message = JSON.parse(line);
  heard.push(message);
  if (message.op === "stop") process.exit(0);
  onHeard(message);
});
const dispatch = (id, more = {}) => say({ op: "dispatch", id, trigger: "bench.seen", payload: { id }, ...more });
const until = (test) => new Promise((resolve) => {
  const look = () => { const found = heard.find(test); if (found) resolve(found); };
  const before = onHeard;
  onHeard = (message) => { before(message); look(); };
  look();
});
(async () => { ${body} })();
`;

async function run(bench: SensorBench, folder: string, body: string): Promise<void> {
  bench.host.apply([
    await writeSensor(join(folder, "pack"), { entryPoint: "test_sensor", source: program(body) }),
  ]);
}

const ids = async (bench: SensorBench) =>
  (await bench.triggers()).map(({ payload }) => (payload as { id: Json }).id);

test("noise, broken and oversized lines neither disturb the protocol nor end the sensor", async () => {
  const folder = await tempFolder();
  const bench = await startSensorBench({ data: folder });
  await run(
    bench,
    folder,
    `
    raw("plain words\\n{\\"op\\": \\"unknown\\"}\\n[1]\\n{ no json\\n\\n");
    dispatch(1);
    process.stdout.write(Buffer.from([0xff, 0xfe, 0x0a]));
    raw("x".repeat(3 * 1024 * 1024) + "\\n");
    say({ op: "dispatch", id: 2, trigger: "no ref", payload: {} });
    say({ op: "dispatch", id: 3, trigger: "bench.seen", payload: "y".repeat(200000) });
    dispatch(2);
    dispatch(4);
    say({ op: "dispatch", id: 5, trigger: "" });
    say({ op: "set_value", request: 9, name: "", value: "x" });
    await until((m) => m.op === "accepted" && m.upTo === 5);
    await until((m) => m.op === "value");
    say({ op: "dispatch", id: 6, trigger: "bench.seen", payload: { id: heard.filter((m) => m.op !== "start") } });
    raw('{"op":"dispatch","id":7,"trigger":"bench.seen"}');
    setTimeout(() => process.exit(0), 50);
    `,
  );
  const triggers = await waitUntil("the last trigger", async () => {
    const found = await bench.triggers();
    return found.length >= 3 ? found : null;
  });
  expect(triggers.slice(0, 2).map(({ payload }) => payload)).toEqual([{ id: 1 }, { id: 4 }]);
  const heard = (triggers[2] as unknown as { payload: { id: { op: string; id?: number; code?: string }[] } })
    .payload.id;
  const refusals = heard.filter(({ op }) => op === "refused").map(({ id, code }) => [id, code]);
  expect(refusals.toSorted()).toEqual([
    [2, "SENSOR_PROTOCOL"],
    [2, "SENSOR_PROTOCOL"],
    [3, "LINK_ENTRY_TOO_LARGE"],
    [5, "SENSOR_PROTOCOL"],
  ]);
  expect(heard.find(({ op }) => op === "value")).toMatchObject({ error: { code: "SENSOR_PROTOCOL" } });
  const logged = bench.lines.map(({ message }) => String(message)).join("\n");
  for (const text of ["plain words", "{ no json", '{"op": "unknown"}', "a line of 3145728 bytes"]) {
    expect(logged).toContain(text);
  }
  // The line without its line end was cut off by the exit: it is output, not a dispatch.
  expect((await ids(bench)).includes(7)).toBe(false);
});

test("a repeated key is accepted and stored once, in one life, across lives and across restarts of the agent", async () => {
  const folder = await tempFolder();
  const body = `
    const start = await until((m) => m.op === "start");
    for (const [id, key] of [[1, "a"], [2, "b"], [3, "a"], [4, "c"]])
      dispatch(id, { key, set: { [key]: String(id) } });
    await until((m) => m.op === "accepted" && m.upTo === 4);
    dispatch(5);
    await until((m) => m.op === "accepted" && m.upTo === 5);
    process.exit(0);
  `;
  const first = await startSensorBench({ data: folder });
  await run(first, folder, body);
  await waitUntil("three lives", async () => (await ids(first)).filter((id) => id === 5).length >= 3);
  await first.close();

  const second = await startSensorBench({ data: folder });
  const before = (await ids(second)).filter((id) => id === 5).length;
  await run(second, folder, body);
  await waitUntil(
    "two more lives",
    async () => (await ids(second)).filter((id) => id === 5).length >= before + 2,
  ).catch(async (e) => {
    console.log(await ids(second), before, second.lines);
    throw e;
  });
  expect((await ids(second)).filter((id) => id !== 5)).toEqual([1, 2, 4]);
});

test("after a checkpoint a key may occur again; keys of earlier lives go with `earlier`", async () => {
  const folder = await tempFolder();
  const bench = await startSensorBench({ data: folder });
  await run(
    bench,
    folder,
    `
    say({ op: "get_value", request: 1, name: "life" });
    const life = Number((await until((m) => m.op === "value" && m.request === 1)).value ?? "0") + 1;
    say({ op: "set_value", request: 2, name: "life", value: String(life) });
    const seen = (id, key) => dispatch(id, { key, payload: { id: life + key + id } });
    if (life === 1) {
      seen(1, "a"); seen(2, "b");
      say({ op: "checkpoint", upTo: 1 });
      seen(3, "a"); seen(4, "b");
    } else if (life === 2) {
      seen(1, "a"); seen(2, "b");
      say({ op: "checkpoint", upTo: 2 });
      seen(3, "a");
    } else if (life === 3) {
      seen(1, "a");
      say({ op: "checkpoint", upTo: 0, earlier: true });
      seen(2, "a"); seen(3, "b");
    } else return;
    await until((m) => m.op === "accepted" && m.upTo === (life === 1 ? 4 : 3));
    process.exit(0);
    `,
  );
  await waitUntil("the fourth life", () => (bench.host.statuses()[0]?.restarts ?? 0) >= 3);
  // Life 1: "a" again after its checkpoint. Life 2: both are held from life 1; then "a" anew. Life 3: "a" is held
  // from life 2 and belongs to this life by its repetition, so `earlier` alone does not free it; "b" was freed.
  expect(await ids(bench)).toEqual(["1a1", "1b2", "1a3", "2a3", "3b3"]);
});

test("a full outbox holds the sensor back, and loses nothing once there is room", async () => {
  const folder = await tempFolder();
  const bench = await startSensorBench({ data: folder, outboxLimits: { maxEntries: 50 } });
  await run(
    bench,
    folder,
    `
    for (let id = 1; id <= 1000; id++) dispatch(id);
    say({ op: "set_value", request: 1, name: "done", value: "yes" });
    await until((m) => m.op === "value");
    dispatch(1001);
    `,
  );
  const { outbox } = bench.store;
  const read: Json[] = [];
  let next = 1;
  /** Plays the hub: reads and receipts what has come. */
  const receive = async () => {
    const epoch = outbox.epochs().at(-1)?.id ?? "";
    for (const { entry, last } of await outbox.read(epoch, next, 1_000, 1_000_000)) {
      if (entry.kind === "trigger") read.push((entry.payload as { id: Json }).id);
      next = last + 1;
    }
    await outbox.receipted(epoch, next - 1);
    return read.length;
  };
  await waitUntil("the outbox refuses", () =>
    bench.lines.some(({ error }) => /LINK_OUTBOX_FULL/.test(String(error))),
  );
  await waitUntil("all triggers, and the value after the last of them", async () => (await receive()) > 1000);
  expect(read).toEqual(Array.from({ length: 1001 }, (_, at) => at + 1));
});

test("a value that says how far the sensor has come is never on disk before the triggers it speaks of", async () => {
  const folder = await tempFolder();
  const bench = await startSensorBench({ data: folder, outboxLimits: { maxEntries: 3 } });
  await run(
    bench,
    folder,
    `
    for (let id = 1; id <= 10; id++) dispatch(id);
    say({ op: "set_value", request: 1, name: "cursor", value: "10" });
    `,
  );
  await waitUntil("the outbox refuses", () =>
    bench.lines.some(({ error }) => /LINK_OUTBOX_FULL/.test(String(error))),
  );
  await bench.close();
  const again = await startSensorBench({ data: folder });
  const values = new LocalValuesStore({ database: again.store.database, now: Date.now });
  expect(await (await values.of("bench.TestSensor")).get("cursor")).toBeNull();
});

test("keys of the hub's datastore are asked for over the link, and an absent hub is told to the author", async () => {
  const folder = await tempFolder();
  const asked: Json[] = [];
  const bench = await startSensorBench({
    data: folder,
    ask: async (op, args) => {
      asked.push([op, args]);
      if (op === "datastore.delete") throw new Error("away");
      if (op === "datastore.seal") return `petrel-sealed:1:${"0".repeat(16)}:${"A".repeat(40)}`;
      return op === "datastore.get" ? "forty-two" : true;
    },
  });
  await run(
    bench,
    folder,
    `
    say({ op: "get_value", request: 1, name: "answer", local: false });
    say({ op: "set_value", request: 2, name: "answer", value: "43", ttl: 5, local: false, encrypt: true });
    say({ op: "delete_value", request: 3, name: "answer", local: false });
    say({ op: "set_value", request: 4, name: "answer", value: "43", encrypt: true });
    await Promise.all([1, 2, 3, 4].map((request) => until((m) => m.op === "value" && m.request === request)));
    dispatch(1, { payload: heard.filter((m) => m.op === "value") });
    `,
  );
  const [trigger] = await waitUntil("the answers", async () => {
    const found = await bench.triggers();
    return found.length > 0 ? found : null;
  });
  const by = "bench.TestSensor";
  expect(asked).toEqual([
    ["datastore.get", { by, name: "answer", decrypt: false }],
    ["datastore.set", { by, name: "answer", value: "43", ttl: 5, encrypt: true }],
    ["datastore.delete", { by, name: "answer" }],
    ["datastore.seal", { by, value: "43" }],
  ]);
  const answers = trigger?.payload as { request: number }[];
  expect(answers.toSorted((a, b) => a.request - b.request)).toMatchObject([
    { request: 1, value: "forty-two" },
    { request: 2, value: true },
    { request: 3, error: { message: "away" } },
    { request: 4, value: true },
  ]);
});

/** Run by `npm test` in the pack's folder, with Node 24. */
import assert from "node:assert/strict";
import { test } from "node:test";
import Note from "../actions/note.ts";
import { TickSensor } from "../sensors/tick_sensor.ts";
import type { Json, SensorService, ValueStore } from "../types/petrel.d.ts";

const logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** The values and triggers of one sensor, in memory. */
function memoryService(values: Map<string, string>, told: Json[]): SensorService {
  const store: ValueStore = {
    getValue: async (name) => values.get(name) ?? null,
    setValue: async (name, value) => void values.set(name, value),
    deleteValue: async (name) => values.delete(name),
    listValues: async () => [...values].map(([name, value]) => ({ name, value })),
  };
  return {
    ...store,
    logger: () => logger,
    dispatch: async (trigger, payload, options) => {
      for (const [name, value] of Object.entries(options?.set ?? {})) values.set(name, String(value));
      return told.push({ trigger, payload });
    },
    checkpoint: () => {},
    pollInterval: 10,
  };
}

test("the count goes on after a restart", async () => {
  const values = new Map<string, string>();
  const told: Json[] = [];
  for (let life = 0; life < 2; life++) {
    const sensor = new TickSensor(memoryService(values, told), {});
    await sensor.setup();
    await sensor.poll();
  }
  assert.deepEqual(
    told.map((trigger) => (trigger as { payload: { count: number } }).payload.count),
    [1, 2],
  );
});

test("a note begins with the configured greeting", () => {
  const service = memoryService(new Map(), []);
  const note = new Note({ config: { greeting: "Hi" }, logger, service });
  assert.deepEqual(note.run({ text: "tick 1" }), [true, { note: "Hi, tick 1" }]);
  assert.deepEqual(note.run({ text: "" }), [false, "There is nothing to note."]);
});

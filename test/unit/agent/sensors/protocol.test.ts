import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeLine } from "../../../../agent/sensors/lines.ts";
import type { AgentMessage } from "../../../../agent/sensors/messages.ts";
import { decodeAgentLine, decodeHead, decodeSensorLine } from "../../../../agent/sensors/protocol.ts";
import { startMessage } from "../../../../agent/sensors/start-message.ts";

const dispatch = { op: "dispatch", id: 1, trigger: "pack.name", payload: { a: 1 } };

describe("a line from a sensor", () => {
  test.each<[string, object]>([
    ["a dispatch", dispatch],
    ["a dispatch without payload", { op: "dispatch", id: 1, trigger: "pack.name" }],
    [
      "a dispatch with everything",
      { ...dispatch, trace_tag: "t", key: "k", set: { cursor: "1", old: null } },
    ],
    ["a trigger name with dots", { ...dispatch, trigger: "core.st2.sensor.process_exit" }],
    ["fields of a newer version", { ...dispatch, urgency: "high" }],
    ["a checkpoint", { op: "checkpoint", upTo: 5 }],
    ["a checkpoint for earlier lives", { op: "checkpoint", upTo: 0, earlier: true }],
    ["get_value", { op: "get_value", request: 1, name: "cursor" }],
    [
      "set_value",
      { op: "set_value", request: 1, name: "cursor", value: "", ttl: 5, local: false, encrypt: true },
    ],
    ["list_values", { op: "list_values", request: 1, prefix: null, limit: 10, offset: 0 }],
    ["delete_value", { op: "delete_value", request: 1, name: "cursor" }],
    ["log", { op: "log", level: "warn", message: "hm", logger: "a.b" }],
    ["an answer", { op: "answer", request: 1, value: { any: ["thing"] } }],
    [
      "why there is no answer",
      { op: "answer", request: 0, error: { code: "SENSOR_ASK_UNKNOWN", message: "" } },
    ],
    ["ready", { op: "ready" }],
    ["error", { op: "error", message: "no", code: "SENSOR_INVALID", detail: "at …" }],
  ])("%s is a message", (_, message) => {
    expect(decodeSensorLine(JSON.stringify(message))).toEqual({ kind: "message", message });
  });

  test.each([
    ["plain text", "hello"],
    ["broken JSON", '{"op":"dispatch","id":1'],
    ["an array", '["dispatch"]'],
    ["a JSON log line of the author's", '{"level":"info","msg":"hello"}'],
    ["an operation that is not ours", '{"op":"drop table"}'],
    ["an operation of the agent's", '{"op":"accepted","upTo":3}'],
    ["an operation that is no text", '{"op":{"toString":1}}'],
    ["a name of Object's prototype", '{"op":"constructor"}'],
  ])("%s is the author's output", (_, line) => {
    expect(decodeSensorLine(line)).toEqual({ kind: "stray" });
  });

  test.each<[string, object, string, number | null]>([
    ["a dispatch without id", { ...dispatch, id: undefined }, "id", null],
    ["an id that is no number", { ...dispatch, id: "1" }, "id", null],
    ["an id of zero", { ...dispatch, id: 0 }, "id", 0],
    ["a fraction as id", { ...dispatch, id: 1.5 }, "id", null],
    ["a trigger without a pack", { ...dispatch, trigger: "name" }, "trigger", 1],
    ["a trigger with a blank", { ...dispatch, trigger: "pack.na me" }, "trigger", 1],
    ["a trigger of an impossible pack", { ...dispatch, trigger: "Pack.name" }, "trigger", 1],
    ["a value to set that is no text", { ...dispatch, set: { cursor: 1 } }, "set", 1],
    ["an empty key", { ...dispatch, key: "" }, "key", 1],
    ["a key without end", { ...dispatch, key: "x".repeat(10_000) }, "key", 1],
  ])("%s is refused by its id", (_, message, field, id) => {
    const decoded = decodeSensorLine(JSON.stringify(message));
    expect(decoded).toMatchObject({ kind: "invalid", op: "dispatch", id });
    expect((decoded as { problem: string }).problem).toContain(field);
  });

  test("a datastore call with wrong fields is answered by its number, all faults at once", () => {
    const decoded = decodeSensorLine('{"op":"set_value","request":7,"name":"","value":5,"ttl":-1}');
    expect(decoded).toMatchObject({ kind: "invalid", request: 7 });
    const { problem } = decoded as { problem: string };
    for (const field of ["name", "value", "ttl"]) expect(problem).toContain(field);
  });

  test("no text at all makes it throw", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (line) => {
        expect(["message", "stray", "invalid"]).toContain(decodeSensorLine(line).kind);
      }),
    );
  });
});

describe("what the agent says", () => {
  const trigger = {
    id: "p.t",
    ref: "p.t",
    uid: "u",
    name: "t",
    pack: "p",
    type: "p.t",
    parameters: {},
    description: "",
  };
  const start = startMessage({
    definition: {
      ref: "p.Sensor",
      pack: "p",
      class_name: "Sensor",
      entry_point: "sensor.py",
      description: "",
      enabled: true,
      poll_interval: 30,
      language: "python",
      trigger_types: ["p.t"],
    },
    triggerTypes: [
      {
        ref: "p.t",
        pack: "p",
        name: "t",
        description: "",
        payload_schema: {},
        parameters_schema: {},
        payload_validation: "warn",
      },
    ],
    packFolder: "/packs/p/1",
    config: { directories: ["/tmp"] },
  });

  test.each<AgentMessage>([
    start,
    { op: "add_trigger", trigger },
    { op: "remove_trigger", trigger },
    { op: "value", request: 1, value: null },
    { op: "value", request: 1, error: { code: "ASK_TIMEOUT", message: "no answer" } },
    { op: "accepted", upTo: 0 },
    { op: "refused", id: 3, code: "LINK_ENTRY_TOO_LARGE", message: "too large" },
    { op: "stop", grace_seconds: 5 },
  ])("fits its own schema: $op", (message) => {
    const line = encodeLine(message);
    expect(line.indexOf("\n")).toBe(line.length - 1);
    expect(decodeAgentLine(line)).toEqual({ kind: "message", message });
  });

  test("the start names the code file and the triggers that exist by themselves", () => {
    expect(start).toMatchObject({
      entry_point: "/packs/p/1/sensors/sensor.py",
      poll_interval: 30,
      window: 1024,
      triggers: [{ ref: "p.t", uid: "trigger:p:t:99914b932bd37a50b983c5e7c90ae93b", parameters: {} }],
    });
  });
});

test.each<[string, ReturnType<typeof decodeHead>]>([
  ['{"op":"dispatch","id":7,"trigger":"a.b","payload":{"x":', { op: "dispatch", id: 7, request: null }],
  ['{"id": 7, "op": "dispatch", "trigger": "a.b", "payload": "', { op: "dispatch", id: 7, request: null }],
  ['{"request": 3, "op": "set_value", "name": "n", "value": "vv', { op: "set_value", id: null, request: 3 }],
  ['{"payload":{"op":"dispatch","id":7},', { op: "", id: null, request: null }],
  ['{"op":"dispatch","payload":"\\"","id":7,', { op: "dispatch", id: null, request: null }],
  ['{"op":"dispatch","id":7', { op: "dispatch", id: null, request: null }],
  ["xxxxxxxx", { op: "", id: null, request: null }],
  ["", { op: "", id: null, request: null }],
])("an over-long line that begins with %s is known by its leading fields", (head, known) => {
  expect(decodeHead(head)).toEqual(known);
});

test("a number in a payload that a double cannot hold keeps its digits, as text", () => {
  const line =
    '{"op":"dispatch","id":1,"trigger":"a.b","payload":{"at_ns":1764350000123456789,"n":5,"x":[1e400]}}';
  expect(decodeSensorLine(line)).toMatchObject({
    message: { payload: { at_ns: "1764350000123456789", n: 5, x: ["1e400"] } },
  });
});

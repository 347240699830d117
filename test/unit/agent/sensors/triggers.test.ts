import { describe, expect, test } from "vitest";
import type { DesiredSensor } from "../../../../agent/sensors/desired-sensor.ts";
import type { DispatchMessage } from "../../../../agent/sensors/messages.ts";
import { resolved, triggerChanges, triggersOf } from "../../../../agent/sensors/triggers.ts";
import type { TriggerType } from "../../../../shared/model/trigger.ts";

const type = (name: string, over: Partial<TriggerType> = {}): TriggerType => ({
  ref: `p.${name}`,
  pack: "p",
  name,
  description: "d",
  payload_schema: {},
  parameters_schema: {},
  payload_validation: "warn",
  ...over,
});
const schema = { type: "object", properties: { path: { type: "string" } } };
const definition: DesiredSensor["definition"] = {
  ref: "p.S",
  pack: "p",
  class_name: "S",
  entry_point: "s.ts",
  description: "",
  enabled: true,
  poll_interval: null,
  language: "node",
  trigger_types: ["p.plain", "p.line"],
};
const triggerTypes = [type("plain"), type("line", { parameters_schema: schema }), type("other")];
const told = (...paths: string[]) =>
  triggersOf({
    definition,
    triggerTypes,
    ruleTriggers: [
      ...paths.map((path) => ({ type: "p.line", parameters: { path } })),
      { type: "p.other", parameters: { path: "/not/mine" } },
    ],
  });

describe("the triggers of a sensor", () => {
  test("are those of its types, by themselves or as rules made them", () => {
    expect(told("/a").map(({ type: of, parameters }) => [of, parameters])).toEqual([
      ["p.plain", {}],
      ["p.line", { path: "/a" }],
    ]);
    const [plain, made] = told("/a");
    expect(plain).toMatchObject({ id: "p.plain", ref: "p.plain", name: "plain", pack: "p" });
    expect(made?.ref).toMatch(/^p\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    expect(made?.uid).toBe(`trigger:p:${made?.name}:${made?.uid.split(":")[3]}`);
  });

  test("keep their names whatever the order of keys, and differ by type and parameters", () => {
    const make = (parameters: Record<string, string>, of = "p.line") =>
      triggersOf({ definition, triggerTypes, ruleTriggers: [{ type: of, parameters }] }).at(-1)?.ref;
    expect(make({ a: "1", b: "2" })).toBe(make({ b: "2", a: "1" }));
    expect(make({ a: "1" })).not.toBe(make({ a: "2" }));
    expect(make({ a: "1" })).not.toBe(make({ a: "1" }, "p.plain"));
  });

  test("change as a process has to be told: gone, come, otherwise described", () => {
    const [, a, b] = told("/a", "/b");
    const changed = told("/b", "/c").map((each) =>
      each.id === b?.id ? { ...each, description: "new" } : each,
    );
    expect(
      triggerChanges(told("/a", "/b"), changed).map(({ op, trigger }) => [
        op,
        trigger.parameters,
        trigger.description,
      ]),
    ).toEqual([
      ["remove_trigger", a?.parameters, "d"],
      ["update_trigger", { path: "/b" }, "new"],
      ["add_trigger", { path: "/c" }, "d"],
    ]);
    expect(triggerChanges(told("/a"), told("/a"))).toEqual([]);
  });

  test("are named by their refs in dispatches", () => {
    const known = new Map(told("/a").map((trigger) => [trigger.ref, trigger]));
    const dispatch = (trigger: string): DispatchMessage => ({ op: "dispatch", id: 1, trigger, payload: 1 });
    const made = told("/a")[1]?.ref ?? "";
    expect(resolved(dispatch(made), known)).toEqual({
      ...dispatch("p.line"),
      parameters: { path: "/a" },
    });
    for (const other of ["p.plain", "p.line", "p.unknown"]) {
      expect(resolved(dispatch(other), known)).toEqual(dispatch(other));
    }
  });
});

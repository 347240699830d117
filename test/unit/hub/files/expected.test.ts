import { describe, expect, test } from "vitest";
import { compileWindow, expectedBy, occurredAt, withExpected } from "../../../../hub/files/expected.ts";
import type { JsonObject } from "../../../../shared/json.ts";
import type { ChangeWindow } from "../../../../shared/model/change-window.ts";
import { aFileChange } from "../../../support/file-changes.ts";
import { noon } from "../../../support/records.ts";

const iso = (ms: number) => new Date(noon + ms).toISOString();
const hour = 3_600_000;

/** Open for ten minutes from noon. */
const window = (over: Partial<ChangeWindow> = {}): ChangeWindow => ({
  id: "W1",
  labels: { role: "web" },
  agent: null,
  paths: ["/etc/**"],
  reason: "ticket 1",
  opened_by: "ann",
  opened_at: iso(0),
  until: iso(600_000),
  closed_at: null,
  closed_by: null,
  rev: 1,
  ...over,
});

/** Occurred `ms` after noon by the agent's clock, and came in an hour later. */
const change = (ms: number, payload: JsonObject = {}) =>
  aFileChange({ time: iso(ms), ...payload }, { received_at: iso(hour), occurrence_time: iso(ms + 500) });

const found = (windows: readonly ChangeWindow[], ms: number, payload: JsonObject = {}, skewMs = 0) =>
  expectedBy(windows.map(compileWindow), change(ms, payload), skewMs)?.id ?? null;

describe("a change is expected", () => {
  test.each<[string, number, number]>([
    ["in the window, although it came in long after it", 300_000, 0],
    ["at both ends, as exactly as clocks are known", -900, 0],
    ["at both ends, as exactly as clocks are known", 600_900, 0],
    ["by the hub's clock: the agent's is an hour fast", hour + 300_000, hour],
    ["by the hub's clock: the agent's is an hour slow", 300_000 - hour, -hour],
  ])("%s (%d ms, %d ms off)", (_name, ms, skewMs) => {
    expect(found([window()], ms, {}, skewMs)).toBe("W1");
  });

  test("by the pattern of its path, or of the one it had before", () => {
    expect(found([window({ paths: ["/srv/*", "*.conf"] })], 1, { path: "/opt/a.conf" })).toBe("W1");
    expect(found([window()], 1, { path: "/srv/x", old_path: "/etc/x" })).toBe("W1");
  });

  test("on the agent that is named, if one is", () => {
    expect(found([window({ agent: "web-1", labels: {} })], 1)).toBe("W1");
    expect(found([window({ agent: "web-2", labels: {} })], 1)).toBeNull();
  });

  test("by the window that was opened first", () => {
    expect(found([window({ id: "W0", paths: ["/srv"] }), window(), window({ id: "W2" })], 1)).toBe("W1");
  });
});

test.each<[string, ChangeWindow, number, number]>([
  ["before the window", window(), -1_100, 0],
  ["after it", window(), 601_100, 0],
  ["after it was closed", window({ closed_at: iso(60_000) }), 61_100, 0],
  ["in it by the agent's clock only", window(), 300_000, hour],
  ["elsewhere", window({ labels: { role: "db" } }), 1, 0],
  ["at another path", window({ paths: ["/srv/**"] }), 1, 0],
])("a change %s is not expected", (_name, only, ms, skewMs) => {
  expect(found([only], ms, {}, skewMs)).toBeNull();
});

test("it cannot have occurred after it came in, and without a time of its own that of its entry counts", () => {
  expect(occurredAt(change(2 * hour), 0)).toBe(noon + hour);
  expect(occurredAt(change(1_000, { time: "yesterday" }), 0)).toBe(noon + 1_500);
  expect(occurredAt({ ...change(1_000, { time: 7 }), occurrence_time: "?" }, 0)).toBe(noon + hour);
});

describe("the instance", () => {
  const windows = [compileWindow(window())];

  test("says by which window it is expected, and why", () => {
    const { payload } = withExpected(change(1), 0, windows);
    expect(payload).toEqual({
      ...(change(1).payload as JsonObject),
      expected: { id: "W1", reason: "ticket 1" },
    });
  });

  test("has it from the hub alone: what an agent claims is left out", () => {
    const claimed = { expected: { id: "W9", reason: "trust me" } };
    expect(withExpected(change(-hour, claimed), 0, windows).payload).toEqual(change(-hour).payload);
    expect(withExpected(change(1, claimed), 0, windows).payload).toMatchObject({ expected: { id: "W1" } });
  });

  test("is left as it is when it is no change of a file", () => {
    const other = { ...change(1, { expected: 1 }), trigger: "mypack.changed_file" };
    expect(withExpected(other, 0, windows)).toBe(other);
    const odd = { ...change(1), payload: null };
    expect(withExpected(odd, 0, windows)).toBe(odd);
  });
});

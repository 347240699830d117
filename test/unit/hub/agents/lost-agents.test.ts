import { describe, expect, test } from "vitest";
import { endsAt, giveUp, isLost } from "../../../../hub/agents/lost-agents.ts";
import type { Status } from "../../../../shared/model/execution.ts";
import { anAgent, anExecution, noon } from "../../../support/records.ts";

const hour = 3_600_000;
const seen = new Date(noon).toISOString();

describe("an agent that stays away", () => {
  test.each([
    ["is not lost while it is online", true, 5 * hour, false],
    ["is not lost at once", false, hour - 1, false],
    ["is lost after its time", false, hour + 1, true],
  ])("%s", (_, online, laterMs, expected) => {
    expect(isLost(anAgent({ online, last_seen: seen }), noon + laterMs, hour)).toBe(expected);
  });

  test.each<[Status, Status | null]>([
    ["running", "abandoned"],
    ["canceling", "abandoned"],
    ["scheduled", null],
    ["delayed", null],
    ["paused", null],
    ["succeeded", null],
  ])("turns an execution that is %s into %s", (status, expected) => {
    expect(giveUp(anExecution({ status }), noon)?.status ?? null).toBe(expected);
  });

  test.each<[Status, Status | null]>([
    ["running", "abandoned"],
    ["scheduled", "abandoned"],
    ["delayed", "timeout"],
    ["requested", "timeout"],
    ["paused", null],
    ["timeout", null],
  ])("turns an expired execution that is %s into %s", (status, expected) => {
    const execution = anExecution({ status, expires_at: new Date(noon - 1).toISOString() });
    expect(giveUp(execution, noon)?.status ?? null).toBe(expected);
  });

  test.each<[Status, boolean, number | null, number | null]>([
    ["delayed", true, 10, 11],
    ["requested", false, 10, 11],
    ["delayed", false, null, null],
    ["scheduled", true, 10, null],
    ["scheduled", false, 10, 100],
    ["scheduled", false, 200, 201],
    ["scheduled", false, null, null],
    ["running", true, 10, null],
    ["running", false, 10, hour],
    ["canceling", false, null, hour],
    ["paused", false, 10, null],
    ["succeeded", false, 10, null],
  ])("ends what is %s (online: %s, expires: %s) after %s ms", (status, online, expires, expected) => {
    const at = (ms: number) => new Date(noon + ms).toISOString();
    const execution = { status, expires_at: expires === null ? null : at(expires) };
    const patience = { lostMs: hour, awayMs: 100 };
    const found = endsAt(execution, { online, last_seen: at(0) }, patience);
    expect(found === null ? null : found - noon).toBe(expected);
  });

  test("is named as the reason", () => {
    expect(giveUp(anExecution({ status: "running" }), noon)).toMatchObject({ reason: "agent lost", rev: 2 });
  });
});

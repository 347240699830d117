import { expect, test } from "vitest";
import { isToCallLost } from "../../../../hub/agents/call-lost.ts";
import { arrived, lost } from "../../../../hub/agents/presence.ts";
import { timestamp } from "../../../../shared/clock.ts";
import type { AgentRecord } from "../../../../shared/model/agent.ts";
import { anAgent, noon } from "../../../support/records.ts";

const away = { online: false, last_seen: timestamp(noon) };

test.for<[why: string, over: Partial<AgentRecord>, afterMs: number, hubSinceMs: number, lost: boolean]>([
  ["away for long enough", away, 60_000, 0, true],
  ["away for a moment", away, 59_999, 0, false],
  ["there", { ...away, online: true }, 60_000, 0, false],
  ["called so already", { ...away, lost: timestamp(noon) }, 60_000, 0, false],
  ["never here yet", { ...away, incarnation: null }, 60_000, 0, false],
  ["the hub itself was away", away, 60_000, noon + 30_000, false],
])("an agent is called lost: %s", ([, over, atMs, hubSinceMs, expected]) => {
  const given = { afterMs: 60_000, hubSinceMs };
  expect(isToCallLost(anAgent(over), noon + atMs, given)).toBe(expected);
});

test("one that comes back is lost no longer", () => {
  const gone = lost(anAgent(away), noon + 1);
  expect(gone?.lost).toBe(timestamp(noon + 1));
  expect(lost(gone, noon + 2)).toBeNull();
  const hello = { incarnation: "i1", version: "1", clock: timestamp(noon), capabilities: [], epochs: [] };
  expect(arrived(gone, "web-1", hello as never, null, noon + 3)).not.toHaveProperty("lost");
});

import { expect, test } from "vitest";
import { presenceState } from "../../../../hub/broker/presence.ts";
import { Refusals } from "../../../../hub/broker/refusals.ts";
import { createLogger } from "../../../../shared/log.ts";

test("every refusal is counted, but one client's reason is logged once a minute", () => {
  const lines: string[] = [];
  let now = 0;
  const write = (line: string) => void lines.push(line);
  const logger = createLogger({ level: "info", format: "json", write, now: () => now });
  const refusals = new Refusals({ logger, clock: { monotonic: () => now } });
  for (let i = 0; i < 1_000; i++) refusals.note("forged_topic", "web-1", "refused");
  refusals.note("forged_topic", "web-2", "refused");
  now += 60_001;
  refusals.note("forged_topic", "web-1", "refused");
  expect(refusals.counts).toEqual({ forged_topic: 1_002 });
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    expect.objectContaining({ client: "web-1", count: 1 }),
    expect.objectContaining({ client: "web-2", count: 1_001 }),
    expect.objectContaining({ client: "web-1", count: 1_002 }),
  ]);
});

test.each([
  ['{"v":1,"state":"online"}', "online"],
  ['{"v":1,"state":"offline"}', "offline"],
  ['{"state":"away"}', null],
  ["[]", null],
  ["null", null],
  ["{", null],
  [`{"state":"online","x":"${"x".repeat(5_000)}"}`, null],
])("presence %.40s is %s", (text, state) => {
  expect(presenceState(Buffer.from(text))).toBe(state);
});

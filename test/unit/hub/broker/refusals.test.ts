import { expect, test } from "vitest";
import { originOf } from "../../../../hub/access/origin.ts";
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

test("however many clients there are, the lines of one reason are few, and the last one says so", () => {
  const lines: string[] = [];
  let now = 0;
  const write = (line: string) => void lines.push(line);
  const logger = createLogger({ level: "info", format: "json", write, now: () => now });
  const refusals = new Refusals({ logger, clock: { monotonic: () => now } });
  for (let i = 0; i < 1_000; i++) refusals.note("certificate", `host-${i}`, "refused");
  refusals.note("forged_topic", "web-2", "refused");
  expect(lines).toHaveLength(62);
  expect(lines[60]).toContain("only counted");
  now += 60_001;
  refusals.note("certificate", "host-1", "refused");
  expect(JSON.parse(lines[62] ?? "")).toMatchObject({ client: "host-1", count: 1_001 });
});

test.each([
  ["192.0.2.7:1883", "192.0.2.7"],
  ["[2001:db8:1:2:3::4]:55012", "2001:db8:1:2::/64"],
  ["[2001:db8:1:2:ffff::1]:8", "2001:db8:1:2::/64"],
  ["[::ffff:192.0.2.7]:55012", "192.0.2.7"],
  ["unknown:0", "unknown"],
  ["192.0.2.7", "192.0.2.7"],
  ["2001:db8:1:2:3::4", "2001:db8:1:2::/64"],
])("what comes from %s comes from %s", (address, origin) => {
  expect(originOf(address)).toBe(origin);
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

import { expect, test } from "vitest";
import { HubTime } from "../../../../agent/link/hub-time.ts";
import { timestamp } from "../../../../shared/clock.ts";
import { noon } from "../../../support/records.ts";

test("how far this host's clock is ahead of the hub's, once the hub was heard", () => {
  const at = { now: noon, monotonic: 0 };
  const time = new HubTime({ now: () => at.now, monotonic: () => at.monotonic });
  expect([time.skewMs(), time.version, time.heard()]).toEqual([null, null, null]);
  time.hear({ clock: "no time", version: "1.0.0" });
  expect([time.skewMs(), time.version]).toEqual([null, "1.0.0"]);
  time.hear({ clock: timestamp(noon - 5_000), version: "1.1.0" });
  expect([time.skewMs(), time.version]).toEqual([5_000, "1.1.0"]);
  // Both clocks go on; then somebody sets the host's back by an hour.
  at.monotonic += 60_000;
  at.now += 60_000 - 3_600_000;
  expect(time.skewMs()).toBe(5_000 - 3_600_000);
});

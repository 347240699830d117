import { expect, test } from "vitest";
import { askPlace } from "../../../../agent/identity/ask-place.ts";

test.each([
  ["mqtts://a:8883", "mqtts://a:8883", "mqtts://a:8883", "mqtts://a:8883"],
  ["mqtts://a:8883", "mqtts://a:8884", "mqtts://a:8883", "mqtts://a:8884"],
  ["mqtts://a:8883", "mqtts://a:8883", "mqtts://b:8883", "mqtts://b:8883"],
  ["mqtts://a", "mqtts://a:8883", "mqtts://b:9000", "mqtts://b:9000"],
  ["mqtts://a:8883", "mqtts://a:8884", "mqtts://b:8883", "mqtts://b:8884"],
  ["mqtts://a:8883", "mqtts://a:8884", "mqtts://[fd00::1]:8883", "mqtts://[fd00::1]:8884"],
  ["mqtts://[fd00::1]:8883", "mqtts://[fd00::1]:8884", "mqtts://a", "mqtts://a:8884"],
  ["mqtts://a:8883", "mqtts://a:8884", "mqtt://127.0.0.1:1883", "mqtts://a:8884"],
  // Somewhere else, and there it stays.
  ["mqtts://a:8883", "mqtts://c:8884", "mqtts://b:8883", "mqtts://c:8884"],
])("enrolled at %s by %s, now %s: asks at %s", (hub, enroll, now, expected) => {
  expect(askPlace({ hub, enroll }, now)).toBe(expected);
});

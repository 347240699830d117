import { expect, test } from "vitest";
import { askPlaces, firstAnswer } from "../../../../agent/identity/ask-place.ts";

test.each<[string, string, string, readonly string[]]>([
  ["mqtts://a:8883", "mqtts://a:8883", "mqtts://a:8883", ["mqtts://a:8883"]],
  ["mqtts://a:8883", "mqtts://a:8884", "mqtts://a:8883", ["mqtts://a:8884"]],
  ["mqtts://a:8883", "mqtts://a:8883", "mqtts://b:8883", ["mqtts://b:8883", "mqtts://a:8883"]],
  ["mqtts://a", "mqtts://a:8883", "mqtts://b:9000", ["mqtts://b:9000", "mqtts://a:8883"]],
  ["mqtts://a:8883", "mqtts://a:8884", "mqtts://b:8883", ["mqtts://b:8884", "mqtts://a:8884"]],
  [
    "mqtts://a:8883",
    "mqtts://a:8884",
    "mqtts://[fd00::1]:8883",
    ["mqtts://[fd00::1]:8884", "mqtts://a:8884"],
  ],
  [
    "mqtts://[fd00::1]:8883",
    "mqtts://[fd00::1]:8884",
    "mqtts://a",
    ["mqtts://a:8884", "mqtts://[fd00::1]:8884"],
  ],
  ["mqtts://a:8883", "mqtts://a:8884", "mqtt://127.0.0.1:1883", ["mqtts://a:8884"]],
  // Somewhere else, and there it stays.
  ["mqtts://a:8883", "mqtts://c:8884", "mqtts://b:8883", ["mqtts://c:8884"]],
])("enrolled at %s by %s, now %s: asks at %j", (hub, enroll, now, expected) => {
  expect(askPlaces({ hub, enroll }, now)).toEqual(expected);
});

test.each<[readonly string[], string | null, readonly string[]]>([
  [["a", "b"], "a", ["a"]],
  [["a!", "b"], "b", ["a!", "b"]],
  // The likelier place is the one whose trouble is told.
  [["a!", "b!"], null, ["a!", "b!"]],
  [["a!"], null, ["a!"]],
])("of %j answers %s", async (places, answer, asked) => {
  const heard: string[] = [];
  const ask = async (place: string) => {
    heard.push(place);
    if (place.endsWith("!")) throw new Error(place);
    return place;
  };
  const answered = firstAnswer(places, ask);
  if (answer === null) await expect(answered).rejects.toThrow("a!");
  else expect(await answered).toBe(answer);
  expect(heard).toEqual(asked);
});

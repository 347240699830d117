import fc from "fast-check";
import { generate } from "mqtt-packet";
import { describe, expect, test } from "vitest";
import { publishFrame } from "../../../../shared/mqtt/publish-frame.ts";

/** As the library writes it. */
const written = (topic: string, payload: Buffer) =>
  generate({ cmd: "publish", topic, payload, qos: 0, retain: false, dup: false });

describe("a message on the stream", () => {
  test.each([0, 1, 117, 118, 16_373, 16_374, 1024 * 1024, 2_097_141, 2_097_142])("of %d bytes", (size) => {
    const payload = Buffer.alloc(size, "x");
    expect(publishFrame("petrel/a", payload).equals(written("petrel/a", payload))).toBe(true);
  });
  test("of any topic and content", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, unit: "grapheme" }), fc.uint8Array(), (topic, bytes) => {
        const payload = Buffer.from(bytes);
        expect(publishFrame(topic, payload)).toEqual(written(topic, payload));
      }),
    );
  });
});

import fc from "fast-check";
import { generate } from "mqtt-packet";
import { describe, expect, test } from "vitest";
import {
  defaultFrameLimits,
  type FrameFault,
  FrameScanner,
  opening,
} from "../../../../shared/mqtt/frames.ts";

const limits = { first: opening.connect, publishBytes: 1_000, otherBytes: 100, pieces: 20 };
const connect = generate({ cmd: "connect", clientId: "a", protocolVersion: 4, clean: true, keepalive: 30 });
const ping = generate({ cmd: "pingreq" });
const publish = (bytes: number) =>
  generate({ cmd: "publish", topic: "t", payload: Buffer.alloc(bytes), qos: 0, retain: false, dup: false });

function scanAll(chunks: readonly Uint8Array[], scanner = new FrameScanner(limits)): FrameFault | null {
  let fault: FrameFault | null = null;
  for (const chunk of chunks) fault = scanner.scan(chunk);
  return fault;
}

describe("lengths of packets on a stream", () => {
  test.each<[string, Uint8Array[], FrameFault | null]>([
    ["a CONNECT and a PUBLISH", [connect, publish(500)], null],
    ["a stream that does not begin with CONNECT", [publish(1)], "first_packet"],
    ["an HTTP request", [Buffer.from("GET / HTTP/1.1\r\n\r\n")], "first_packet"],
    ["a PUBLISH over the limit", [connect, publish(1_001)], "oversize"],
    ["the header alone of a PUBLISH over the limit", [connect, publish(100_000).subarray(0, 4)], "oversize"],
    ["another packet over its own limit", [connect, Buffer.from([0x82, 101])], "oversize"],
    ["a length that does not end", [connect, Buffer.from([0x30, 0x80, 0x80, 0x80, 0x80])], "bad_length"],
    ["what follows a fault", [publish(1), connect], "first_packet"],
  ])("%s", (_what, chunks, fault) => {
    expect(scanAll(chunks)).toBe(fault);
  });

  test("a packet may not arrive in more pieces than allowed, many small packets may", () => {
    const slow = [...publish(200)].map((byte) => Uint8Array.of(byte));
    expect(scanAll([connect, ...slow])).toBe("dripped");
    expect(scanAll([connect, ...Array.from({ length: 1_000 }, () => ping)])).toBe(null);
  });

  test("the cut of the stream into chunks changes neither the verdict nor the count", () => {
    const sizes = fc.array(fc.integer({ min: 0, max: 1_100 }), { maxLength: 8 });
    fc.assert(
      fc.property(sizes, fc.array(fc.nat(3_000), { maxLength: 15 }), (bodies, cuts) => {
        const stream = Buffer.concat([connect, ...bodies.flatMap((size) => [publish(size), ping])]);
        const at = [0, ...cuts.map((cut) => cut % (stream.length + 1)).sort((a, b) => a - b), stream.length];
        const whole = new FrameScanner({ ...limits, pieces: 100 });
        const cut = new FrameScanner({ ...limits, pieces: 100 });
        const expected = scanAll([stream], whole);
        const actual = scanAll(
          at.slice(1).map((end, i) => stream.subarray(at[i], end)),
          cut,
        );
        expect([actual, cut.whole]).toEqual([expected, whole.whole]);
        expect(expected === null).toBe(bodies.every((size) => size + 3 <= limits.publishBytes));
      }),
    );
  });

  test("the defaults let through what the wire allows", () => {
    const scanner = new FrameScanner({ ...defaultFrameLimits, first: opening.connect });
    expect(scanAll([connect, publish(1024 * 1024 - 3)], scanner)).toBe(null);
    expect(scanner.whole).toBe(2);
  });
});

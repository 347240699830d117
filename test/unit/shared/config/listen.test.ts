import { expect, test } from "vitest";
import { formatListen, isLoopback, parseListen } from "../../../../shared/config/listen.ts";

test.each([
  ["1883", { host: "127.0.0.1", port: 1883 }],
  ["0", { host: "127.0.0.1", port: 0 }],
  ["0.0.0.0:80", { host: "0.0.0.0", port: 80 }],
  ["localhost:7480", { host: "localhost", port: 7480 }],
  ["[::1]:80", { host: "::1", port: 80 }],
  ["65536", null],
  ["host:", null],
  ["::1:80", null],
  ["http://x:80", null],
  ["", null],
  ["-1", null],
])("%j is read as %j", (text, address) => {
  expect(parseListen(text)).toEqual(address);
});

test("what is formatted reads the same", () => {
  for (const text of ["127.0.0.1:80", "[::1]:80"]) {
    const address = parseListen(text);
    expect(address && formatListen(address)).toBe(text);
  }
});

test.each([
  ["127.0.0.1", true],
  ["127.8.8.8", true],
  ["::1", true],
  ["[::1]", true],
  ["LOCALHOST", true],
  ["::ffff:127.0.0.1", true],
  ["0.0.0.0", false],
  ["::", false],
  ["", false],
  ["127.0.0.1.example.com", false],
  ["128.0.0.1", false],
  ["localhost.example.com", false],
])("%j is loopback: %j", (host, expected) => {
  expect(isLoopback(host)).toBe(expected);
});

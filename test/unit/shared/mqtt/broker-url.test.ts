import { describe, expect, test } from "vitest";
import { parseBrokerUrl, shownBrokerUrl } from "../../../../shared/mqtt/broker-url.ts";

describe("a broker's URL", () => {
  test.each([
    ["mqtt://127.0.0.1:1884", { host: "127.0.0.1", port: 1884, tls: false }],
    ["mqtt://localhost", { host: "localhost", port: 1883, tls: false }],
    ["mqtt://[::1]:1884/", { host: "::1", port: 1884, tls: false }],
    [
      "mqtt://me:p%20w@127.0.0.1",
      { host: "127.0.0.1", port: 1883, tls: false, username: "me", password: "p w" },
    ],
  ])("%s", (text, address) => {
    expect(parseBrokerUrl(text)).toEqual(address);
  });

  test("of an enrolled side may lead anywhere, with TLS alone", () => {
    const enrolled = { enrolled: true };
    expect(parseBrokerUrl("mqtts://hub.example", enrolled)).toEqual({
      host: "hub.example",
      port: 8883,
      tls: true,
    });
    expect(parseBrokerUrl("mqtt://127.0.0.1", enrolled)).toMatchObject({ port: 1883, tls: false });
    const plain = () => parseBrokerUrl("mqtt://hub.example", enrolled);
    expect(plain).toThrow(expect.objectContaining({ code: "LINK_INSECURE" }));
  });

  test.each([
    ["mqtt://192.0.2.1:1883", "LINK_INSECURE"],
    ["mqtt://hub.example:1883", "LINK_INSECURE"],
    ["mqtt://127.0.0.1.example", "LINK_INSECURE"],
    ["mqtt://[::]:1883", "LINK_INSECURE"],
    ["mqtts://127.0.0.1", "LINK_INSECURE"],
    ["http://127.0.0.1", "CONFIG_INVALID"],
    ["mqtt://127.0.0.1/topic", "CONFIG_INVALID"],
    ["mqtt://%zz@127.0.0.1", "CONFIG_INVALID"],
    ["127.0.0.1:1883", "CONFIG_INVALID"],
    ["", "CONFIG_INVALID"],
  ])("%s is refused with %s", (text, code) => {
    expect(() => parseBrokerUrl(text)).toThrow(expect.objectContaining({ code }));
  });

  test.each([
    ["mqtt://127.0.0.1:1884", "mqtt://127.0.0.1:1884"],
    ["mqtt://me:secret@[::1]:1884/", "mqtt://[::1]:1884"],
    ["mqtt://me:se%40cret@localhost", "mqtt://localhost"],
    ["me:secret", "me://"],
    ["no url secret", ""],
  ])("%s is shown as %s", (text, expected) => {
    expect(shownBrokerUrl(text)).toBe(expected);
  });

  test("a refusal does not show the password", () => {
    expect(() => parseBrokerUrl("mqtts://me:secret@127.0.0.1")).toThrow(
      expect.objectContaining({ where: "mqtts://127.0.0.1" }),
    );
  });
});

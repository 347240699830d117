import { expect, test } from "vitest";
import { requireBrokerNames } from "../../../../hub/broker/broker-names.ts";

test.each(["mq.example.org", "mq", "192.0.2.7", "::1", "2001:db8::8883", "::ffff:192.0.2.7"])(
  "%s can be in a certificate",
  (host) => expect(() => requireBrokerNames([host])).not.toThrow(),
);

test.each([
  ["mq.example.org:8883", "--host mq.example.org --port 8883"],
  ["192.0.2.7:8883", "--host 192.0.2.7 --port 8883"],
  ["[2001:db8::1]:8883", "--host 2001:db8::1 --port 8883"],
  ["[::1]", "--host ::1"],
  ["mqtts://mq.example.org:8883", "--host mq.example.org --port 8883"],
  ["mqtts://mq.example.org", "--host mq.example.org"],
  ["mq_1/x", "--host mq.example.org, or --host 192.0.2.7"],
  ["999.1.1.1", "--host mq.example.org, or --host 192.0.2.7"],
  ["10.0.0.256", "--host mq.example.org, or --host 192.0.2.7"],
  ["1:2:3", "--host mq.example.org, or --host 192.0.2.7"],
  ["::::", "--host mq.example.org, or --host 192.0.2.7"],
  ["a..b", "--host mq.example.org, or --host 192.0.2.7"],
  ["-x", "--host mq.example.org, or --host 192.0.2.7"],
  ["fe80::1%eth0", "--host mq.example.org, or --host 192.0.2.7"],
])("%s cannot, and it says what to write", (host, hint) =>
  expect(() => requireBrokerNames(["mq.example.org", host])).toThrow(
    expect.objectContaining({ code: "API_BAD_REQUEST", hint }),
  ),
);

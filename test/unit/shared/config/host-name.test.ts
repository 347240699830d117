import { isIP } from "node:net";
import { expect, test } from "vitest";
import { addressFamily, isHostName } from "../../../../shared/config/host-name.ts";

const long = "a".repeat(63);

test.each([
  "mq",
  "mq.example.org",
  "1.example.org",
  "3com",
  "xn--bcher-kva.example",
  `${long}.${long}.${long}.${"a".repeat(61)}`,
  "192.0.2.7",
  "::",
  "::1",
  "2001:db8::8883",
  "::ffff:192.0.2.7",
])("%s is a host", (text) => expect(isHostName(text)).toBe(true));

test.each([
  "",
  "999.1.1.1",
  "10.0.0.256",
  "10.0.0",
  "1",
  "01.2.3.4",
  "1:2:3",
  "::::",
  "a..b",
  ".a",
  "a.",
  "-x",
  "x-",
  "a_b",
  "*",
  "a b",
  "a\n",
  `${long}a`,
  `${long}.${long}.${long}.${"a".repeat(62)}`,
  "mq.example.org:8883",
  "[::1]",
  "fe80::1%eth0",
])("'%s' is none", (text) => expect(isHostName(text)).toBe(false));

test.each([
  "::",
  "1::",
  "1::2::3",
  ":::",
  ":1",
  "1:2:3:4:5:6:7:8",
  "1:2:3:4:5:6:7:8:9",
  "1:2:3:4:5:6:7::",
  "12345::",
  "g::",
  "::1.2.3.4",
  "::1.2.3.256",
  "::1.2.3",
  "::01.2.3.4",
  "1.2.3.4::",
  "1:2:3:4:5:6:1.2.3.4",
  "0.0.0.0",
  "255.255.255.255",
  "1.2.3.04",
  "1.2.3.4.5",
])("%s is as much of an address as Node says", (text) => expect(addressFamily(text)).toBe(isIP(text)));

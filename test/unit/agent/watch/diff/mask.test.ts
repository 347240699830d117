import { describe, expect, test } from "vitest";
import { LineMask } from "../../../../../agent/watch/diff/mask.ts";

const shown = (line: string, path = "/etc/app.conf") => new LineMask(path, [line]).shown(0).text;

describe("a line shows no secret", () => {
  const cases = [
    ["password=hunter2", "password=********"],
    ["  db_password: hunter2  # old: hunter1", "  db_password: ********"],
    ["password = two words", "password = ********"],
    ['"password": "hunter2", "user": "joe"', '"password": ********, "user": "joe"'],
    ["DB_PASSWORD='hunter 2' OTHER=x", "DB_PASSWORD=******** OTHER=x"],
    ["'auth_token' => 'abc',", "'auth_token' => ********,"],
    ["export API_KEY=abc", "export API_KEY=********"],
    ["aws_secret_access_key = abc/def+ghi", "aws_secret_access_key = ********"],
    ["requirepass hunter2", "requirepass ********"],
    ["machine x login joe password hunter2", "machine x login joe password ********"],
    ["wpa_psk=0123abcd", "wpa_psk=********"],
    ["pin_password: 1234", "pin_password: ********"],
    ["url: postgres://joe:hunter2@db/x", "url: postgres://joe:********@db/x"],
    ["Authorization: Bearer abc.def", "Authorization: Bearer ********"],
    ["joe:$6$salt$abcdefghijkl:19000:0", "joe:********:19000:0"],
    ["joe:$apr1$abc$defghijklmn", "joe:********"],
    ["hash $2b$10$abcdefghijklmnopqrstuv", "hash ********"],
    ["joe:{SSHA}abcdef==", "joe:********"],
    ["key AKIAABCDEFGHIJKLMNOP", "key ********"],
    ["x ghp_abcdefghijklmnopqrst y", "x ******** y"],
    ["jwt eyJhbGciOi.eyJzdWIiOiIx.sig", "jwt ********"],
    ['"private_key": "-----BEGIN PRIVATE KEY-----\\nabc"', '"private_key": ********'],
  ] as const;
  test.each(cases)("%s", (line, expected) => {
    expect(new LineMask("/etc/app.conf", [`${line}\n`]).shown(0)).toEqual({ text: expected, isMasked: true });
  });
});

describe("a line that only sounds like one is shown", () => {
  const cases = [
    "PasswordAuthentication yes",
    "PermitRootLogin prohibit-password",
    "passwd:         files systemd",
    "password  required  pam_deny.so",
    "PubkeyAuthentication: no",
    "user: joe",
    "bypass=now",
    "compass: north",
    "keyboard = us",
    "password:",
    "http://example.org:8080/a@b",
    "",
  ] as const;
  test.each(cases)("%s", (line) => {
    expect(new LineMask("/etc/app.conf", [line]).shown(0)).toEqual({ text: line, isMasked: false });
  });
});

test("hashes of shadow files are hidden by their place, and that there is none is shown", () => {
  expect(shown("joe:abJnggxhB/yWI:19000::", "/etc/shadow")).toBe("joe:********:19000::");
  expect(shown("joe:!abc:19000::", "/etc/gshadow-")).toBe("joe:********:19000::");
  for (const none of ["*", "!", "!!", "!*", "", "x"])
    expect(shown(`joe:${none}:1`, "/etc/shadow")).toBe(`joe:${none}:1`);
});

test("private keys and indented blocks are hidden, certificates and what follows are shown", () => {
  const lines = [
    "-----BEGIN OPENSSH PRIVATE KEY-----",
    "b3BlbnNzaC1rZXk",
    "-----END OPENSSH PRIVATE KEY-----",
    "-----BEGIN CERTIFICATE-----",
    "MIIB",
    "-----END CERTIFICATE-----",
    "api_token: |",
    "  abc",
    "",
    "  def",
    "user: joe",
  ];
  const mask = new LineMask("/etc/ssl/all.pem", lines);
  const hidden = lines.flatMap((_, at) => (mask.shown(at).isMasked ? [at] : []));
  expect(hidden).toEqual([1, 7, 8, 9]);
  expect(mask.shown(1).text).toBe("********");
});

test("a line that is too long for patterns is told by its length", () => {
  expect(shown(`password=${"x".repeat(100_000)}`)).toBe("(100009 characters)");
});

test("no line takes long", () => {
  // Would take minutes where a pattern can begin anywhere and fail anywhere.
  for (const part of ["a", "password", "-_", "key ", "a://", '"', "$a"])
    shown(part.repeat(4_096 / part.length));
});

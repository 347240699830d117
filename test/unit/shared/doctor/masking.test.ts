import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createMasking, isSecretName, secretsOf, urlSecrets } from "../../../../shared/doctor/masking.ts";

const none = createMasking([]);
const pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA\n-----END PRIVATE KEY-----";

describe("what looks like a secret is masked", () => {
  test.each([
    ["mqtts://ann:s3cret@hub:8883", "mqtts://hub:8883"],
    ["https://x.example/hook?st2-api-key=abc", "https://x.example/hook"],
    ["password=hunter2 user=ann", "password=******** user=ann"],
    ['{"api_key": "abc\\"def", "n": 1}', '{"api_key": ********, "n": 1}'],
    ["St2-Api-Key: abcdef", "St2-Api-Key: ********"],
    ["authorization: Bearer abc.def-1", "authorization: Bearer ********"],
    ["petrel apikey --token abc.def", "petrel apikey --token ********"],
    [`key petrel_01HQ0000000000000000000000_${"a".repeat(43)} used`, "key ******** used"],
    ["PETREL_ENROLL_TOKEN=petrel-token-2.abc.def-ghi", "PETREL_ENROLL_TOKEN=********"],
    ["said petrel-token-2.abc.def-ghi.", "said ********"],
    [`before ${pem} after`, "before ******** after"],
    [pem.slice(0, 40), "********"],
  ])("%s", (text, shown) => {
    expect(none.text(text)).toBe(shown);
  });

  test.each([
    "the token has ended",
    "files with secrets that others may read",
    "petrel agent token revoke aaaa",
    "mqtt://127.0.0.1:1883: linked",
    "keys/root.key",
  ])("not %s", (text) => {
    expect(none.text(text)).toBe(text);
  });
});

test("a known secret is found as it is, and as URLs and JSON have it", () => {
  const { text, json } = createMasking(['p/w"d\\x y', "short"]);
  expect(text('a p/w"d\\x y b')).toBe("a ******** b");
  expect(text(`a ${encodeURIComponent('p/w"d\\x y')} b`)).toBe("a ******** b");
  expect(text(JSON.stringify({ a: 'p/w"d\\x y' }))).toBe('{"a":"********"}');
  expect(text("shorter is not masked: short")).toContain("short");
  expect(json({ list: ['p/w"d\\x y'], 'p/w"d\\x y': 1 })).toEqual({ list: ["********"], "********": 1 });
});

test("of two known secrets the longer goes first", () => {
  expect(createMasking(["secret", "secret-and-more"]).text("secret-and-more")).toBe("********");
});

test("fields that are called like a secret are masked, others are not", () => {
  const masked = none.json({ token: "a", pin: 1, nested: { smtp_password: 12, key: "k" }, secret: true });
  expect(masked).toEqual({
    token: "********",
    pin: 1,
    nested: { smtp_password: "********", key: "k" },
    secret: true,
  });
});

test.each([
  ["PETREL_API_KEY", true],
  ["SMTP_PASSWORD", true],
  ["AWS_SECRET_ACCESS_KEY", true],
  ["PETREL_DATA", false],
  ["key", false],
  ["tokens", false],
])("%s", (name, expected) => {
  expect(isSecretName(name)).toBe(expected);
});

test("secrets of an environment: by name, and in URLs, as written and as meant", () => {
  const env = { PATH: "/bin", MY_TOKEN: "tok-123456", BROKER: "mqtts://u:p%2Fw-123@h:1", NO: undefined };
  expect(secretsOf(env)).toEqual(["tok-123456", "p%2Fw-123", "p/w-123"]);
  expect(urlSecrets("mqtt://u:%zz@h")).toEqual(["%zz"]);
});

test("no known secret is left, whatever stands around it", () => {
  fc.assert(
    fc.property(
      fc.string({ minLength: 8, maxLength: 30 }),
      fc.string(),
      fc.string(),
      (secret, before, after) => {
        fc.pre(secret.trim().length >= 8 && !secret.includes("*"));
        const masking = createMasking([secret]);
        expect(masking.text(before + secret + after)).not.toContain(secret.trim());
        expect(JSON.stringify(masking.json({ a: before + secret + after }))).not.toContain(
          JSON.stringify(secret.trim()).slice(1, -1),
        );
      },
    ),
  );
});

test("a long text without a blank is masked in no time", () => {
  const text = `${"a".repeat(300_000)}://ann:pass-word@host password=${"b".repeat(10)}`;
  expect(none.text(text)).toBe(`${"a".repeat(300_000)}://host password=********`);
});

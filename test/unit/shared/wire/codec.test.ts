/** Bytes to messages: what is taken, what is refused and with which name. */
import { Buffer } from "node:buffer";
import { createHmac, timingSafeEqual } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { NumberedEntry } from "../../../../shared/link/ports.ts";
import { type Authenticator, devAuthenticator } from "../../../../shared/wire/authenticator.ts";
import {
  decode,
  decodePacket,
  encode,
  encodePacket,
  entryKinds,
  type OtherKind,
} from "../../../../shared/wire/codec.ts";
import { type Entry, maxEntryBytes, maxPacketBytes } from "../../../../shared/wire/messages.ts";

const at = "2026-01-02T03:04:05.678Z";
const credit = { entries: 10, bytes: 1_000 };
const base = { id: "01HZZZZZZZZZZZZZZZZZZZZZZ1", at };
const request = {
  ...base,
  kind: "action-request",
  execution: "01HZZZZZZZZZZZZZZZZZZZZZZ2",
  action: "core.local",
  runner: "local-shell-cmd",
  pack: "core",
  pack_digest: "sha256:0",
  entry_point: "",
  runner_parameters: { cmd: "id" },
  parameters: {},
  timeout: 60,
  idempotent: false,
  expires_at: null,
  user: "petrel",
  rule: null,
  trigger_instance: null,
} as const;
const ref = { digest: `sha256:${"0".repeat(64)}`, size: 5, truncated: true };

const upEntries: readonly Entry[] = [
  {
    ...base,
    kind: "trigger",
    trigger: "a.b",
    payload: { "": [1, null, "ü"] },
    sensor: "a.S",
    trace_tag: null,
  },
  { ...base, kind: "execution-update", execution: base.id, status: "accepted" },
  {
    ...base,
    kind: "execution-update",
    execution: base.id,
    status: "failed",
    result: null,
    result_blob: ref,
    reason: "x",
    started_at: at,
    ended_at: at,
  },
  {
    ...base,
    kind: "sensor-event",
    sensor: "a.S",
    state: "backing-off",
    pid: null,
    restarts: 3,
    last_error: "e",
  },
  { ...base, kind: "link-gap", epoch: "e", from: 1, to: 2, reason: "r" },
  {
    ...base,
    kind: "inventory",
    host: "h",
    version: "1",
    platform: "linux",
    labels: { a: "b" },
    runners: ["noop"],
    packs: { p: "d" },
  },
  { ...base, kind: "void", from: 7, to: 9, reason: "expired" },
  { ...base, kind: "upgrade-report", upgrade: base.id, state: "failed", code: "C", reason: "r" },
];
const downEntries: readonly Entry[] = [
  request,
  {
    ...request,
    parameters_blob: ref,
    positional: ["a"],
    expires_at: at,
    rule: "p.r",
    trigger_instance: base.id,
  },
  { ...base, kind: "cancel", execution: base.id, reason: "user" },
  { ...base, kind: "pause", execution: base.id },
  { ...base, kind: "resume", execution: base.id },
  { ...base, kind: "assignment", pack: "p", digest: null, size: 0, config: {} },
  { ...base, kind: "upgrade", upgrade: base.id, releases: [], allow_downgrade: false, expires_at: at },
  {
    ...base,
    kind: "upgrade",
    upgrade: base.id,
    releases: [
      {
        v: 1,
        version: "1.2.3",
        arch: "x64",
        sha256: "a".repeat(64),
        bytes: 9,
        parts: [{ digest: `sha256:${"b".repeat(64)}`, size: 5 }],
        min_agent: null,
        min_hub: "1.0.0",
        signature: null,
      },
    ],
    allow_downgrade: true,
    expires_at: at,
  },
];
const messages: readonly (readonly [OtherKind, object])[] = [
  ["up-receipt", { v: 1, epoch: "e1", upTo: 4, credit }],
  [
    "down-receipt",
    {
      v: 1,
      epoch: "e1",
      upTo: 0,
      credit,
      resend: true,
      refused: { first: 1, size: 9, code: "C", message: "m" },
    },
  ],
  [
    "hello",
    {
      v: 1,
      type: "hello",
      from: "agent",
      session: "s",
      to: "t",
      incarnation: "i",
      version: "1",
      capabilities: ["trigger"],
      clock: at,
      epochs: [{ id: "e", first: 1, last: 0 }],
    },
  ],
  [
    "hello",
    {
      v: 1,
      type: "marks",
      from: "hub",
      session: "s",
      by: "t",
      clock: at,
      marks: [{ epoch: "e", upTo: 3 }],
      credit,
    },
  ],
  ["ask", { v: 1, from: "hub", id: "q", op: "blob", args: { a: [1] }, within: 5 }],
  ["answer", { v: 1, from: "agent", id: "q", value: null }],
  ["answer", { v: 1, from: "agent", id: "q", error: { code: "ASK_UNKNOWN", message: "m" } }],
  ["stream", { v: 1, execution: "x", stream: "stderr", offset: 0, text: "t" }],
  ["presence", { v: 1, state: "online", incarnation: "i", version: "1", at }],
];

const numbered = (entries: readonly Entry[], first = 1): readonly NumberedEntry[] => {
  let n = first;
  return entries.map((entry) => {
    const from = n;
    const last = entry.kind === "void" ? entry.to : n;
    n = last + 1;
    return { n: from, last, entry, size: Buffer.byteLength(JSON.stringify(entry)) };
  });
};
const packet = (entries: readonly Entry[]) =>
  encodePacket("up", { epoch: "e1", first: 1, entries: numbered(entries) }, devAuthenticator);
const sizes = (entries: readonly { readonly size: number }[]) =>
  entries.reduce((total, { size }) => total + size, 0);
const bytesOf = (value: unknown) => Buffer.from(JSON.stringify(value));
const code = (decoded: ReturnType<typeof decodePacket>) => (decoded.ok ? "taken" : decoded.rejection.code);

describe("what was encoded is decoded to the same", () => {
  test.each(messages)("%s %#", (kind, message) => {
    const decoded = decode(kind, encode(kind, message as never, devAuthenticator), devAuthenticator);
    expect(decoded).toEqual({ ok: true, message: { ...message, auth: null } });
  });
  test.each([
    ["up", upEntries],
    ["down", downEntries],
  ] as const)("packets %s", (kind, entries) => {
    for (const more of [0, 12]) {
      const sent = { epoch: "e1", first: 1, entries: numbered(entries), more };
      const bytes = encodePacket(kind, sent, devAuthenticator);
      const decoded = decodePacket(kind, bytes, devAuthenticator);
      // Sizes are shared out evenly; their sum is what credit is counted in.
      const unsized = sent.entries.map((entry) => ({ ...entry, size: expect.any(Number) }));
      expect(decoded).toEqual({ ok: true, message: { ...sent, entries: unsized, size: bytes.length } });
      expect(decoded.ok && sizes(decoded.message.entries)).toBe(sizes(sent.entries));
    }
  });
  test.each([
    ["with a member that we do not know", '"v":1,"epoch":"e1","first":1,"else":[1],"entries":[ENTRIES]'],
    ["with spaces", '"v":1, "epoch":"e1", "first":1, "entries":[ENTRIES]'],
    ["with its number in other digits", '"v":1,"epoch":"e1","first":1.0,"entries":[ENTRIES]'],
    ["with a space behind the entries", '"v":1,"epoch":"e1","first":1,"entries":[ENTRIES] '],
    ["with more before the entries", '"v":1,"epoch":"e1","more":3,"first":1,"entries":[ENTRIES]'],
  ])("a packet %s, whose entries are counted in full", (_what, members) => {
    const entries = numbered(upEntries.slice(0, 3));
    const texts = entries.map(({ entry }) => JSON.stringify(entry)).join();
    const bytes = Buffer.from(`{${members.replace("ENTRIES", texts)},"auth":null}`);
    const decoded = decodePacket("up", bytes, devAuthenticator);
    expect(decoded.ok && sizes(decoded.message.entries)).toBe(sizes(entries));
  });
  test("every kind of entry is in these tables", () => {
    expect(new Set(upEntries.map(({ kind }) => kind))).toEqual(new Set(entryKinds.up));
    expect(new Set([...downEntries.map(({ kind }) => kind), "void"])).toEqual(new Set(entryKinds.down));
  });
  test("any payload", () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue({ maxDepth: 5 }), { maxLength: 5 }), (payloads) => {
        fc.pre(!JSON.stringify(payloads).includes("__proto__"));
        const entries = payloads.map(
          (payload): Entry => ({
            ...base,
            kind: "trigger",
            trigger: "a.b",
            payload: payload as never,
            sensor: null,
          }),
        );
        const decoded = decodePacket("up", packet(entries), devAuthenticator);
        expect(decoded.ok && decoded.message.entries.map(({ entry }) => entry)).toEqual(
          JSON.parse(JSON.stringify(entries)),
        );
      }),
    );
  });
});

describe("nothing throws", () => {
  const kinds = ["up", "down"] as const;
  const take = (bytes: Uint8Array) => {
    for (const kind of kinds) expect(typeof decodePacket(kind, bytes, devAuthenticator).ok).toBe("boolean");
    for (const [kind] of messages) expect(typeof decode(kind, bytes, devAuthenticator).ok).toBe("boolean");
  };
  test("on random bytes", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 2_000 }), take));
  });
  test("on a message of which bytes were changed", () => {
    const originals = [
      packet(upEntries),
      ...messages.map(([kind, message]) => encode(kind, message as never, devAuthenticator)),
    ];
    const change = fc.array(fc.tuple(fc.nat(5_000), fc.nat(255)), { maxLength: 5 });
    fc.assert(
      fc.property(fc.nat(originals.length - 1), change, (which, changes) => {
        const bytes = Uint8Array.from(originals[which] ?? []);
        for (const [place, value] of changes) bytes[place % bytes.length] = value;
        take(bytes);
      }),
    );
  });
  test("on any JSON with an auth", () => {
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.constantFrom("v", "epoch", "first", "entries", "type", "from", "kind"),
          fc.jsonValue(),
        ),
        (value) => take(bytesOf({ ...value, auth: null })),
      ),
    );
  });
  test("on nesting that would overflow the stack", () => {
    const depth = 60_000;
    const nested = "[".repeat(depth) + "]".repeat(depth);
    const text = `{"v":1,"epoch":"e","first":1,"entries":[{"id":"i","at":"${at}","kind":"trigger","trigger":"a.b","sensor":null,"payload":${nested}}],"auth":null}`;
    const decoded = decodePacket("up", Buffer.from(text), devAuthenticator);
    expect(decoded).toMatchObject({
      ok: false,
      rejection: { code: "WIRE_PACKET", refused: { epoch: "e", first: 1 } },
    });
  });
});

describe("a packet is refused by its first entry's number", () => {
  const header = { v: 1, epoch: "e1", first: 5 };
  const good = upEntries[0];
  const size = expect.any(Number);
  test.each([
    ["an entry that is no object", { ...header, entries: [good, 7], auth: null }],
    ["an entry without kind", { ...header, entries: [good, { ...base }], auth: null }],
    ["a field of a wrong type", { ...header, entries: [{ ...good, trigger: 5 }], auth: null }],
    ["a required field that is missing", { ...header, entries: [{ ...base, kind: "trigger" }], auth: null }],
    ["an id that could end a key", { ...header, entries: [{ ...good, id: "a!b" }], auth: null }],
    [
      "a void in another place",
      { ...header, entries: [{ ...base, kind: "void", from: 6, to: 6, reason: "" }], auth: null },
    ],
    [
      "a void that ends before it begins",
      { ...header, entries: [{ ...base, kind: "void", from: 5, to: 4, reason: "" }], auth: null },
    ],
    ["too many entries", { ...header, entries: Array.from({ length: 1_025 }, () => good), auth: null }],
    [
      "a number beyond the safe integers",
      {
        ...header,
        entries: [{ ...base, kind: "link-gap", epoch: "e", from: 2 ** 53, to: 2 ** 53, reason: "" }],
        auth: null,
      },
    ],
    ["no version at all", { ...header, v: 0, entries: [], auth: null }],
  ])("for %s", (_what, value) => {
    const decoded = decodePacket("up", bytesOf(value), devAuthenticator);
    expect(decoded).toMatchObject({
      ok: false,
      rejection: { code: "WIRE_PACKET", refused: { epoch: "e1", first: 5, size } },
    });
  });
  test("for text that is not JSON behind a readable header", () => {
    const bytes = Buffer.from('{"v":1,"epoch":"e1","first":5,"entries":[{],"auth":null}');
    expect(decodePacket("up", bytes, devAuthenticator)).toMatchObject({
      rejection: { refused: { epoch: "e1", first: 5, size: bytes.length } },
    });
  });
  test("for bytes that are not UTF-8", () => {
    const bytes = Buffer.from('{"v":1,"epoch":"e1","first":5,"entries":["\u00ff"],"auth":null}', "latin1");
    expect(decodePacket("up", bytes, devAuthenticator)).toMatchObject({
      rejection: { message: "not UTF-8", refused: { first: 5 } },
    });
  });
  test("for a field named __proto__, which reaches no prototype", () => {
    const text = `{"v":1,"epoch":"e1","first":5,"entries":[{"id":"i","at":"${at}","kind":"trigger","trigger":"a.b","sensor":null,"payload":{"a":{"__proto__":{"polluted":1}}}}],"auth":null}`;
    expect(decodePacket("up", Buffer.from(text), devAuthenticator)).toMatchObject({
      rejection: { code: "WIRE_PACKET", refused: { first: 5 } },
    });
    expect(Object.hasOwn(Object.prototype, "polluted")).toBe(false);
  });
});

describe("sizes", () => {
  const trigger = (length: number): Entry => ({
    ...base,
    kind: "trigger",
    trigger: "a.b",
    payload: "x".repeat(length),
    sensor: null,
  });
  const overhead = Buffer.byteLength(JSON.stringify(trigger(0)));
  test("an entry of exactly the limit is taken, one byte more is not", () => {
    expect(code(decodePacket("up", packet([trigger(maxEntryBytes - overhead)]), devAuthenticator))).toBe(
      "taken",
    );
    const decoded = decodePacket("up", packet([trigger(maxEntryBytes - overhead + 1)]), devAuthenticator);
    expect(decoded).toMatchObject({ rejection: { code: "LINK_ENTRY_TOO_LARGE", refused: { first: 1 } } });
  });
  test("a packet beyond the limit is refused before it is parsed, by its first", () => {
    const bytes = Buffer.concat([
      Buffer.from('{"v":1,"epoch":"e1","first":8,"entries":['),
      Buffer.alloc(maxPacketBytes, 0x20),
      Buffer.from('],"auth":null}'),
    ]);
    expect(decodePacket("up", bytes, devAuthenticator)).toMatchObject({
      rejection: { code: "WIRE_TOO_LARGE", refused: { epoch: "e1", first: 8 } },
    });
  });
  test("a receipt has a far lower limit", () => {
    const long = Buffer.from(`{"v":1,"pad":"${"x".repeat(17 * 1024)}","auth":null}`);
    const decoded = decode("up-receipt", long, devAuthenticator);
    expect(decoded).toMatchObject({ ok: false, rejection: { code: "WIRE_TOO_LARGE" } });
  });
  test("sizes are counted in bytes of UTF-8", () => {
    const decoded = decodePacket(
      "up",
      packet([{ ...base, kind: "trigger", trigger: "a.b", payload: "ü", sensor: null }]),
      devAuthenticator,
    );
    expect(decoded.ok && decoded.message.entries[0]?.size).toBe(overhead + 2);
  });
});

describe("tolerance", () => {
  test("unknown fields are ignored", () => {
    const bytes = bytesOf({
      v: 1,
      later: 1,
      epoch: "e1",
      first: 1,
      entries: [{ ...upEntries[0], later: true }],
      auth: null,
    });
    expect(code(decodePacket("up", bytes, devAuthenticator))).toBe("taken");
  });
  test("a message of a later protocol is refused by that name, and no entry of it is blamed", () => {
    const later = bytesOf({ v: 2, epoch: "e1", first: 1, entries: [], auth: null });
    const decoded = decodePacket("up", later, devAuthenticator);
    expect(decoded.ok ? null : decoded.rejection).toEqual({
      code: "WIRE_VERSION",
      message: "a message of protocol version 2; this side speaks 1: upgrade it first",
    });
    for (const [v, expected] of [
      [2, "WIRE_VERSION"],
      [0, "WIRE_PACKET"],
    ] as const) {
      const hello = decode("hello", bytesOf({ v, type: "hello", auth: null }), devAuthenticator);
      expect(hello.ok ? null : hello.rejection.code).toBe(expected);
    }
  });
  test("an entry of an unknown kind is passed on as it came", () => {
    const strange = { ...base, kind: "later", anything: [1] };
    const decoded = decodePacket(
      "up",
      bytesOf({ v: 1, epoch: "e1", first: 3, entries: [strange], auth: null }),
      devAuthenticator,
    );
    expect(decoded.ok && decoded.message.entries[0]).toMatchObject({ n: 3, last: 3, entry: strange });
  });
  test("an entry of the other direction is one of an unknown kind", () => {
    const decoded = decodePacket(
      "up",
      bytesOf({ v: 1, epoch: "e1", first: 3, entries: [{ ...base, kind: "cancel" }], auth: null }),
      devAuthenticator,
    );
    expect(decoded.ok).toBe(true);
  });
});

describe("authentication", () => {
  const mac = (kind: string, bytes: Uint8Array) =>
    createHmac("sha256", "key").update(kind).update(bytes).digest("base64url");
  const signing: Authenticator = {
    sign: mac,
    verify: (kind, bytes, auth) =>
      auth !== null &&
      timingSafeEqual(Buffer.from(mac(kind, bytes)), Buffer.from(auth.padEnd(43).slice(0, 43)))
        ? "authentic"
        : "forged",
  };
  const bytes = encodePacket("up", { epoch: "e1", first: 1, entries: numbered(upEntries) }, signing);

  test("what was signed is taken", () => {
    expect(code(decodePacket("up", bytes, signing))).toBe("taken");
  });
  test("any changed byte is noticed, and nothing of the packet is answered", () => {
    fc.assert(
      fc.property(fc.nat(bytes.length - 60), fc.integer({ min: 1, max: 255 }), (place, by) => {
        const changed = Uint8Array.from(bytes);
        changed[place] = (changed[place] ?? 0) ^ by;
        const decoded = decodePacket("up", changed, signing);
        expect(decoded).toMatchObject({ ok: false, rejection: { code: "WIRE_AUTH" } });
        expect(decoded.ok || decoded.rejection.refused).toBe(undefined);
      }),
    );
  });
  test("the same bytes do not fit another topic", () => {
    expect(code(decodePacket("down", bytes, signing))).toBe("WIRE_AUTH");
  });
  test("one too large that nobody signed sets nothing aside at its supposed sender", () => {
    const forged = Buffer.concat([
      Buffer.from('{"v":1,"epoch":"e1","first":8,"entries":['),
      Buffer.alloc(maxPacketBytes, 0x20),
      Buffer.from('],"auth":"forged"}'),
    ]);
    const decoded = decodePacket("up", forged, signing);
    expect(code(decoded)).toBe("WIRE_AUTH");
    expect(decoded.ok || decoded.rejection.refused).toBe(undefined);
  });
  test("an unsigned packet is refused where signatures are asked for, and a signed one in dev mode", () => {
    expect(code(decodePacket("up", packet([]), signing))).toBe("WIRE_AUTH");
    expect(code(decodePacket("up", bytes, devAuthenticator))).toBe("WIRE_AUTH");
  });
  test("there is room for a key's name, an HMAC and a signature, and for no more than 512 characters", () => {
    const saying = (auth: string): Authenticator => ({
      sign: () => auth,
      verify: (_kind, _unsigned, given) => (given === auth ? "authentic" : "forged"),
    });
    const sealed = (auth: string) =>
      decodePacket(
        "up",
        encodePacket("up", { epoch: "e1", first: 1, entries: [] }, saying(auth)),
        saying(auth),
      );
    expect(sealed(`k1.${"m".repeat(43)}.${"s".repeat(86)}`).ok).toBe(true);
    expect(sealed("a".repeat(512)).ok).toBe(true);
    expect(code(sealed("a".repeat(513)))).toBe("WIRE_PACKET");
  });
  test("auth that is not the last field is no auth", () => {
    const inside = Buffer.from('{"auth":null,"v":1,"epoch":"e1","first":1,"entries":[]}');
    expect(code(decodePacket("up", inside, devAuthenticator))).toBe("WIRE_PACKET");
    const nested = Buffer.from('{"v":1,"epoch":"e1","first":1,"entries":[],"x":{"a":1,"auth":null}}');
    expect(code(decodePacket("up", nested, devAuthenticator))).toBe("WIRE_PACKET");
  });
});

/** Who may say what on an authenticated link: every way in which a message can be somebody else's. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isEcho } from "../../../../shared/mqtt/echo.ts";
import type { Authenticator } from "../../../../shared/wire/authenticator.ts";
import { decode, decodePacket, encode, encodePacket } from "../../../../shared/wire/codec.ts";
import { envelopeCapability, isEnvelope } from "../../../../shared/wire/envelope.ts";
import type { Hello, Side } from "../../../../shared/wire/messages.ts";
import { keyPair, statementOf, type TestFleet, testFleet } from "../../../support/link-identities.ts";

interface End {
  readonly side: Side;
  readonly authenticator: Authenticator;
  readonly id: string;
}

const begin = (fleet: TestFleet, side: Side): End => {
  const authenticator = fleet.authenticator(side);
  return { side, authenticator, id: authenticator.session?.begin() ?? "" };
};

const hello = (
  { side, authenticator, id }: End,
  to: string | null,
  capabilities: readonly string[] = [],
): Uint8Array => {
  const statement = authenticator.session?.statement?.();
  const message = {
    v: 1,
    type: "hello",
    from: side,
    session: id,
    to,
    incarnation: "i",
    version: "1",
    capabilities,
    clock: "2026-01-01T00:00:00Z",
    epochs: [],
    ...(statement !== undefined && { hub_keys: statement }),
  } as const;
  return encode("hello", message, authenticator);
};

/** Whether the hello counts; the code when it is refused. */
const meet = (end: End, bytes: Uint8Array): boolean | string => {
  const decoded = decode("hello", bytes, end.authenticator);
  if (!decoded.ok) return decoded.rejection.code;
  return end.authenticator.session?.meet(decoded.message as Hello) ?? false;
};

/** Both have heard each other. */
const met = (
  fleet: TestFleet,
  capabilities: readonly string[] = [],
  ofAgent = capabilities,
): { agent: End; hub: End } => {
  const agent = begin(fleet, "agent");
  const hub = begin(fleet, "hub");
  expect(meet(agent, hello(hub, agent.id, capabilities))).toBe(true);
  expect(meet(hub, hello(agent, hub.id, ofAgent))).toBe(true);
  return { agent, hub };
};

const up = (end: End) => encodePacket("up", { epoch: "e", first: 1, entries: [] }, end.authenticator);
const down = (end: End) => encodePacket("down", { epoch: "e", first: 1, entries: [] }, end.authenticator);
const receipt = (end: End, upTo: number) =>
  encode("up-receipt", { v: 1, epoch: "e", upTo, credit: { entries: 1, bytes: 1 } }, end.authenticator);
const taken = (kind: "up" | "down", end: End, bytes: Uint8Array) => {
  const decoded = decodePacket(kind, bytes, end.authenticator);
  return decoded.ok ? "taken" : decoded.rejection.code;
};

describe("hellos", () => {
  test("older keys of the hub are told of once the hub itself shows them in this session, and by nobody else", () => {
    const fleet = testFleet();
    const older = fleet.signer;
    const agent = begin(fleet, "agent");
    const hub = begin(fleet, "hub");
    const toNobody = hello(hub, null);
    fleet.serial = 2;
    // Said before; and by somebody who has the statement, as everybody can, and no key of the hub.
    expect(meet(agent, toNobody)).toBe("WIRE_AUTH");
    fleet.signer = { ...older, key: keyPair().privateKey };
    expect(meet(agent, hello(hub, agent.id))).toBe("WIRE_AUTH");
    expect(fleet.refused).toEqual([]);
    fleet.signer = older;
    expect(meet(agent, hello(hub, agent.id))).toBe("WIRE_AUTH");
    expect(fleet.refused).toEqual([older.statement]);
  });

  test("one that names our session counts; one said to nobody or to an earlier session does not", () => {
    const fleet = testFleet();
    const agent = begin(fleet, "agent");
    const hub = begin(fleet, "hub");
    expect(meet(hub, hello(agent, null))).toBe(false);
    expect(meet(hub, hello(agent, agent.id))).toBe(false);
    const toHub = hello(agent, hub.id);
    expect(meet(hub, toHub)).toBe(true);
    hub.authenticator.session?.begin();
    expect(meet(hub, toHub)).toBe(false);
  });

  test("only the enrolled key makes an agent, and none does once it is removed", () => {
    const fleet = testFleet();
    const stranger = begin(testFleet(), "agent");
    const hub = begin(fleet, "hub");
    expect(meet(hub, hello(stranger, hub.id))).toBe("WIRE_AUTH");
    const agent = begin(fleet, "agent");
    fleet.agentKey = null;
    expect(meet(hub, hello(agent, hub.id))).toBe("WIRE_AUTH");
  });

  test("an agent's hello is not another agent's", () => {
    const one = testFleet("web-1");
    const other = testFleet("web-2");
    const hub = begin(other, "hub");
    other.agentKey = one.agentKey;
    expect(meet(hub, hello(begin(one, "agent"), hub.id))).toBe("WIRE_AUTH");
  });

  test("only keys that the root key certifies make a hub", () => {
    const fleet = testFleet();
    const agent = begin(fleet, "agent");
    const other = keyPair().privateKey;
    const impostors: Record<string, TestFleet["signer"]> = {
      "a root key of its own": { statement: statementOf(keyPair().privateKey, 9, [other]), key: other },
      "the fleet's statement with another key": { ...fleet.signer, key: other },
      "a statement with another key put in": {
        statement: { ...fleet.signer.statement, keys: statementOf(fleet.root, 1, [other]).keys },
        key: other,
      },
      "a serial put up": { ...fleet.signer, statement: { ...fleet.signer.statement, serial: 7 } },
    };
    for (const [what, signer] of Object.entries(impostors)) {
      fleet.signer = signer;
      expect(meet(agent, hello(begin(fleet, "hub"), agent.id)), what).toBe("WIRE_AUTH");
    }
  });

  test("new keys of the hub are taken at once, and the old ones do not come back", () => {
    const fleet = testFleet();
    const old = fleet.signer;
    const fresh = keyPair().privateKey;
    const agent = begin(fleet, "agent");
    expect(meet(agent, hello(begin(fleet, "hub"), agent.id))).toBe(true);
    fleet.signer = { statement: statementOf(fleet.root, 2, [fresh]), key: fresh };
    expect(meet(agent, hello(begin(fleet, "hub"), agent.id))).toBe(true);
    fleet.signer = old;
    expect(meet(agent, hello(begin(fleet, "hub"), agent.id))).toBe("WIRE_AUTH");
  });

  test("a session of the peer that ended during ours cannot be brought back", () => {
    const fleet = testFleet();
    const agent = begin(fleet, "agent");
    const first = hello(begin(fleet, "hub"), agent.id);
    expect(meet(agent, first)).toBe(true);
    expect(meet(agent, first)).toBe(true);
    const second = hello(begin(fleet, "hub"), agent.id);
    expect(meet(agent, second)).toBe(true);
    expect(meet(agent, first)).toBe(false);
    expect(meet(agent, second)).toBe(true);
  });

  test("none of them is ever brought back: after 256 our own has to begin anew", () => {
    const fleet = testFleet();
    const agent = begin(fleet, "agent");
    const hellos = Array.from({ length: 257 }, () => hello(begin(fleet, "hub"), agent.id));
    for (const one of hellos) expect(meet(agent, one)).toBe(true);
    for (const one of hellos.slice(0, -1)) expect(meet(agent, one)).toBe(false);
    const { session } = agent.authenticator;
    expect(session?.isSpent?.()).toBe(false);
    expect(meet(agent, hello(begin(fleet, "hub"), agent.id))).toBe(false);
    expect(session?.isSpent?.()).toBe(true);
    const anew = { ...agent, id: session?.begin() ?? "" };
    expect(meet(anew, hellos[0] as Uint8Array)).toBe(false);
    expect(meet(anew, hello(begin(fleet, "hub"), anew.id))).toBe(true);
  });

  test("a session that is no public key is no session", () => {
    const fleet = testFleet();
    const hub = begin(fleet, "hub");
    const agent = begin(fleet, "agent");
    for (const id of ["own1", "0".repeat(64), "f".repeat(63)])
      expect(meet(hub, hello({ ...agent, id }, hub.id)), id).toBe(false);
  });
});

describe.each([
  ["with an HMAC, for a peer of an older version", []],
  ["in an envelope", [envelopeCapability]],
])("messages of a session, %s", (_, capabilities) => {
  test("each side takes what the other said, once", () => {
    const { agent, hub } = met(testFleet(), capabilities);
    const bytes = up(agent);
    expect(taken("up", hub, bytes)).toBe("taken");
    expect(taken("up", hub, bytes)).toBe("WIRE_REPEATED");
    expect(taken("down", agent, down(hub))).toBe("taken");
    expect(decode("up-receipt", receipt(hub, 1), agent.authenticator).ok).toBe(true);
  });

  test("what a side said itself, or said on another topic, it is not told", () => {
    const { agent, hub } = met(testFleet(), capabilities);
    expect(taken("up", agent, up(agent))).toBe("WIRE_AUTH");
    expect(taken("down", agent, up(hub))).toBe("WIRE_AUTH");
    const asReceipt = receipt(hub, 1);
    expect(decode("down-receipt", asReceipt, agent.authenticator)).toMatchObject({
      rejection: { code: "WIRE_AUTH" },
    });
  });

  test("nothing is taken before the hellos, without authentication, or from another connection", () => {
    const fleet = testFleet();
    const { agent, hub } = met(fleet, capabilities);
    const early = begin(fleet, "hub");
    expect(taken("up", early, up(agent))).toBe("WIRE_SESSION");
    const plain = Buffer.from('{"v":1,"epoch":"e","first":1,"entries":[],"auth":null}');
    expect(taken("up", hub, plain)).toBe("WIRE_AUTH");
    expect(taken("down", agent, plain)).toBe("WIRE_AUTH");
    const kept = down(hub);
    const again = begin(fleet, "hub");
    expect(meet(agent, hello(again, agent.id, capabilities))).toBe(true);
    expect(taken("down", agent, kept)).toBe("WIRE_SESSION");
  });

  test("a hello's kind of signature is good for a hello only", () => {
    const fleet = testFleet();
    const { agent, hub } = met(fleet, capabilities);
    const signed = /"auth":"(s\.[^"]+)"/.exec(Buffer.from(hello(agent, hub.id)).toString())?.[1];
    const packet = Buffer.from(`{"v":1,"epoch":"e","first":1,"entries":[],"auth":"${signed}"}`);
    expect(taken("up", hub, packet)).toBe("WIRE_AUTH");
  });

  test("any changed byte is noticed", () => {
    const { agent, hub } = met(testFleet(), capabilities);
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 255 }), (at, by) => {
        const bytes = Uint8Array.from(down(hub));
        const place = at % bytes.length;
        bytes[place] = (bytes[place] ?? 0) ^ by;
        expect(taken("down", agent, bytes)).not.toBe("taken");
      }),
    );
  });

  test("messages may overtake each other, by a thousand", () => {
    const { agent, hub } = met(testFleet(), capabilities);
    const messages = Array.from({ length: 1_100 }, () => up(agent));
    const last = messages.pop() ?? new Uint8Array();
    expect(taken("up", hub, last)).toBe("taken");
    const verdicts = messages.map((bytes) => taken("up", hub, bytes));
    expect(verdicts.slice(-1_000).every((verdict) => verdict === "taken")).toBe(true);
    expect(verdicts[0]).toBe("WIRE_REPEATED");
  });
});

describe("a message with an HMAC", () => {
  test("an HMAC alone makes no agent act", () => {
    const { agent, hub } = met(testFleet());
    const text = Buffer.from(down(hub)).toString();
    const unsigned = text.replace(/\.[A-Za-z0-9_-]{86}"\}$/, '"}');
    expect(unsigned).not.toBe(text);
    expect(taken("down", agent, Buffer.from(unsigned))).toBe("WIRE_AUTH");
    expect(taken("down", agent, Buffer.from(text))).toBe("taken");
  });

  test("no second text of the same HMAC or signature is taken", () => {
    // Of the last character of 43 two bits count for nothing, of 86 four do.
    const next = (text: string, at: number) => {
      const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
      const other = letters[letters.indexOf(text[at] ?? "") ^ 1] ?? "";
      return Buffer.from(text.slice(0, at) + other + text.slice(at + 1));
    };
    const { agent, hub } = met(testFleet());
    const said = Buffer.from(down(hub)).toString();
    expect(taken("down", agent, next(said, said.length - 3))).toBe("WIRE_AUTH");
    expect(taken("down", agent, next(said, said.lastIndexOf(".") - 1))).toBe("WIRE_AUTH");
    expect(taken("down", agent, Buffer.from(said))).toBe("taken");
  });
});

describe("an envelope", () => {
  const ends = () => met(testFleet(), [envelopeCapability]);

  test("shows nothing of what is in it, and not even the same twice", () => {
    const { agent } = ends();
    const [first, second] = [up(agent), up(agent)].map((bytes) => Buffer.from(bytes).toString("latin1"));
    for (const text of [first, second]) expect(text).not.toMatch(/epoch|entries|auth/);
    expect(first?.slice(31)).not.toBe(second?.slice(31));
  });

  test("is all that a side takes whose peer reads them", () => {
    const fleet = testFleet();
    const { agent, hub } = met(fleet, [envelopeCapability], []);
    // The hub was told that its peer does not, and the agent that its peer does: a hello was changed, were it not signed.
    expect(taken("down", agent, down(hub))).toBe("WIRE_AUTH");
    expect(taken("up", hub, up(agent))).toBe("WIRE_AUTH");
  });

  test("does not carry hellos, nor what the hub has not signed down", () => {
    const { agent, hub } = ends();
    const plain = { v: 1, type: "marks", from: "hub", session: "s", by: "b" } as const;
    const marks = { ...plain, clock: "2026-01-01T00:00:00Z", marks: [], credit: { entries: 1, bytes: 1 } };
    expect(isEnvelope(encode("hello", marks, hub.authenticator), "hub")).toBe(true);
    expect(isEnvelope(hello(hub, agent.id))).toBe(false);
    // As if somebody had the hub's session and not its key.
    const unsigned = Buffer.from('{"v":1,"epoch":"e","first":1,"entries":[],"auth":null}');
    const envelope = hub.authenticator.enclose?.("down", unsigned) ?? unsigned;
    expect(isEnvelope(envelope, "hub")).toBe(true);
    expect(taken("down", agent, envelope)).toBe("WIRE_AUTH");
    const enclosed =
      hub.authenticator.enclose?.("hello", Buffer.from(` ${hello(hub, agent.id)}`)) ?? unsigned;
    expect(decode("hello", enclosed, agent.authenticator).ok).toBe(false);
  });

  test("is told from its own side's, for brokers that give it back", () => {
    const { agent, hub } = ends();
    expect([isEcho("agent", "ask", up(agent)), isEcho("hub", "ask", up(agent))]).toEqual([true, false]);
    expect([isEcho("agent", "ask", up(hub)), isEcho("hub", "ask", up(hub))]).toEqual([false, true]);
  });
});

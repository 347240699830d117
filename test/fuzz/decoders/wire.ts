/** What comes over the link: each kind of message, with and without the authentication of a session. */
import { Buffer } from "node:buffer";
import { type Authenticator, devAuthenticator } from "../../../shared/wire/authenticator.ts";
import {
  type Decoded,
  decode,
  decodePacket,
  encode,
  encodePacket,
  type OtherKind,
  type PacketKind,
} from "../../../shared/wire/codec.ts";
import type { Hello, TopicKind } from "../../../shared/wire/messages.ts";
import { testFleet } from "../../support/link-identities.ts";
import type { Decoder, Verdict } from "../campaign.ts";
import { downEntries, helloOf, otherMessages, upEntries } from "./wire-messages.ts";

/** A message's text up to its `auth`, with the kind of its topic in front: what is mutated. */
function seedOf(kind: TopicKind, sealed: Uint8Array): Uint8Array {
  const text = Buffer.from(sealed).toString("utf8");
  return Buffer.from(`${kind}\n${text.slice(0, text.lastIndexOf(',"auth":'))}`);
}

function packetSeeds(kind: PacketKind): Uint8Array[] {
  const all = kind === "up" ? upEntries : downEntries;
  const packets = [...all.map((entry) => [entry]), all, []];
  return packets.map((entries, i) => {
    const numbered = entries.map((entry, n) => ({ n: n + 1, last: n + 1, entry, size: 0 }));
    const packet = { epoch: "01HZZZZZZZZZZZZZZZZZZZZZZ9", first: 1, entries: numbered, more: i };
    return seedOf(kind, encodePacket(kind, packet, devAuthenticator));
  });
}

/** The message that a peer who knows the keys would make of these bytes. */
function sealed(kind: TopicKind, unsigned: Uint8Array, by: Authenticator): Uint8Array {
  const auth = by.sign(kind, unsigned);
  return Buffer.concat([unsigned, Buffer.from(`,"auth":${auth === null ? "null" : `"${auth}"`}}`)]);
}

function decoded(kind: TopicKind, bytes: Uint8Array, by: Authenticator): Decoded<unknown> {
  return kind === "up" || kind === "down"
    ? decodePacket(kind, bytes, by)
    : decode(kind as OtherKind, bytes, by);
}

const byHub: ReadonlySet<TopicKind> = new Set(["down", "up-receipt"]);
/** As the topic says: it is never what the message is. */
const kindOf = (text: string, among: readonly TopicKind[]): TopicKind =>
  among.find((kind) => kind === text) ?? among[text.length % among.length] ?? "up";

function wireDecoder(name: string, kinds: readonly TopicKind[], seeds: readonly Uint8Array[]): Decoder {
  const { agent, hub, meet } = linkedPair();
  return {
    name,
    seeds,
    words: [
      '"v":1',
      '"from":"hub"',
      '"from":"agent"',
      '"first":9007199254740991',
      '"kind":"void"',
      '"auth":null',
      "\n",
    ],
    maxBytes: 300 * 1024,
    take(input) {
      const end = input.indexOf(0x0a);
      const kind = kindOf(Buffer.from(input.subarray(0, Math.max(0, end))).toString("latin1"), kinds);
      const unsigned = input.subarray(end + 1);
      const [speaker, listener] = byHub.has(kind) ? [hub, agent] : [agent, hub];
      // As it came; with dev mode's null; and signed, so that what lies behind the signature is reached.
      decoded(kind, unsigned, listener);
      const plain = decoded(kind, sealed(kind, unsigned, devAuthenticator), devAuthenticator);
      const signed = decoded(kind, sealed(kind, unsigned, speaker), listener);
      if (kind === "hello" && signed.ok) meet(signed.message as Hello);
      else if (plain.ok !== signed.ok && !isAboutSession(signed)) {
        throw new Error(`${kind}: dev mode says ${outcome(plain)}, a session says ${outcome(signed)}`);
      }
      return (plain.ok ? "taken" : "refused") satisfies Verdict;
    },
  };
}

const outcome = (result: Decoded<unknown>) => (result.ok ? "taken" : result.rejection.code);

/** A mutated text may be as long as a message may be without a signature, and too long with it. */
function isAboutSession(signed: Decoded<unknown>): boolean {
  return !signed.ok && signed.rejection.code === "WIRE_TOO_LARGE";
}

/** Both ends of a link that has said its hellos; `meet` gives a third end, whose session may be ended by what it is told. */
function linkedPair() {
  const fleet = testFleet();
  const agent = fleet.authenticator("agent");
  const hub = fleet.authenticator("hub");
  const [ofAgent = "", ofHub = ""] = [agent.session?.begin(), hub.session?.begin()];
  const statement = hub.session?.statement?.();
  const said = (from: "agent" | "hub", session: string, to: string, by: Authenticator, at: Authenticator) => {
    const hello = {
      ...helloOf(from),
      session,
      to,
      ...(from === "hub" && statement && { hub_keys: statement }),
    };
    const heard = decode("hello", encode("hello", hello, by), at);
    if (!heard.ok || !at.session?.meet(heard.message as Hello)) throw new Error("the two ends do not agree");
  };
  said("agent", ofAgent, ofHub, agent, hub);
  said("hub", ofHub, ofAgent, hub, agent);
  const third = testFleet().authenticator("hub");
  third.session?.begin();
  return { agent, hub, meet: (hello: Hello) => void third.session?.meet(hello) };
}

const seedsOf = (kinds: readonly TopicKind[]) =>
  otherMessages
    .filter(([kind]) => kinds.includes(kind))
    .map(([kind, message]) => seedOf(kind, encode(kind, message as never, devAuthenticator)));

export const openUp = async () => wireDecoder("up", ["up"], packetSeeds("up"));
export const openDown = async () => wireDecoder("down", ["down"], packetSeeds("down"));
export const openHello = async () => wireDecoder("hello", ["hello"], seedsOf(["hello"]));
export const openBeside = async () => {
  const kinds: readonly TopicKind[] = ["ask", "answer", "stream", "presence", "up-receipt", "down-receipt"];
  return wireDecoder("beside", kinds, seedsOf(kinds));
};

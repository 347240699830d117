/** A whole end of a link, on a real store, that is told broken messages by a peer who knows the keys. */
import { Buffer } from "node:buffer";
import { devAuthenticator } from "../../../shared/wire/authenticator.ts";
import { encode, encodePacket } from "../../../shared/wire/codec.ts";
import type { Side, TopicKind } from "../../../shared/wire/messages.ts";
import { topicKinds } from "../../../shared/wire/topics.ts";
import { atEnd } from "../../support/at-end.ts";
import { cancelEntry, openLinkEnd, triggerEntry } from "../../support/link-end.ts";
import type { LinkEvents } from "../../support/link-network.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import type { Decoder, Verdict } from "../campaign.ts";
import { downEntries, helloOf, otherMessages, upEntries } from "./wire-messages.ts";

const epoch = "01HZZZZZZZZZZZZZZZZZZZZZZ9";

async function linkDecoder(side: Side): Promise<Decoder> {
  const folder = await tempFolder("fuzz");
  let events: LinkEvents | null = null;
  /** What the end itself has said last: its session is in it, which a peer has to name. */
  let session = "";
  const network = {
    transport: {
      send(kind: TopicKind, bytes: Uint8Array) {
        if (kind !== "hello") return;
        const said = JSON.parse(Buffer.from(bytes).toString("utf8"));
        if (said.type === "hello") session = said.session;
      },
    },
    open: async (given: LinkEvents) => {
      events = given;
      given.connected();
    },
  };
  const end = await openLinkEnd({ side, folder, network, responders: { blob: async (args) => args } });
  atEnd(() => end.close());
  await end.append(side === "hub" ? [cancelEntry(), cancelEntry()] : [triggerEntry(), triggerEntry()]);
  const peer: Side = side === "hub" ? "agent" : "hub";
  const [packetKind, entries] =
    side === "hub" ? (["up", upEntries] as const) : (["down", downEntries] as const);
  const text = (kind: TopicKind, bytes: Uint8Array) => `${kind}\n${Buffer.from(bytes).toString("utf8")}`;
  const packets = [entries, entries.slice(0, 1), []].map((some) => {
    const numbered = some.map((entry, i) => ({ n: i + 1, last: i + 1, entry, size: 0 }));
    return text(
      packetKind,
      encodePacket(packetKind, { epoch, first: 1, entries: numbered }, devAuthenticator),
    );
  });
  const epochs = [{ id: epoch, first: 1, last: 9 }];
  const hello = { ...helloOf(peer), session: "p", to: "SESSION", epochs };
  const others = otherMessages
    .filter(([kind]) => kind !== "presence")
    .map(([kind, message]) => {
      const own = {
        ...message,
        ...("from" in message && { from: peer }),
        ...("session" in message && { session: "SESSION", by: "p" }),
      };
      return text(kind, encode(kind, ("epochs" in message ? hello : own) as never, devAuthenticator));
    });
  let told = 0;
  return {
    name: `link-${side}`,
    seeds: [text("hello", encode("hello", hello as never, devAuthenticator)), ...packets, ...others].map(
      (one) => Buffer.from(one),
    ),
    words: [
      '"to":"SESSION"',
      `"epoch":"${epoch}"`,
      '"first":2',
      '"upTo":9007199254740991',
      '"resend":true',
      '"entries":0',
      "\n",
    ],
    async take(input): Promise<Verdict> {
      const at = input.indexOf(0x0a);
      const topic = Buffer.from(input.subarray(0, Math.max(0, at))).toString("latin1");
      const kind = topicKinds.find((one) => one === topic) ?? "hello";
      const body = Buffer.from(
        Buffer.from(input.subarray(at + 1))
          .toString("latin1")
          .replaceAll("SESSION", session),
        "latin1",
      );
      // Both are said anew now and then: a link that has gone astray is no test of the rest.
      if (told++ % 50 === 0) {
        events?.disconnected();
        events?.connected();
      }
      events?.receive(kind, body);
      await new Promise((resolve) => setImmediate(resolve));
      return "taken";
    },
  };
}

export const openLinkOfHub = () => linkDecoder("hub");
export const openLinkOfAgent = () => linkDecoder("agent");

/** Bytes to a checked message or a named rejection, and back. Nothing here throws on what comes over the wire. */
import { Buffer, isUtf8 } from "node:buffer";
import type { ErrorObject } from "ajv";
import { isObject } from "../json.ts";
import type { NumberedEntry } from "../link/ports.ts";
import { type Check, checksWith } from "../validation.ts";
import type { Authenticator, Verdict } from "./authenticator.ts";
import { isEnvelope } from "./envelope.ts";
import {
  type Auth,
  type Entry,
  type MessageOf,
  maxEntryBytes,
  maxPacketBytes,
  type Packet,
  type TopicKind,
  wireVersion,
} from "./messages.ts";
import { jsonProblem } from "./plain-json.ts";
import {
  downEntrySchemas,
  entryBaseSchema,
  messageSchemas,
  packetSchema,
  upEntrySchemas,
} from "./schemas.ts";

export type PacketKind = "up" | "down";
export type OtherKind = Exclude<TopicKind, PacketKind>;

/** Why bytes are no message. It touched nothing; count it by `code`. */
export interface Rejection {
  readonly code:
    | "WIRE_PACKET"
    | "WIRE_VERSION"
    | "WIRE_TOO_LARGE"
    | "WIRE_AUTH"
    | "WIRE_SESSION"
    | "WIRE_REPEATED"
    | "LINK_ENTRY_TOO_LARGE";
  readonly message: string;
  /** Of an authentic packet whose header could be read: what to say in a receipt, so that the sender halves it. */
  readonly refused?: { readonly epoch: string; readonly first: number; readonly size: number };
}

/** A packet with its entries numbered. An entry of a kind unknown here is left as it came: not wire trouble. */
export interface NumberedPacket<E extends Entry = Entry> {
  readonly epoch: string;
  readonly first: number;
  readonly entries: readonly NumberedEntry<E>[];
  /** Entries that wait at the sender behind these. */
  readonly more: number;
  /** Bytes on the wire. */
  readonly size: number;
}

export type Decoded<T> =
  | { readonly ok: true; readonly message: T }
  | { readonly ok: false; readonly rejection: Rejection };

export type EntryOf<K extends PacketKind> = MessageOf[K]["entries"][number];
/** The message without its `auth`, for each message of a union. */
export type Unsigned<T> = T extends unknown ? Omit<T, "auth"> : never;

/** Bytes per topic; packets and what may carry a blob's range need the room. */
const maxBytes: Record<TopicKind, number> = {
  up: maxPacketBytes,
  down: maxPacketBytes,
  "up-receipt": 16 * 1024,
  "down-receipt": 16 * 1024,
  hello: maxPacketBytes,
  ask: maxPacketBytes,
  answer: maxPacketBytes,
  stream: maxPacketBytes,
  presence: 4 * 1024,
};

const check = checksWith({
  strict: true,
  strictTypes: false,
  strictRequired: false,
  discriminator: true,
  ownProperties: true,
});
const checks = (schemas: object): Map<string, Check> =>
  new Map(Object.entries(schemas).map(([name, schema]) => [name, check(schema)]));
const validMessage = checks(messageSchemas);
const validPacket = check(packetSchema);
const validBase = check(entryBaseSchema);
const validEntry: Record<PacketKind, Map<string, Check>> = {
  up: checks(upEntrySchemas),
  down: checks(downEntrySchemas),
};

/** Entry kinds that travel in this direction: the ledger's part of a receiver's `capabilities`. */
export const entryKinds: Record<PacketKind, readonly string[]> = {
  up: [...validEntry.up.keys()],
  down: [...validEntry.down.keys()],
};

/** `auth` is the last member, so that the signed bytes can be cut off without parsing. */
const AUTH = /,"auth":(null|"[A-Za-z0-9_.-]{1,512}")\}$/;
const AUTH_ROOM = 560;
/** The header as our encoder writes it, for a packet whose JSON does not parse. */
const HEADER = /^\{"v":\d+,"epoch":"([A-Za-z0-9][A-Za-z0-9._:-]{0,63})","first":(\d{1,15}),/;

function reject<T>(code: Rejection["code"], message: string, refused?: Rejection["refused"]): Decoded<T> {
  return { ok: false, rejection: { code, message, ...(refused !== undefined && { refused }) } };
}

function explain(errors: readonly ErrorObject[] | null | undefined): string {
  const error = errors?.[0];
  if (error === undefined) return "does not fit its schema";
  return `${error.instancePath.slice(0, 200) || "/"} ${error.message ?? "is wrong"}`;
}

interface Opened {
  readonly message: unknown;
  /** What was in the envelope, or the message as it came. */
  readonly text: Uint8Array;
}

function rejectAs<T>(verdict: Exclude<Verdict, "authentic">): Decoded<T> {
  if (verdict === "forged") return reject("WIRE_AUTH", "the authentication does not fit");
  if (verdict === "repeated") return reject("WIRE_REPEATED", "it came before");
  return reject("WIRE_SESSION", "of a connection that is no more");
}

/** The parsed text, once size, authenticity and encoding are right. */
function open(kind: TopicKind, bytes: Uint8Array, authenticator: Authenticator): Decoded<Opened> {
  const isEnclosed = isEnvelope(bytes);
  const text = isEnclosed ? (authenticator.disclose?.(kind, bytes) ?? "forged") : bytes;
  if (typeof text === "string") return rejectAs(text);
  const refused = () => (kind === "up" || kind === "down" ? readHeader(text, bytes.length) : undefined);
  const buffer = Buffer.from(text.buffer, text.byteOffset, text.byteLength);
  const tail = AUTH.exec(buffer.toString("latin1", Math.max(0, buffer.length - AUTH_ROOM)));
  if (tail === null) return reject("WIRE_PACKET", "the last field is not auth");
  const auth: Auth = tail[1] === undefined || tail[1] === "null" ? null : tail[1].slice(1, -1);
  // First of all: what a refusal makes the sender set aside has to have come from it.
  const unsigned = buffer.subarray(0, buffer.length - tail[0].length);
  const verdict = authenticator.verify(kind, unsigned, auth, isEnclosed);
  if (verdict !== "authentic") return rejectAs(verdict);
  if (bytes.length > maxBytes[kind])
    return reject("WIRE_TOO_LARGE", `${bytes.length} bytes; at most ${maxBytes[kind]}`, refused());
  if (!isUtf8(buffer)) return reject("WIRE_PACKET", "not UTF-8", refused());
  try {
    const message: unknown = JSON.parse(buffer.toString("utf8"));
    if (!isObject(message) || typeof message.v !== "number" || message.v <= wireVersion)
      return { ok: true, message: { message, text } };
    // Not to be halved: the entries are not at fault.
    return reject(
      "WIRE_VERSION",
      `a message of protocol version ${message.v}; this side speaks ${wireVersion}: upgrade it first`,
    );
  } catch {
    // The parser's message quotes the text, which may be anything.
    return reject("WIRE_PACKET", "not JSON", refused());
  }
}

/** `size`: bytes on the wire. */
function readHeader(text: Uint8Array, size: number): Rejection["refused"] {
  const found = HEADER.exec(Buffer.from(text.subarray(0, 160)).toString("latin1"));
  if (found?.[1] === undefined) return undefined;
  return { epoch: found[1], first: Number(found[2]), size };
}

/** Decodes what is no packet. */
export function decode<K extends OtherKind>(
  kind: K,
  bytes: Uint8Array,
  authenticator: Authenticator,
): Decoded<MessageOf[K]> {
  const opened = open(kind, bytes, authenticator);
  if (!opened.ok) return opened;
  const { message } = opened.message;
  const valid = validMessage.get(kind);
  if (valid === undefined || !valid(message)) return reject("WIRE_PACKET", explain(valid?.errors));
  const problem = jsonProblem(message);
  if (problem !== null) return reject("WIRE_PACKET", problem);
  return { ok: true, message: message as MessageOf[K] };
}

/** Decodes a packet all or none: one malformed entry refuses it, and the refusal names its `first`. */
export function decodePacket<K extends PacketKind>(
  kind: K,
  bytes: Uint8Array,
  authenticator: Authenticator,
): Decoded<NumberedPacket<EntryOf<K>>> {
  const opened = open(kind, bytes, authenticator);
  if (!opened.ok) return opened;
  const { message, text } = opened.message;
  if (!validPacket(message)) {
    return reject("WIRE_PACKET", explain(validPacket.errors), readHeader(text, bytes.length));
  }
  const { epoch, first, entries, more = 0 } = message as Packet;
  const numbered: NumberedEntry<EntryOf<K>>[] = [];
  let n = first;
  const sizes = sizesIn(text, entries.length);
  for (const [i, entry] of entries.entries()) {
    const checked = checkEntry(kind, entry, n, sizes?.(i) ?? null);
    if ("code" in checked) {
      return reject(checked.code, `entry ${n}: ${checked.message}`, { epoch, first, size: bytes.length });
    }
    numbered.push({ n, last: checked.last, entry: entry as EntryOf<K>, size: checked.size });
    n = checked.last + 1;
  }
  return { ok: true, message: { epoch, first, entries: numbered, more, size: bytes.length } };
}

const ENTRIES = ',"entries":[';
/** From the end of the entries: `more`, which is a number, and `auth`. */
const END = /\](,"more":\d{1,16})?,"auth":[^\]]*$/;

/**
 * The sizes of the entries in a packet as our encoder writes it and in which none can be too large: their sum to the
 * byte, shared out evenly, since writing each again only to measure it would cost more than reading them did. `null`
 * for any other packet.
 */
function sizesIn(bytes: Uint8Array, count: number): ((i: number) => number) | null {
  if (bytes.length > maxEntryBytes || count === 0) return null;
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = buffer.subarray(0, 160).indexOf(ENTRIES);
  const tail = buffer.toString("latin1", Math.max(0, buffer.length - AUTH_ROOM - 32));
  const end = tail.search(END);
  if (start < 0 || end < 0) return null;
  const sum = buffer.length - (tail.length - end) - (start + ENTRIES.length) - (count - 1);
  if (sum < count) return null;
  const share = Math.floor(sum / count);
  return (i) => (i < count - 1 ? share : sum - share * (count - 1));
}

type CheckedEntry =
  | { readonly last: number; readonly size: number }
  | { readonly code: Rejection["code"]; readonly message: string };

/** `share`: its size, near enough, when it cannot be too large. */
function checkEntry(kind: PacketKind, entry: unknown, n: number, share: number | null = null): CheckedEntry {
  const wrong = (message: string): CheckedEntry => ({ code: "WIRE_PACKET", message });
  const name = isObject(entry) && typeof entry.kind === "string" ? entry.kind : "";
  const valid = validEntry[kind].get(name) ?? validBase;
  if (!valid(entry)) return wrong(explain(valid.errors));
  const problem = jsonProblem(entry);
  if (problem !== null) return wrong(problem);
  const size = share ?? Buffer.byteLength(JSON.stringify(entry));
  if (size > maxEntryBytes) {
    return { code: "LINK_ENTRY_TOO_LARGE", message: `${size} bytes; at most ${maxEntryBytes}` };
  }
  if (name !== "void") return { last: n, size };
  const { from, to } = entry as { from: number; to: number };
  if (from !== n || to < from) return wrong(`a void of ${from} to ${to} in the place of ${n}`);
  return { last: to, size };
}

/** What a packet would refuse about an entry that came another way (as an answer, say); `null` when all is well. */
export function entryProblem(kind: PacketKind, entry: unknown): string | null {
  const checked = checkEntry(kind, entry, 1);
  return "code" in checked ? checked.message : null;
}

/** The message as its bytes, signed. Never checked: what we send is typed. */
export function encode<K extends OtherKind>(
  kind: K,
  message: Unsigned<MessageOf[K]>,
  authenticator: Authenticator,
): Uint8Array {
  return seal(kind, JSON.stringify(message), authenticator);
}

/** A packet from entries whose text is at hand. `first` is the first one's number, or the next one's in a probe. */
export function encodePacket(
  kind: PacketKind,
  packet: {
    readonly epoch: string;
    readonly first: number;
    readonly entries: readonly NumberedEntry[];
    readonly more?: number;
  },
  authenticator: Authenticator,
): Uint8Array {
  const texts = packet.entries.map(({ entry, text }) => text ?? JSON.stringify(entry));
  const header = `{"v":1,"epoch":${JSON.stringify(packet.epoch)},"first":${packet.first}`;
  const more = packet.more ? `,"more":${packet.more}` : "";
  return seal(kind, `${header},"entries":[${texts.join(",")}]${more}}`, authenticator);
}

function seal(kind: TopicKind, text: string, authenticator: Authenticator): Uint8Array {
  const open = text.slice(0, -1);
  const length = Buffer.byteLength(open);
  const sealed = Buffer.allocUnsafe(length + AUTH_ROOM);
  sealed.write(open);
  const auth = authenticator.sign(kind, sealed.subarray(0, length));
  const end = sealed.write(`,"auth":${auth === null ? "null" : `"${auth}"`}}`, length, "latin1");
  const message = sealed.subarray(0, length + end);
  return authenticator.enclose?.(kind, message) ?? message;
}

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
/** As it is where nothing is signed, and in an envelope. */
const noAuth = Buffer.from(',"auth":null}');
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
  readonly text: Buffer;
  /** Bytes of its `auth`, and of what is around it. */
  readonly tailLength: number;
}

function rejectAs<T>(verdict: Exclude<Verdict, "authentic">): Decoded<T> {
  if (verdict === "forged") return reject("WIRE_AUTH", "the authentication does not fit");
  if (verdict === "repeated") return reject("WIRE_REPEATED", "it came before");
  return reject("WIRE_SESSION", "of a connection that is no more");
}

interface Tail {
  readonly auth: Auth;
  /** Bytes of it and of what is around it, to the end. */
  readonly length: number;
}

function tailOf(bytes: Buffer): Tail | null {
  const from = bytes.length - noAuth.length;
  if (from >= 0 && bytes.compare(noAuth, 0, noAuth.length, from) === 0)
    return { auth: null, length: noAuth.length };
  const tail = AUTH.exec(bytes.toString("latin1", Math.max(0, bytes.length - AUTH_ROOM)));
  return tail?.[1] === undefined ? null : { auth: tail[1].slice(1, -1), length: tail[0].length };
}

const asBuffer = (bytes: Uint8Array): Buffer =>
  bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** The parsed text, once size, authenticity and encoding are right. */
function open(kind: TopicKind, bytes: Uint8Array, authenticator: Authenticator): Decoded<Opened> {
  const isEnclosed = isEnvelope(bytes);
  const disclosed = isEnclosed ? (authenticator.disclose?.(kind, bytes) ?? "forged") : bytes;
  if (typeof disclosed === "string") return rejectAs(disclosed);
  const text = asBuffer(disclosed);
  const tail = tailOf(text);
  if (tail === null) return reject("WIRE_PACKET", "the last field is not auth");
  // First of all: what a refusal makes the sender set aside has to have come from it.
  const unsigned = text.subarray(0, text.length - tail.length);
  const verdict = authenticator.verify(kind, unsigned, tail.auth, isEnclosed);
  if (verdict !== "authentic") return rejectAs(verdict);
  if (bytes.length > maxBytes[kind])
    return reject(
      "WIRE_TOO_LARGE",
      `${bytes.length} bytes; at most ${maxBytes[kind]}`,
      refusedOf(kind, text, bytes.length),
    );
  if (!isUtf8(text)) return reject("WIRE_PACKET", "not UTF-8", refusedOf(kind, text, bytes.length));
  try {
    const message: unknown = JSON.parse(text.toString("utf8"));
    if (!isObject(message) || typeof message.v !== "number" || message.v <= wireVersion)
      return { ok: true, message: { message, text, tailLength: tail.length } };
    // Not to be halved: the entries are not at fault.
    return reject(
      "WIRE_VERSION",
      `a message of protocol version ${message.v}; this side speaks ${wireVersion}: upgrade it first`,
    );
  } catch {
    // The parser's message quotes the text, which may be anything.
    return reject("WIRE_PACKET", "not JSON", refusedOf(kind, text, bytes.length));
  }
}

function refusedOf(kind: TopicKind, text: Buffer, size: number): Rejection["refused"] {
  return kind === "up" || kind === "down" ? readHeader(text, size) : undefined;
}

/** `size`: bytes on the wire. */
function readHeader(text: Buffer, size: number): Rejection["refused"] {
  const found = HEADER.exec(text.toString("latin1", 0, 160));
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
  const { message, text, tailLength } = opened.message;
  if (!validPacket(message)) {
    return reject("WIRE_PACKET", explain(validPacket.errors), readHeader(text, bytes.length));
  }
  const packet = message as Packet;
  const { epoch, first, entries, more = 0 } = packet;
  const numbered: NumberedEntry<EntryOf<K>>[] = [];
  let n = first;
  const total = bytesOfEntries(text, tailLength, packet);
  const share = total === null ? 0 : Math.floor(total / entries.length);
  for (const entry of entries as readonly EntryOf<K>[]) {
    const isLast = numbered.length === entries.length - 1;
    const known = total === null ? null : isLast ? total - share * numbered.length : share;
    const checked = checkEntry(kind, entry, n, known);
    if (typeof checked !== "number")
      return reject(checked.code, `entry ${n}: ${checked.message}`, { epoch, first, size: bytes.length });
    const last = entry.kind === "void" ? entry.to : n;
    numbered.push({ n, last, entry, size: checked });
    n = last + 1;
  }
  return { ok: true, message: { epoch, first, entries: numbered, more, size: bytes.length } };
}

const ENTRIES = ',"entries":[';
const START = '{"v":1,"epoch":"","first":'.length + ENTRIES.length;

/**
 * Of all entries together, in a packet as our encoder writes it and in which none can be too large. They are shared out
 * evenly, since writing each again only to measure it would cost more than reading them did. `null` for any other packet.
 */
function bytesOfEntries(
  text: Buffer,
  tailLength: number,
  { epoch, first, entries, more }: Packet,
): number | null {
  if (text.length > maxEntryBytes || entries.length === 0) return null;
  const start = START + epoch.length + String(first).length;
  const end = text.length - tailLength - (more === undefined ? 0 : `,"more":${more}`.length) - 1;
  if (text[end] !== 0x5d || text.toString("latin1", start - ENTRIES.length, start) !== ENTRIES) return null;
  const sum = end - start - (entries.length - 1);
  return sum < entries.length ? null : sum;
}

/** Its size, or what is wrong with it. `known`: its size, near enough, when it cannot be too large. */
function checkEntry(
  kind: PacketKind,
  entry: unknown,
  n: number,
  known: number | null = null,
): number | Pick<Rejection, "code" | "message"> {
  const name = isObject(entry) && typeof entry.kind === "string" ? entry.kind : "";
  const valid = validEntry[kind].get(name) ?? validBase;
  if (!valid(entry)) return { code: "WIRE_PACKET", message: explain(valid.errors) };
  const problem = jsonProblem(entry);
  if (problem !== null) return { code: "WIRE_PACKET", message: problem };
  const size = known ?? Buffer.byteLength(JSON.stringify(entry));
  if (size > maxEntryBytes)
    return { code: "LINK_ENTRY_TOO_LARGE", message: `${size} bytes; at most ${maxEntryBytes}` };
  if (name !== "void") return size;
  const { from, to } = entry as { from: number; to: number };
  if (from === n && to >= from) return size;
  return { code: "WIRE_PACKET", message: `a void of ${from} to ${to} in the place of ${n}` };
}

/** What a packet would refuse about an entry that came another way (as an answer, say); `null` when all is well. */
export function entryProblem(kind: PacketKind, entry: unknown): string | null {
  const checked = checkEntry(kind, entry, 1);
  return typeof checked === "number" ? null : checked.message;
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
  // Without the brace at its end.
  const length = Buffer.byteLength(text) - 1;
  const plain = Buffer.allocUnsafe(length + noAuth.length);
  plain.write(text);
  noAuth.copy(plain, length);
  const unsigned = plain.subarray(0, length);
  const auth = authenticator.sign(kind, unsigned);
  const message = auth === null ? plain : Buffer.concat([unsigned, Buffer.from(`,"auth":"${auth}"}`)]);
  return authenticator.enclose?.(kind, message) ?? message;
}

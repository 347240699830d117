/**
 * Certificates and requests for them (RFC 5280, RFC 2986), all with Ed25519 keys (RFC 8410). They are what TLS and
 * brokers understand of an identity; who is trusted follows from keys, never from what a certificate says of itself.
 */
import { Buffer } from "node:buffer";
import { createHash, createPublicKey, type KeyObject, sign, verify, X509Certificate } from "node:crypto";
import { addressFamily } from "../config/host-name.ts";
import { plainAddress } from "../config/listen.ts";
import {
  bits,
  boolean,
  der,
  explicit,
  implicit,
  integer,
  octets,
  oid,
  sequence,
  setOf,
  time,
  utf8,
} from "./der.ts";

/** What a certificate is for. An agent's must not pass for a hub's, though the same CA issued both. */
export type CertificateRole = "root" | "ca" | "server" | "client";

export interface CertificateFacts {
  readonly role: CertificateRole;
  /** Common name: an agent's id, `hub:NAME`, or what people should read. */
  readonly subject: string;
  readonly issuer: string;
  /** Of the subject; Ed25519. */
  readonly key: KeyObject;
  /** Of the issuer; private. */
  readonly issuerKey: KeyObject;
  /** 1 to 20 bytes, random. */
  readonly serial: Uint8Array;
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** Names and addresses of a server. */
  readonly hosts?: readonly string[];
}

/** How far before its making a certificate begins: brokers judge that by clocks of their own. */
export const backdatedMs = 48 * 3_600_000;

/** RFC 5280 §4.2.1.12. */
const serverAuth = "1.3.6.1.5.5.7.3.1";
const clientAuth = "1.3.6.1.5.5.7.3.2";
const ed25519 = sequence(oid("1.3.101.112"));

/** PEM. */
export function certificatePem(facts: CertificateFacts): string {
  const { role, subject, issuer, key, issuerKey, serial, notBefore, notAfter, hosts = [] } = facts;
  const isCa = role === "root" || role === "ca";
  const spki = spkiOf(key);
  const body = sequence(
    explicit(0, integer(Buffer.from([2]))),
    integer(serial),
    ed25519,
    nameOf(issuer),
    sequence(time(notBefore), time(notAfter)),
    nameOf(subject),
    spki,
    explicit(
      3,
      sequence(
        extension("2.5.29.19", true, isCa ? sequence(boolean(true)) : sequence()),
        // keyCertSign and cRLSign, or digitalSignature.
        extension("2.5.29.15", true, isCa ? bits(Buffer.from([0x06]), 1) : bits(Buffer.from([0x80]), 7)),
        ...(isCa ? [] : [extension("2.5.29.37", false, sequence(...purposesOf(role)))]),
        ...(hosts.length === 0 ? [] : [extension("2.5.29.17", false, sequence(...hosts.map(generalName)))]),
        extension("2.5.29.14", false, octets(keyId(key))),
        extension("2.5.29.35", false, sequence(implicit(0, keyId(issuerKey)))),
      ),
    ),
  );
  return pem("CERTIFICATE", signed(body, issuerKey));
}

/** A request for a certificate on `key` (private) under the name `subject`; PEM. */
export function requestPem(subject: string, key: KeyObject): string {
  return pem("CERTIFICATE REQUEST", signed(requestBody(subject, key), key));
}

/**
 * Whether this is the request that `requestPem` makes: for this name and key, and signed by that key. So a request needs
 * no reading, and what else one may hold (extensions, other names) has no effect. Never throws.
 */
export function isRequestOf(text: string, subject: string, key: KeyObject): boolean {
  const bytes = bytesOf("CERTIFICATE REQUEST", text);
  if (bytes === null) return false;
  const body = requestBody(subject, key);
  const tail = signatureLength;
  const whole = sequence(body, ed25519, bits(Buffer.alloc(tail)));
  if (bytes.length !== whole.length) return false;
  const signature = bytes.subarray(bytes.length - tail);
  const head = whole.length - tail;
  return bytes.subarray(0, head).equals(whole.subarray(0, head)) && verify(null, body, key, signature);
}

const signatureLength = 64;

/** The certificates of a PEM text, in its order; `null` when one cannot be read. */
export function certificatesIn(text: string): readonly X509Certificate[] | null {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch {
    return null;
  }
}

/** Its common name; `null` when it has none, or several. Node has no `subject` for an empty one, whatever its types say. */
export function subjectOf({ subject }: { readonly subject?: string | undefined }): string | null {
  const [name, ...others] = subject?.match(/^CN=.+$/gm) ?? [];
  return name === undefined || others.length > 0 ? null : name.slice("CN=".length);
}

/** When it was made, and when it ends; milliseconds since the epoch. */
export function lifeOf(certificate: Pick<X509Certificate, "validFrom" | "validTo">): {
  readonly issuedAt: number;
  readonly notAfter: number;
} {
  const { validFrom, validTo } = certificate;
  return { issuedAt: Date.parse(validFrom) + backdatedMs, notAfter: Date.parse(validTo) };
}

/**
 * Whether a TLS server speaks for the fleet: its certificate is one for servers, from a CA that the root key signed. The
 * dates are not judged: a host whose clock is wrong must still reach its hub. `chain`: the server's own first.
 */
export function isFleetServer(chain: readonly X509Certificate[], root: KeyObject): boolean {
  const [leaf, ...issuers] = chain;
  if (leaf === undefined || leaf.ca || !(leaf.keyUsage ?? []).includes(serverAuth)) return false;
  return issuers.some((ca) => {
    const key = ca.ca && signedBy(ca, root) ? ed25519Of(ca) : null;
    return key !== null && signedBy(leaf, key);
  });
}

/** The Ed25519 key of a certificate; `null` for any other, and for what cannot be read as one. Never throws. */
export function ed25519Of(certificate: X509Certificate): KeyObject | null {
  try {
    const { publicKey } = certificate;
    return publicKey.asymmetricKeyType === "ed25519" ? publicKey : null;
  } catch {
    return null;
  }
}

/** Never throws. */
export function signedBy(certificate: X509Certificate, key: KeyObject): boolean {
  try {
    return certificate.verify(key);
  } catch {
    return false;
  }
}

function requestBody(subject: string, key: KeyObject): Buffer {
  return sequence(integer(Buffer.from([0])), nameOf(subject), spkiOf(key), der(0xa0));
}

function signed(body: Uint8Array, key: KeyObject): Buffer {
  return sequence(body, ed25519, bits(sign(null, body, key)));
}

function purposesOf(role: CertificateRole): readonly Uint8Array[] {
  // An external broker takes the hub for one of its clients; agents never take a client for their hub.
  return role === "server" ? [oid(serverAuth)] : [oid(clientAuth)];
}

function nameOf(text: string): Buffer {
  return sequence(setOf(sequence(oid("2.5.4.3"), utf8(text))));
}

function extension(id: string, isCritical: boolean, value: Uint8Array): Buffer {
  return sequence(oid(id), ...(isCritical ? [boolean(true)] : []), octets(value));
}

/** RFC 5280 §4.2.1.6: dNSName or iPAddress; an IPv4 address is one, however it is written. */
function generalName(host: string): Buffer {
  const address = addressBytes(plainAddress(host));
  return address === null ? implicit(2, Buffer.from(host, "latin1")) : implicit(7, address);
}

/** The bytes of an IP address; `null` for a name. */
function addressBytes(host: string): Buffer | null {
  if (addressFamily(host) === 4) return Buffer.from(host.split(".").map(Number));
  if (addressFamily(host) === 0) return null;
  // The last two groups may be written as an IPv4 address (RFC 4291 §2.2).
  const [head = "", tail] = host
    .replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...octets) => {
      const [a = 0, b = 0, c = 0, d = 0] = octets.slice(0, 4).map(Number);
      return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
    })
    .split("::");
  const groups = (text: string) =>
    text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16));
  const [left, right] = [groups(head), groups(tail ?? "")];
  const zeros = tail === undefined ? 0 : 8 - left.length - right.length;
  const all = [...left, ...Array.from({ length: Math.max(0, zeros) }, () => 0), ...right];
  return Buffer.from(all.slice(0, 8).flatMap((group) => [(group >> 8) & 0xff, group & 0xff]));
}

function keyId(key: KeyObject): Buffer {
  return createHash("sha256").update(spkiOf(key)).digest().subarray(0, 20);
}

function spkiOf(key: KeyObject): Buffer {
  return (key.type === "public" ? key : createPublicKey(key)).export({ format: "der", type: "spki" });
}

function pem(label: string, bytes: Uint8Array): string {
  const lines =
    Buffer.from(bytes)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

function bytesOf(label: string, text: string): Buffer | null {
  const [, body] =
    new RegExp(`^-----BEGIN ${label}-----\\n([A-Za-z0-9+/=\\n]+)-----END ${label}-----\\n?$`).exec(text) ??
    [];
  return body === undefined ? null : Buffer.from(body, "base64");
}

/**
 * How a host becomes an agent, over a broker that nobody has to trust: an ask and an answer, each a text and a proof over
 * it. Who has a token proves it by an HMAC (RFC 2104) under a key derived from it (HKDF, RFC 5869), and is answered by
 * one; the token itself never travels. Since a token may be on many hosts, its HMAC proves no more than to have it: which
 * root key to expect stands in the token. Who has none signs with the key that it wants to be known by, and is answered
 * with the signature of a hub key that the fleet's root vouches for.
 */
import { Buffer } from "node:buffer";
import { createHmac, hkdfSync, type KeyObject, timingSafeEqual } from "node:crypto";
import type { ErrorCode } from "../errors.ts";
import { isObject } from "../json.ts";
import { checksWith } from "../validation.ts";
import { certificatesIn, ed25519Of } from "./certificates.ts";
import { fingerprint, isSigned, publicKey, publicKeyPattern, publicText, signature } from "./ed25519.ts";
import { checkStatement, type HubStatement, hubStatementSchema } from "./hub-statement.ts";

export interface EnrolAsk {
  readonly v: 1;
  readonly agent: string;
  /** Ed25519, base64url. */
  readonly key: string;
  /** PEM; of this key, for this name. */
  readonly csr: string;
  /** Id of the token; `null`: it has none, and signs. */
  readonly token: string | null;
  /** It has an identity and wants a certificate: where it is not known, it does not want to be. */
  readonly renew: boolean;
  readonly host: string;
  readonly version: string;
}

export type EnrolAnswer =
  | {
      readonly v: 1;
      readonly state: "enrolled";
      readonly agent: string;
      /** PEM: the agent's certificate, then the CA's. */
      readonly certificate: string;
      readonly root: string;
      readonly statement: HubStatement;
    }
  /** Somebody has to approve it; it asks again. */
  | { readonly v: 1; readonly state: "pending"; readonly root: string; readonly statement: HubStatement }
  | {
      readonly v: 1;
      readonly state: "refused";
      readonly code: ErrorCode;
      readonly message: string;
      readonly root: string;
      readonly statement: HubStatement;
    };

/** Bytes of an ask or an answer at most. */
export const maxEnrolBytes = 16 * 1024;

/** `petrel-token-2.<id>.<secret>.<root>` */
export interface TokenText {
  readonly id: string;
  /** 32 bytes, base64url. */
  readonly secret: string;
  /** How the fingerprint of the fleet's root key begins: 32 hex digits, so many that nobody finds another key to them. */
  readonly root: string;
}

const tokenText = /^petrel-token-2\.([a-z0-9]{12})\.([A-Za-z0-9_-]{43})\.([0-9a-f]{32})$/;

export function formatToken({ id, secret, root }: TokenText): string {
  return `petrel-token-2.${id}.${secret}.${root}`;
}

/** What a token says of a root key: of its fingerprint, `sha256:…`. */
export function tokenRoot(whole: string): string {
  return whole.slice("sha256:".length, "sha256:".length + 32);
}

/** True for a token of before the root key stood in it: any host that had one could be the hub for the next. */
export const isRootlessToken = (text: string): boolean => text.trim().startsWith("petrel-token-1.");

/** `null` for what is none. */
export function parseToken(text: string): TokenText | null {
  const [, id, secret, root] = tokenText.exec(text.trim()) ?? [];
  return id === undefined || secret === undefined || root === undefined ? null : { id, secret, root };
}

/** The 32 bytes that both sides prove they have. */
export function tokenKey({ id, secret }: Pick<TokenText, "id" | "secret">): Uint8Array {
  return Buffer.from(hkdfSync("sha256", Buffer.from(secret, "base64url"), "petrel enrol 1", id, 32));
}

/** What proves an ask or an answer. */
export type Prover =
  | { readonly by: "token"; readonly key: Uint8Array }
  /** Private. */
  | { readonly by: "key"; readonly key: KeyObject };

type Way = "ask" | "answer";

/** Bytes for the topic of this nonce. */
export function sealEnrol(
  way: Way,
  nonce: string,
  content: EnrolAsk | EnrolAnswer,
  prover: Prover,
): Uint8Array {
  const text = JSON.stringify(content);
  const bytes = bound(way, nonce, text);
  const proof =
    prover.by === "token"
      ? `t.${mac(prover.key, bytes).toString("base64url")}`
      : `s.${signature(prover.key, bytes)}`;
  return Buffer.from(JSON.stringify({ text, proof }));
}

/** Read, and not yet believed: `isProvenBy` says whether to. */
export interface EnrolMessage<T> {
  readonly content: T;
  readonly by: "token" | "key";
  isProvenByToken(key: Uint8Array): boolean;
  isProvenByKey(key: KeyObject): boolean;
}

const pem = { type: "string", maxLength: 8_192 } as const;
const agentId = { type: "string", pattern: "^[a-z0-9][a-z0-9._-]{0,62}$" } as const;
const compile = checksWith({});
const isAsk = compile<EnrolAsk>({
  type: "object",
  required: ["v", "agent", "key", "csr", "token", "renew", "host", "version"],
  properties: {
    v: { const: 1 },
    agent: agentId,
    key: { type: "string", pattern: publicKeyPattern },
    csr: { type: "string", maxLength: 2_048 },
    token: { type: ["string", "null"], pattern: "^[a-z0-9]{12}$" },
    renew: { type: "boolean" },
    host: { type: "string", maxLength: 256 },
    version: { type: "string", maxLength: 64 },
  },
});
const isAnswer = compile<EnrolAnswer>({
  type: "object",
  required: ["v", "state", "root", "statement"],
  properties: {
    v: { const: 1 },
    state: { enum: ["enrolled", "pending", "refused"] },
    root: pem,
    statement: hubStatementSchema,
  },
  oneOf: [
    {
      required: ["agent", "certificate"],
      properties: { state: { const: "enrolled" }, agent: agentId, certificate: pem },
    },
    { properties: { state: { const: "pending" } } },
    {
      required: ["code", "message"],
      properties: {
        state: { const: "refused" },
        code: { type: "string", maxLength: 64 },
        message: { type: "string", maxLength: 512 },
      },
    },
  ],
});

/** `null` for what is no ask. Never throws. */
export function readAsk(nonce: string, bytes: Uint8Array): EnrolMessage<EnrolAsk> | null {
  return readMessage("ask", nonce, bytes, isAsk);
}

/** `null` for what is no answer. Never throws. */
export function readAnswer(nonce: string, bytes: Uint8Array): EnrolMessage<EnrolAnswer> | null {
  return readMessage("answer", nonce, bytes, isAnswer);
}

/** How an agent that asks knows its hub. */
export type HubProof =
  | {
      readonly by: "token";
      readonly key: Uint8Array;
      /** `sha256:…` of the root key, the whole of it or how it begins. */
      readonly fingerprint: string;
    }
  /** `sha256:…` of the root key, from whoever set up the host. */
  | { readonly by: "fingerprint"; readonly fingerprint: string }
  /** Pinned. */
  | { readonly by: "root"; readonly root: KeyObject };

export interface ProvenAnswer {
  readonly answer: EnrolAnswer;
  readonly root: KeyObject;
}

/**
 * The answer, when it is proven by what the agent knows; and the root key, which vouches for the statement in it. `null`
 * for anything else: somebody else has answered. Never throws.
 */
export function provenAnswer(message: EnrolMessage<EnrolAnswer>, proof: HubProof): ProvenAnswer | null {
  const [certificate] = certificatesIn(message.content.root) ?? [];
  const root = certificate === undefined ? null : ed25519Of(certificate);
  if (root === null) return null;
  const statement = checkStatement(message.content.statement, root);
  if (statement === null) return null;
  const fine = { answer: message.content, root };
  const own = fingerprint(publicText(root));
  if (proof.by === "token" && message.by === "token")
    return own.startsWith(proof.fingerprint) && message.isProvenByToken(proof.key) ? fine : null;
  const isRoot =
    proof.by === "fingerprint"
      ? own === proof.fingerprint
      : proof.by === "root" && publicText(root) === publicText(proof.root);
  const keys = statement.keys.map((text) => publicKey(text)).filter((key) => key !== null);
  return isRoot && keys.some((key) => message.isProvenByKey(key)) ? fine : null;
}

function readMessage<T>(
  way: Way,
  nonce: string,
  bytes: Uint8Array,
  fits: (value: unknown) => value is T,
): EnrolMessage<T> | null {
  if (bytes.length > maxEnrolBytes) return null;
  const envelope = parsed(Buffer.from(bytes).toString("utf8"));
  if (!isObject(envelope)) return null;
  const { text, proof } = envelope;
  if (typeof text !== "string" || typeof proof !== "string") return null;
  const [, by, value = ""] = /^([ts])\.([A-Za-z0-9_-]{43,86})$/.exec(proof) ?? [];
  const content = parsed(text);
  if (by === undefined || !fits(content)) return null;
  const signed = bound(way, nonce, text);
  return {
    content,
    by: by === "t" ? "token" : "key",
    isProvenByToken: (key) => by === "t" && isEqual(Buffer.from(value, "base64url"), mac(key, signed)),
    isProvenByKey: (key) => by === "s" && isSigned(key, value, signed),
  };
}

/** The nonce is in what is proven: an answer to one ask is none to another. */
const bound = (way: Way, nonce: string, text: string) =>
  Buffer.from(`petrel enrol 1\0${way}\0${nonce}\0${text}`);
const mac = (key: Uint8Array, bytes: Uint8Array) => createHmac("sha256", key).update(bytes).digest();
const isEqual = (a: Buffer, b: Buffer) => a.length === b.length && timingSafeEqual(a, b);

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/**
 * Authenticates one agent's link without trust in whoever carries it. Hellos are signed with the sides' own keys
 * (Ed25519) and bring one half each of an X25519 exchange (RFC 7748): a session's id *is* its public key, so that a
 * hello that names ours as `to` was said to us and just now. From both, HKDF (RFC 5869) makes a key for each direction;
 * everything else is encrypted under it, or, with a peer of an older version, carries an HMAC. What makes an agent act is
 * signed besides.
 */
import { createHmac, createSecretKey, hkdfSync, type KeyObject, timingSafeEqual } from "node:crypto";
import { isSigned, signature } from "../identity/ed25519.ts";
import type { Exchange } from "../identity/exchange.ts";
import type { HubStatement } from "../identity/hub-statement.ts";
import { isObject } from "../json.ts";
import type { AuthenticatedSession, Authenticator, Verdict } from "./authenticator.ts";
import { disclose, type EnvelopeKey, enclose, envelopeCapability, keysNamed } from "./envelope.ts";
import type { Auth, Hello, Side, TopicKind } from "./messages.ts";
import { ReplayWindow } from "./replay-window.ts";

/** What proves a side: its own key, and how it knows the other's. */
export type LinkIdentity =
  | {
      readonly side: "agent";
      /** Private. */
      readonly key: KeyObject;
      /** The hub's keys, from the statement in its hello; `null` when the root key did not sign it, or it is too old. */
      readonly hubKeys: (statement: unknown) => readonly KeyObject[] | null;
      /** The keys of one that the root key did sign, and that is too old; `null` for any other. */
      readonly olderKeys: (statement: unknown) => readonly KeyObject[] | null;
      /** The hub itself has shown such a one, in this session: anybody can repeat what the root key has signed. */
      readonly refused: (statement: unknown) => void;
      /** The highest of a statement that was seen. */
      readonly serial: () => number;
    }
  | {
      readonly side: "hub";
      /** The statement and the private key of its first key, as they are now. */
      readonly signer: () => { readonly statement: HubStatement; readonly key: KeyObject };
      /** Of the enrolled agent; `null` while there is none by that name, or it was removed. */
      readonly agentKey: () => KeyObject | null;
    };

export interface SessionAuthenticatorOptions {
  readonly agent: string;
  readonly newExchange: () => Exchange;
  readonly identity: LinkIdentity;
}

/** What two sessions have agreed on. */
interface Keys {
  /** Names them in each message. */
  readonly id: string;
  /** The peer's session. */
  readonly peer: string;
  /** Secret keys, not bytes: for each HMAC of bytes Node asks by exceptions whether they are a key (30 us). */
  readonly sends: KeyObject;
  readonly takes: KeyObject;
  /** Messages sent under them. */
  sent: number;
  readonly taken: ReplayWindow;
  /** `null` with a peer that does not read envelopes. */
  readonly envelopes: { readonly sends: EnvelopeKey; readonly takes: EnvelopeKey } | null;
}

/** `h.KEYS.NUMBER.MAC`, and on what makes an agent act `.SIGNATURE`. */
const MAC = /^h\.([A-Za-z0-9_-]{11})\.([0-9a-z]{1,11})\.([A-Za-z0-9_-]{43})(?:\.([A-Za-z0-9_-]{86}))?$/;
const SIGNED = /^s\.([A-Za-z0-9_-]{86})$/;
/**
 * Sessions of the peer that ended during one of ours. None of them may come back: the same keys would be used again, and
 * with them the same nonces. So none is forgotten, and after so many this side begins anew.
 */
const mostLeft = 256;

/** How our encoder begins a hello; marks, which share its topic, carry an HMAC. */
const HELLO = Buffer.from('{"v":1,"type":"hello",');

export class SessionAuthenticator implements Authenticator {
  readonly session: AuthenticatedSession;
  readonly #options: SessionAuthenticatorOptions;
  #exchange: Exchange | null = null;
  #keys: Keys | null = null;
  /** Of a hub: what it said in its last hello. Of an agent: the keys it heard there. */
  #signer: { readonly statement: HubStatement; readonly key: KeyObject } | null = null;
  #hubKeys: readonly KeyObject[] = [];
  #heardKeys: readonly KeyObject[] = [];
  readonly #left = new Set<string>();
  #isSpent = false;

  constructor(options: SessionAuthenticatorOptions) {
    this.#options = options;
    const { identity } = options;
    this.session = {
      begin: () => this.#begin(),
      meet: (hello) => this.#meet(hello),
      isSpent: () => this.#isSpent,
      ...(identity.side === "hub"
        ? { statement: () => this.#announce(identity.signer()) }
        : { serial: identity.serial }),
    };
  }

  sign(kind: TopicKind, unsigned: Uint8Array): Auth {
    const { identity } = this.#options;
    const head = this.#head(kind, identity.side);
    if (kind === "presence" || isHello(kind, unsigned))
      return `s.${signature(this.#ownKey(), head, unsigned)}`;
    const keys = this.#keys;
    // Nobody could read it as ours, and nobody needs to: before the hellos there is nothing to say.
    if (keys === null) return null;
    // The envelope authenticates it.
    if (keys.envelopes !== null)
      return kind === "down" ? `s.${signature(this.#ownKey(), head, unsigned)}` : null;
    const number = (++keys.sent).toString(36);
    const mac = macOf(keys.sends, head, number, unsigned);
    const auth = `h.${keys.id}.${number}.${mac}`;
    return kind === "down" ? `${auth}.${signature(this.#ownKey(), head, unsigned)}` : auth;
  }

  enclose(kind: TopicKind, message: Uint8Array): Uint8Array | null {
    const keys = this.#keys;
    if (keys === null || keys.envelopes === null || kind === "presence" || isHello(kind, message))
      return null;
    return enclose(keys.envelopes.sends, this.#head(kind, this.#options.identity.side), ++keys.sent, message);
  }

  disclose(kind: TopicKind, envelope: Uint8Array): Uint8Array | Exclude<Verdict, "authentic"> {
    const keys = this.#keys;
    if (keys === null || keys.id !== keysNamed(envelope)) return "other_session";
    const { side } = this.#options.identity;
    const head = this.#head(kind, side === "agent" ? "hub" : "agent");
    const opened = keys.envelopes === null ? null : disclose(keys.envelopes.takes, head, envelope);
    if (opened === null) return "forged";
    return keys.taken.take(opened.number) ? opened.message : "repeated";
  }

  verify(kind: TopicKind, unsigned: Uint8Array, auth: Auth, isEnclosed = false): Verdict {
    const { identity } = this.#options;
    const head = this.#head(kind, identity.side === "agent" ? "hub" : "agent");
    if (isEnclosed) {
      if (kind === "presence" || isHello(kind, unsigned)) return "forged";
      if (kind !== "down") return auth === null ? "authentic" : "forged";
      const by = SIGNED.exec(auth ?? "")?.[1];
      return by !== undefined && this.#hubKeys.some((key) => isSigned(key, by, head, unsigned))
        ? "authentic"
        : "forged";
    }
    if (auth === null) return "forged";
    const signed = SIGNED.exec(auth)?.[1];
    if (signed !== undefined) {
      if (kind !== "presence" && !isHello(kind, unsigned)) return "forged";
      const isOf = (key: KeyObject) => isSigned(key, signed, head, unsigned);
      if (this.#peerKeys(kind, unsigned).some(isOf)) return "authentic";
      if (kind === "hello") this.#hearOlder(unsigned, isOf);
      return "forged";
    }
    const parts = MAC.exec(auth);
    if (parts === null || kind === "presence" || isHello(kind, unsigned)) return "forged";
    const [, id, number = "", mac = "", by = ""] = parts;
    const keys = this.#keys;
    if (keys === null || keys.id !== id) return "other_session";
    // A peer that encloses sends nothing else.
    if (keys.envelopes !== null) return "forged";
    // As text: bytes have more than one in base64.
    const expected = Buffer.from(macOf(keys.takes, head, number, unsigned));
    if (!timingSafeEqual(expected, Buffer.from(mac))) return "forged";
    const isWhole =
      kind === "down" ? this.#hubKeys.some((key) => isSigned(key, by, head, unsigned)) : by === "";
    if (!isWhole) return "forged";
    return keys.taken.take(Number.parseInt(number, 36)) ? "authentic" : "repeated";
  }

  #begin(): string {
    this.#exchange = this.#options.newExchange();
    this.#keys = null;
    this.#hubKeys = [];
    this.#heardKeys = [];
    this.#left.clear();
    this.#isSpent = false;
    return this.#exchange.id;
  }

  #announce(signer: { readonly statement: HubStatement; readonly key: KeyObject }): HubStatement {
    this.#signer = signer;
    return signer.statement;
  }

  #meet(hello: Hello): boolean {
    const exchange = this.#exchange;
    if (exchange === null || hello.to !== exchange.id || this.#left.has(hello.session)) return false;
    if (this.#keys?.peer !== hello.session) {
      this.#isSpent = this.#left.size >= mostLeft;
      if (this.#isSpent) return false;
      const isEnclosing = hello.capabilities.includes(envelopeCapability);
      const keys = this.#agreed(exchange, hello.session, isEnclosing);
      if (keys === null) return false;
      if (this.#keys !== null) this.#left.add(this.#keys.peer);
      this.#keys = keys;
    }
    this.#hubKeys = this.#heardKeys;
    return true;
  }

  #agreed(exchange: Exchange, peer: string, isEnclosing: boolean): Keys | null {
    const { agent, identity } = this.#options;
    let secret: Uint8Array;
    try {
      secret = exchange.secretWith(peer);
    } catch {
      return null;
    }
    const [ofAgent, ofHub] = identity.side === "agent" ? [exchange.id, peer] : [peer, exchange.id];
    const bytes = Buffer.from(
      hkdfSync("sha256", secret, "petrel link 1", `${agent}\0${ofAgent}\0${ofHub}`, 136),
    );
    const fromAgent = createSecretKey(bytes.subarray(0, 32));
    const fromHub = createSecretKey(bytes.subarray(32, 64));
    const id = bytes.subarray(64, 72).toString("base64url");
    const ofSide = {
      agent: { side: "agent", key: createSecretKey(bytes.subarray(72, 104)), id },
      hub: { side: "hub", key: createSecretKey(bytes.subarray(104)), id },
    } as const;
    const envelopes =
      identity.side === "agent"
        ? { sends: ofSide.agent, takes: ofSide.hub }
        : { sends: ofSide.hub, takes: ofSide.agent };
    return {
      id,
      peer,
      envelopes: isEnclosing ? envelopes : null,
      sent: 0,
      taken: new ReplayWindow(),
      ...(identity.side === "agent"
        ? { sends: fromAgent, takes: fromHub }
        : { sends: fromHub, takes: fromAgent }),
    };
  }

  #ownKey(): KeyObject {
    const { identity } = this.#options;
    if (identity.side === "agent") return identity.key;
    return (this.#signer ?? identity.signer()).key;
  }

  #peerKeys(kind: TopicKind, unsigned: Uint8Array): readonly KeyObject[] {
    const { identity } = this.#options;
    if (identity.side === "hub") {
      const key = identity.agentKey();
      return key === null ? [] : [key];
    }
    if (kind !== "hello") return this.#hubKeys;
    this.#heardKeys = identity.hubKeys(helloIn(unsigned).hub_keys) ?? [];
    return this.#heardKeys;
  }

  /** A hello that does not count may tell why not; only one that was said to this session, by whom its keys are. */
  #hearOlder(unsigned: Uint8Array, isOf: (key: KeyObject) => boolean): void {
    const { identity } = this.#options;
    const hello = helloIn(unsigned);
    if (identity.side !== "agent" || this.#exchange === null || hello.to !== this.#exchange.id) return;
    if (identity.olderKeys(hello.hub_keys)?.some(isOf) === true) identity.refused(hello.hub_keys);
  }

  /** What a signature is good for: the protocol, who speaks, about which agent, on which topic. */
  #head(kind: TopicKind, by: Side): Uint8Array {
    return Buffer.from(`petrel 1\0${by}\0${this.#options.agent}\0${kind}\0`);
  }
}

/** 43 characters. */
function macOf(key: KeyObject, head: Uint8Array, number: string, bytes: Uint8Array): string {
  return createHmac("sha256", key).update(head).update(`${number}\0`).update(bytes).digest("base64url");
}

function isHello(kind: TopicKind, unsigned: Uint8Array): boolean {
  return kind === "hello" && HELLO.equals(unsigned.subarray(0, HELLO.length));
}

/** What a hello that nobody has checked yet says. */
function helloIn(unsigned: Uint8Array): { readonly to?: unknown; readonly hub_keys?: unknown } {
  try {
    const hello: unknown = JSON.parse(`${Buffer.from(unsigned).toString("utf8")}}`);
    return isObject(hello) ? hello : {};
  } catch {
    return {};
  }
}

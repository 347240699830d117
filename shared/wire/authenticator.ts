/** The seam for the authentication of messages: what is signed, and by whom. */
import type { HubStatement } from "../identity/hub-statement.ts";
import type { Auth, Hello, TopicKind } from "./messages.ts";

/**
 * What the authentication of a message says. `other_session`: it may have been authentic once, before one of the two
 * connected anew. `repeated`: it is authentic, and came before.
 */
export type Verdict = "authentic" | "forged" | "other_session" | "repeated";

/**
 * Signs and checks the messages of one agent's link. `unsigned` is the message's text up to and without its last
 * member, `auth`: everything else is covered. The topic's agent and the direction are the authenticator's own part.
 */
export interface Authenticator {
  sign(kind: TopicKind, unsigned: Uint8Array): Auth;
  /**
   * Never throws; what is forged takes the same time whatever is wrong with it. `isEnclosed`: it came in an envelope that
   * `disclose` has opened.
   */
  verify(kind: TopicKind, unsigned: Uint8Array, auth: Auth, isEnclosed?: boolean): Verdict;
  /** The signed message, readable by the peer alone; `null` when it goes as it is. Left out by one that never encloses. */
  enclose?(kind: TopicKind, message: Uint8Array): Uint8Array | null;
  /** What is in an envelope, still to be verified; or why it is not opened. Never throws. */
  disclose?(kind: TopicKind, envelope: Uint8Array): Uint8Array | Exclude<Verdict, "authentic">;
  /** Left out by one that knows no sessions: then any hello counts. */
  readonly session?: AuthenticatedSession;
}

/** Keys that both sides agree on in their hellos, anew for each connection. */
export interface AuthenticatedSession {
  /** A connection begins. The id of this side's session: nobody can know it before, and nobody else can use it. */
  begin(): string;
  /** Of a hub, for its hello: the keys that it signs with from now on. */
  readonly statement?: () => HubStatement;
  /** Of an agent: the serial of the statement whose keys count here now. */
  readonly serial?: () => number;
  /**
   * Of an authentic hello: true when it was said to this side's present session, whose messages count from now on. One
   * that was said to nobody, or to an earlier session, may be a repeat: it is only a reason to say hello.
   */
  meet(hello: Hello): boolean;
  /** Whether a hello that was said to this session is refused since so many of the peer's have come and gone: begin anew. */
  readonly isSpent?: () => boolean;
}

/** Dev mode: nothing is signed, and a signature is no more than a sign of a wrong configuration. */
export const devAuthenticator: Authenticator = {
  sign: () => null,
  verify: (_kind, _unsigned, auth) => (auth === null ? "authentic" : "forged"),
};

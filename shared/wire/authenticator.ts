/** The seam for packet authentication: what is signed, and by whom. */
import type { Auth, TopicKind } from "./messages.ts";

/**
 * Signs and checks the messages of one agent's link. `unsigned` is the message's text up to and without its last
 * member, `auth`: everything else is covered. The topic's agent and the direction are the authenticator's own part.
 */
export interface Authenticator {
  sign(kind: TopicKind, unsigned: Uint8Array): Auth;
  /** False for anything but what the peer signed; takes the same time either way. */
  verify(kind: TopicKind, unsigned: Uint8Array, auth: Auth): boolean;
}

/** Dev mode: nothing is signed, and a signature is no more than a sign of a wrong configuration. */
export const devAuthenticator: Authenticator = {
  sign: () => null,
  verify: (_kind, _unsigned, auth) => auth === null,
};

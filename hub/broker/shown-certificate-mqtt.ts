/** Reads what a client of the TLS listener has shown; that it has the key, the handshake has proven. */
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { ed25519Of, subjectOf } from "../../shared/identity/certificates.ts";
import { publicText } from "../../shared/identity/ed25519.ts";
import type { ShownCertificate } from "./authorize.ts";

/** `null` when it has shown none. */
export function shownCertificate(socket: Socket): ShownCertificate | null {
  const certificate = socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined;
  if (certificate === undefined) return null;
  const key = ed25519Of(certificate);
  return { name: subjectOf(certificate), key: key && publicText(key) };
}

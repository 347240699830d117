/** Reads what a client of the TLS listener has shown; that it has the key, the handshake has proven. */
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { subjectOf } from "../../shared/identity/certificates.ts";
import { publicText } from "../../shared/identity/ed25519.ts";
import type { ShownCertificate } from "./authorize.ts";

/** `null` when it has shown none. */
export function shownCertificate(socket: Socket): ShownCertificate | null {
  const certificate = socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined;
  if (certificate === undefined) return null;
  const { publicKey } = certificate;
  const key = publicKey.asymmetricKeyType === "ed25519" ? publicText(publicKey) : null;
  return { name: subjectOf(certificate), key };
}

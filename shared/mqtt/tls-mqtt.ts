/** TLS to a broker of the fleet: who it is follows from the root key, and nothing is said before that is seen. */
import { type KeyObject, X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { connect, type DetailedPeerCertificate, type TLSSocket } from "node:tls";
import { addressPatience } from "../address-patience.ts";
import { formatListen } from "../config/listen.ts";
import { PetrelError } from "../errors.ts";
import { isFleetServer } from "../identity/certificates.ts";

export interface TlsClient {
  /** PEM; `null`: it shows no certificate, as long as it has none. */
  readonly own: { readonly key: string; readonly cert: string } | null;
  /** The pinned root; `null`: whoever answers is spoken to, and what is said must not need secrecy. */
  readonly root: KeyObject | null;
}

/** A chain longer than this is nobody's of ours. */
const longestChain = 8;

/**
 * The stream of one connection. Dates and names are not judged: a host whose clock is wrong must reach its hub, and the
 * root key says more than a name. What is written waits until the peer is known; a wrong one ends it with HUB_UNTRUSTED.
 */
export function tlsStream(
  { host, port }: { readonly host: string; readonly port: number },
  client: TlsClient,
): TLSSocket {
  const { own, root } = client;
  const socket = connect({
    host,
    port,
    minVersion: "TLSv1.3",
    rejectUnauthorized: false,
    ...addressPatience,
    ...(isIP(host) === 0 && { servername: host }),
    ...(own !== null && { key: own.key, cert: own.cert }),
  });
  socket.setNoDelay(true);
  socket.cork();
  socket.once("secureConnect", () => {
    if (root === null || isFleetServer(chainOf(socket), root)) return socket.uncork();
    socket.destroy(
      new PetrelError("HUB_UNTRUSTED", "the server does not prove that it speaks for this fleet", {
        where: `mqtts://${formatListen({ host, port })}`,
        hint: "see that the address is the hub's; a hub with another root key is another fleet",
      }),
    );
  });
  return socket;
}

function chainOf(socket: TLSSocket): readonly X509Certificate[] {
  const chain: X509Certificate[] = [];
  // Empty when the peer has shown none; the last one names itself.
  let next: Partial<DetailedPeerCertificate> | undefined = socket.getPeerCertificate(true);
  while (next?.raw !== undefined && chain.length < longestChain) {
    chain.push(new X509Certificate(next.raw));
    const issuer: Partial<DetailedPeerCertificate> | undefined = next.issuerCertificate;
    next = issuer === next ? undefined : issuer;
  }
  return chain;
}

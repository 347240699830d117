/** The certificate of the fleet's own CA, for an HTTP API that was given no other. */
import type { CertificateSource } from "../http/certificate.ts";
import type { HubIdentity } from "./hub-identity.ts";

export function fleetCertificate(identity: Pick<HubIdentity, "tls" | "onKeysChanged">): CertificateSource {
  return {
    current: () => identity.tls(),
    subscribe: (listener) => identity.onKeysChanged(({ tls }) => tls && listener(identity.tls())),
  };
}

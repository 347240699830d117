/** Whose certificates the command line believes, and what it says of others. */
import { X509Certificate } from "node:crypto";
import { PetrelError } from "../../shared/errors.ts";
import type { ApiTrust, HubAddress } from "./hub-address-fs.ts";

/** What `node:tls` takes. */
export interface TrustOptions {
  /** Said always: left out, NODE_TLS_REJECT_UNAUTHORIZED would decide, and the key go to anybody. */
  readonly rejectUnauthorized: true;
  readonly ca?: string;
  readonly allowPartialTrustChain?: boolean;
  readonly checkServerIdentity?: (
    host: string,
    shown: { readonly fingerprint256: string },
  ) => Error | undefined;
}

export function trustOptions(trust: ApiTrust | undefined): TrustOptions {
  const rejectUnauthorized = true;
  if (trust === undefined) return { rejectUnauthorized };
  if ("ca" in trust) return { rejectUnauthorized, ca: trust.ca };
  const known = new X509Certificate(trust.pinned).fingerprint256;
  return {
    rejectUnauthorized,
    ca: trust.pinned,
    // It need not be an authority's own.
    allowPartialTrustChain: true,
    checkServerIdentity: (_host, { fingerprint256 }) =>
      fingerprint256 === known
        ? undefined
        : Object.assign(new Error("another certificate"), { code: "PINNED" }),
  };
}

const unknownAuthority = "it comes from an authority that is not known here";
/** Codes of `node:tls` (X509 Certificate Error Codes). */
const reasons: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: unknownAuthority,
  SELF_SIGNED_CERT_IN_CHAIN: unknownAuthority,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: unknownAuthority,
  CERT_UNTRUSTED: unknownAuthority,
  CERT_REVOKED: "it has been revoked",
  CERT_HAS_EXPIRED: "it has expired",
  CERT_NOT_YET_VALID: "it is not valid yet",
  ERR_TLS_CERT_ALTNAME_INVALID: "it is for another name",
  PINNED: "it is not the one that the hub has written into api.json",
};

/** Why a connection failed, when that lies in TLS; `null` otherwise. */
export function certificateError(error: unknown, hub: HubAddress): PetrelError | null {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const reason = reasons[code];
  if (reason !== undefined) {
    const path = hub.trust !== undefined && "ca" in hub.trust ? ` ${hub.trust.path}` : "";
    const hints: Readonly<Record<string, string>> = {
      [unknownAuthority]: `give the file of its authority with --api-ca or PETREL_API_CA${path && `; it is not in${path}`}`,
      "it is for another name": "ask under a name that is in the certificate, or have it made for this one",
    };
    return new PetrelError("API_CERTIFICATE", `the certificate at ${hub.url} is not trusted: ${reason}`, {
      where: hub.url,
      hint: hints[reason] ?? "have it renewed, and check the clocks of both machines",
      cause: error,
    });
  }
  if (code === "EPROTO" || code.startsWith("ERR_SSL_")) {
    return new PetrelError("HUB_UNREACHABLE", `what answers at ${hub.url} does not speak TLS as it should`, {
      where: hub.url,
      hint: "check the port, and whether the hub has http.tls.cert; without it write http://",
      cause: error,
    });
  }
  if (code.startsWith("HPE_")) {
    return new PetrelError("HUB_UNREACHABLE", `what answers at ${hub.url} does not speak HTTP`, {
      where: hub.url,
      hint: "a hub with a certificate is asked with https://",
      cause: error,
    });
  }
  return null;
}

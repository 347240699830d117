/** The certificate that the API shows: where it comes from, and whether it is any good. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { PetrelError } from "../../shared/errors.ts";

/** PEM texts; `cert` may be a whole chain, the hub's own first. */
export interface CertificatePair {
  readonly cert: string;
  readonly key: string;
}

/** Whoever provides it: files that the operator names, or the fleet's own CA. */
export interface CertificateSource {
  current(): CertificatePair;
  /** Told of a new one, which is checked; ends what it returns. */
  subscribe(listener: (pair: CertificatePair) => void): () => void;
}

export interface CertificateFacts {
  readonly subject: string;
  /** Milliseconds since the epoch. */
  readonly validFrom: number;
  readonly validTo: number;
}

export function certificateFacts({ cert }: Pick<CertificatePair, "cert">): CertificateFacts {
  const read = new X509Certificate(cert);
  return {
    subject: read.subject.replaceAll("\n", ", "),
    validFrom: read.validFromDate.getTime(),
    validTo: read.validToDate.getTime(),
  };
}

/** Throws CONFIG_INVALID unless both are PEM and belong together. */
export function requirePair(
  pair: CertificatePair,
  where: { readonly cert: string; readonly key: string },
): void {
  const read = <T>(place: string, what: string, parse: () => T): T => {
    try {
      return parse();
    } catch (cause) {
      throw new PetrelError("CONFIG_INVALID", `this is no ${what} in PEM format`, {
        where: place,
        hint: "give PEM files: http.tls.cert a certificate (its chain behind it), http.tls.key its key without a password",
        cause,
      });
    }
  };
  const cert = read(where.cert, "certificate", () => new X509Certificate(pair.cert));
  const key = read(where.key, "private key", () => createPrivateKey(pair.key));
  if (cert.checkPrivateKey(key)) return;
  throw new PetrelError("CONFIG_INVALID", "the key is not that of the certificate", {
    where: where.key,
    hint: `give the key that was made with ${where.cert}`,
  });
}

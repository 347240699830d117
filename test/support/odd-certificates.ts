/** Certificates as nobody sane makes them. */
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import { bits, explicit, integer, oid, sequence, setOf, time, utf8 } from "../../shared/identity/der.ts";

const ed25519 = sequence(oid("1.3.101.112"));
const named = (name: string) => sequence(setOf(sequence(oid("2.5.4.3"), utf8(name))));

export interface OddCertificate {
  readonly pem: string;
  readonly key: KeyObject;
}

/** `no subject`: an empty name. `odd key`: of an algorithm that nobody knows. */
export function oddCertificate(what: "no subject" | "odd key"): OddCertificate {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const spki =
    what === "odd key"
      ? sequence(sequence(oid("1.2.3.4.5")), bits(randomBytes(32)))
      : publicKey.export({ format: "der", type: "spki" });
  const now = Date.now();
  const body = sequence(
    explicit(0, integer(Buffer.from([2]))),
    integer(Buffer.from([1, ...randomBytes(8)])),
    ed25519,
    named("issuer"),
    sequence(time(now - 86_400_000), time(now + 86_400_000)),
    what === "no subject" ? sequence() : named("web-1"),
    spki,
  );
  const bytes = sequence(body, ed25519, bits(sign(null, body, privateKey)));
  const lines = bytes.toString("base64").match(/.{1,64}/g) ?? [];
  return {
    pem: `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`,
    key: privateKey,
  };
}

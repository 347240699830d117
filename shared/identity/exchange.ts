/** Halves of X25519 key exchanges (RFC 7748), made for one connection each and kept in memory only. */
import { createPublicKey, diffieHellman, generateKeyPairSync } from "node:crypto";

/** One half of an exchange. */
export interface Exchange {
  /** The 32 bytes of the public key in hex: the session's id. */
  readonly id: string;
  /** The 32 bytes that both sides have; throws for what is no public key. */
  secretWith(id: string): Uint8Array;
}

export function newExchange(): Exchange {
  const { publicKey, privateKey } = generateKeyPairSync("x25519");
  const { x = "" } = publicKey.export({ format: "jwk" });
  return {
    id: Buffer.from(x, "base64url").toString("hex"),
    secretWith(id) {
      const key = { kty: "OKP", crv: "X25519", x: Buffer.from(id, "hex").toString("base64url") };
      return diffieHellman({ privateKey, publicKey: createPublicKey({ format: "jwk", key }) });
    },
  };
}

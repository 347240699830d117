import { createPublicKey, generateKeyPairSync, randomBytes, X509Certificate } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  backdatedMs,
  type CertificateFacts,
  certificatePem,
  ed25519Of,
  isFleetServer,
  isRequestOf,
  lifeOf,
  requestPem,
  subjectOf,
} from "../../../../shared/identity/certificates.ts";
import { oddCertificate } from "../../../support/odd-certificates.ts";
import { noon } from "../../../support/records.ts";

const pair = () => generateKeyPairSync("ed25519");
const [root, ca, server, agent, stranger] = [pair(), pair(), pair(), pair(), pair()];
const made = (facts: Partial<CertificateFacts>) =>
  new X509Certificate(
    certificatePem({
      role: "client",
      subject: "web-1",
      issuer: "ca",
      key: agent.publicKey,
      issuerKey: ca.privateKey,
      serial: randomBytes(16),
      notBefore: noon - backdatedMs,
      notAfter: noon + 60_000,
      ...facts,
    }),
  );
const caOf = (issuerKey = root.privateKey) =>
  made({ role: "ca", subject: "ca", issuer: "root", key: ca.publicKey, issuerKey });
const serverOf = (facts: Partial<CertificateFacts> = {}) =>
  made({
    role: "server",
    subject: "hub",
    key: server.publicKey,
    hosts: ["hub.example", "10.0.0.7", "fe80::1"],
    ...facts,
  });

describe("certificates", () => {
  test("of strangers are read without a throw, however odd they are", () => {
    const [nameless, keyless] = (["no subject", "odd key"] as const).map(
      (what) => new X509Certificate(oddCertificate(what).pem),
    );
    if (nameless === undefined || keyless === undefined) throw new Error("unreachable");
    expect(subjectOf(nameless)).toBe(null);
    expect(ed25519Of(nameless)).not.toBe(null);
    expect(subjectOf(keyless)).toBe("web-1");
    expect(ed25519Of(keyless)).toBe(null);
    for (const leaf of [nameless, keyless]) expect(isFleetServer([leaf, leaf], root.publicKey)).toBe(false);
  });

  test("say what they were made with, as OpenSSL reads it", () => {
    const one = serverOf();
    expect(one.subjectAltName).toBe("DNS:hub.example, IP Address:10.0.0.7, IP Address:FE80:0:0:0:0:0:0:1");
    expect(subjectOf(one)).toBe("hub");
    expect(one.checkIssued(caOf())).toBe(true);
    expect(lifeOf(one)).toEqual({ issuedAt: noon, notAfter: noon + 60_000 });
    expect(made({ notAfter: Date.UTC(2066, 0, 1) }).validTo).toContain("2066");
  });

  test.each([
    ["a server's, from a CA of the root", [serverOf(), caOf()], true],
    ["with the root's at the end", [serverOf(), caOf(), made({ role: "root", key: root.publicKey })], true],
    ["long over", [serverOf({ notBefore: 0, notAfter: 1_000 }), caOf()], true],
    ["an agent's", [made({}), caOf()], false],
    ["a CA's own", [caOf(), caOf()], false],
    ["without its issuer's", [serverOf()], false],
    ["from a CA of another root", [serverOf(), caOf(stranger.privateKey)], false],
    ["signed by somebody else", [serverOf({ issuerKey: stranger.privateKey }), caOf()], false],
    ["from an agent that plays CA", [serverOf({ issuerKey: agent.privateKey }), made({}), caOf()], false],
    ["none at all", [], false],
  ] as const)("of a server: %s", (_what, chain, isTaken) => {
    expect(isFleetServer(chain, createPublicKey(root.privateKey))).toBe(isTaken);
  });
});

describe("a request for a certificate", () => {
  const request = requestPem("web-1", agent.privateKey);
  test("is of its key and name alone", () => {
    expect(isRequestOf(request, "web-1", agent.publicKey)).toBe(true);
    expect(isRequestOf(request, "web-2", agent.publicKey)).toBe(false);
    expect(isRequestOf(request, "web-1", stranger.publicKey)).toBe(false);
    expect(isRequestOf("", "web-1", agent.publicKey)).toBe(false);
  });

  test("is refused after any change of its bytes, and never throws", () => {
    const [head = "", ...rest] = request.trimEnd().split("\n");
    const bytes = Buffer.from(rest.slice(0, -1).join(""), "base64");
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
        const changed = Buffer.from(bytes);
        changed[at] = (changed[at] ?? 0) ^ mask;
        const text = `${head}\n${changed.toString("base64")}\n${rest.at(-1)}\n`;
        expect(isRequestOf(text, "web-1", agent.publicKey)).toBe(false);
      }),
      { numRuns: 200 },
    );
  });
});

import { generateKeyPairSync } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { certificatePem, requestPem } from "../../../../shared/identity/certificates.ts";
import { fingerprint, publicText } from "../../../../shared/identity/ed25519.ts";
import {
  type EnrolAnswer,
  type EnrolAsk,
  formatToken,
  type HubProof,
  maxEnrolBytes,
  type Prover,
  parseToken,
  provenAnswer,
  readAnswer,
  readAsk,
  sealEnrol,
  tokenKey,
} from "../../../../shared/identity/enrolment.ts";
import { signStatement } from "../../../../shared/identity/hub-statement.ts";
import { oddCertificate } from "../../../support/odd-certificates.ts";
import { noon } from "../../../support/records.ts";

const pair = () => generateKeyPairSync("ed25519");
const [root, hub, agent, stranger] = [pair(), pair(), pair(), pair()];
const nonce = "ab".repeat(16);
const fingerprintOf = ({ publicKey }: ReturnType<typeof pair>) => fingerprint(publicText(publicKey));
const token = {
  id: "abcdefghijkl",
  secret: "s".repeat(43),
  root: fingerprintOf(root).slice("sha256:".length, "sha256:".length + 32),
};
const rootPemOf = ({ publicKey, privateKey }: ReturnType<typeof pair>) =>
  certificatePem({
    role: "root",
    subject: "root",
    issuer: "root",
    key: publicKey,
    issuerKey: privateKey,
    serial: Buffer.from([1]),
    notBefore: noon,
    notAfter: noon + 1_000,
  });
const statementOf = (by: ReturnType<typeof pair>, key = hub) =>
  signStatement(
    { v: 1, serial: 1, at: "2026-01-01T00:00:00.000Z", keys: [publicText(key.publicKey)] },
    by.privateKey,
  );
const ask: EnrolAsk = {
  v: 1,
  agent: "web-1",
  key: publicText(agent.publicKey),
  csr: requestPem("web-1", agent.privateKey),
  token: token.id,
  renew: false,
  host: "web-1.example",
  version: "1.0.0",
};
const pending: EnrolAnswer = { v: 1, state: "pending", root: rootPemOf(root), statement: statementOf(root) };
const byToken: Prover = { by: "token", key: tokenKey(token) };
const byHub: Prover = { by: "key", key: hub.privateKey };

describe("a token", () => {
  test("is read as it is written, with room around it", () => {
    expect(parseToken(` ${formatToken(token)}\n`)).toEqual(token);
    for (const text of [
      "",
      "petrel-token-2.a.b.c",
      `petrel-token-1.${token.id}.${token.secret}`,
      `petrel-token-2.${token.id}.${token.secret}`,
      formatToken({ ...token, root: token.root.slice(1) }),
      formatToken(token).slice(0, -1),
      `${formatToken(token)}x`,
    ]) {
      expect(parseToken(text)).toBe(null);
    }
  });
});

describe("an ask", () => {
  test("is proven by the token's key, to this nonce", () => {
    const bytes = sealEnrol("ask", nonce, ask, byToken);
    const message = readAsk(nonce, bytes);
    expect(message?.content).toEqual(ask);
    expect(message?.isProvenByToken(tokenKey(token))).toBe(true);
    expect(message?.isProvenByToken(tokenKey({ ...token, id: "bbbbbbbbbbbb" }))).toBe(false);
    expect(readAsk("cd".repeat(16), bytes)?.isProvenByToken(tokenKey(token))).toBe(false);
    expect(Buffer.from(bytes).toString()).not.toContain(token.secret);
  });

  test("is never read as an answer, and a proof by a key is none by a token", () => {
    expect(readAnswer(nonce, sealEnrol("ask", nonce, ask, byToken))).toBe(null);
    const message = readAsk(nonce, sealEnrol("ask", nonce, ask, { by: "key", key: agent.privateKey }));
    expect(message?.isProvenByKey(agent.publicKey)).toBe(true);
    expect(message?.isProvenByKey(stranger.publicKey)).toBe(false);
    expect(message?.isProvenByToken(tokenKey(token))).toBe(false);
  });

  test("of any bytes is read without a throw", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.string(), fc.string(), (bytes, text, proof) => {
        expect(readAsk(nonce, bytes)).toBe(null);
        expect(readAsk(nonce, Buffer.from(JSON.stringify({ text, proof })))).toBe(null);
        expect(readAnswer(nonce, Buffer.from(JSON.stringify({ text: JSON.stringify(text), proof })))).toBe(
          null,
        );
      }),
    );
    expect(readAsk(nonce, Buffer.alloc(maxEnrolBytes + 1, " "))).toBe(null);
  });
});

describe("an answer", () => {
  const other: EnrolAnswer = { ...pending, root: rootPemOf(stranger), statement: statementOf(stranger) };
  const ownRoot = { by: "root", root: root.publicKey } as const;
  const knowsToken = { by: "token", key: tokenKey(token), fingerprint: `sha256:${token.root}` } as const;
  const shown = { by: "fingerprint", fingerprint: fingerprintOf(root) } as const;
  test.each<[string, EnrolAnswer, Prover, HubProof, boolean]>([
    ["by the token", pending, byToken, knowsToken, true],
    [
      "by the token, to who knows the whole fingerprint",
      pending,
      byToken,
      { ...knowsToken, fingerprint: fingerprintOf(root) },
      true,
    ],
    ["by the token, which others have as well, under a root of their own", other, byToken, knowsToken, false],
    ["by another token", pending, { by: "token", key: new Uint8Array(32) }, knowsToken, false],
    ["by a hub's key, to who has a token", pending, byHub, knowsToken, false],
    ["by a hub's key under the root whose fingerprint is known", pending, byHub, shown, true],
    ["by a hub's key under the pinned root", pending, byHub, ownRoot, true],
    ["under another root", other, byHub, shown, false],
    ["under another root, to who has pinned one", other, byHub, ownRoot, false],
    [
      "under a certificate whose key nobody can read",
      { ...pending, root: oddCertificate("odd key").pem },
      byHub,
      ownRoot,
      false,
    ],
    [
      "with a statement that another root signed",
      { ...pending, statement: statementOf(stranger) },
      byHub,
      ownRoot,
      false,
    ],
    [
      "by a key that the statement does not name",
      pending,
      { by: "key", key: stranger.privateKey },
      ownRoot,
      false,
    ],
  ])("%s", (_what, answer, prover, proof, isProven) => {
    const message = readAnswer(nonce, sealEnrol("answer", nonce, answer, prover));
    if (message === null) throw new Error("the answer was not read");
    expect(provenAnswer(message, proof) !== null).toBe(isProven);
  });
});

test("a root certificate whose key nobody can read is that of somebody else", () => {
  const whole = rootPemOf(root).replace(/-----[^-]+-----|\n/g, "");
  const bytes = Buffer.from(whole, "base64");
  // The key's algorithm, which stands in the certificate with its key behind it, is another.
  const algorithm = Buffer.from("300506032b6570032100", "hex");
  const at = bytes.indexOf(algorithm);
  expect(at).toBeGreaterThan(0);
  bytes[at + 4] = 0x00;
  const broken = `-----BEGIN CERTIFICATE-----\n${bytes.toString("base64")}\n-----END CERTIFICATE-----\n`;
  const answer: EnrolAnswer = { v: 1, state: "pending", root: broken, statement: statementOf(root) };
  const prover: Prover = { by: "token", key: tokenKey(token) };
  const message = readAnswer(nonce, sealEnrol("answer", nonce, answer, prover));
  if (message === null) throw new Error("the answer was not read");
  expect(
    provenAnswer(message, {
      by: "token",
      key: tokenKey(token),
      fingerprint: fingerprint(publicText(root.publicKey)),
    }),
  ).toBeNull();
});

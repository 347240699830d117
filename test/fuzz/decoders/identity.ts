/** Enrolment, certificates, keys and statements, which anybody may send. */
import { Buffer } from "node:buffer";
import { createHmac, randomBytes } from "node:crypto";
import { keyId } from "../../../hub/access/key-form.ts";
import {
  certificatePem,
  certificatesIn,
  isFleetServer,
  isRequestOf,
  lifeOf,
  requestPem,
  signedBy,
  subjectOf,
} from "../../../shared/identity/certificates.ts";
import { fingerprint, isSigned, publicKey, publicText } from "../../../shared/identity/ed25519.ts";
import {
  type EnrolAnswer,
  type EnrolAsk,
  parseToken,
  provenAnswer,
  readAnswer,
  readAsk,
  tokenKey,
} from "../../../shared/identity/enrolment.ts";
import { newExchange } from "../../../shared/identity/exchange.ts";
import { checkStatement } from "../../../shared/identity/hub-statement.ts";
import { parseEnrolAsk, parseEnrolClientId, parseTopic } from "../../../shared/wire/topics.ts";
import { keyPair, statementOf } from "../../support/link-identities.ts";
import type { Decoder } from "../campaign.ts";

const nonce = "0".repeat(32);
const now = Date.parse("2026-01-01T00:00:00Z");
const token = { id: "abcdefghijkl", secret: Buffer.alloc(32, 7).toString("base64url") };

function fleet() {
  const root = keyPair();
  const hub = keyPair();
  const own = keyPair();
  const certificateOf = (role: "root" | "client", subject: string, key: typeof root) =>
    certificatePem({
      role,
      subject,
      issuer: "root",
      key: key.publicKey,
      issuerKey: root.privateKey,
      serial: randomBytes(16),
      notBefore: now,
      notAfter: now + 1e10,
    });
  const statement = statementOf(root.privateKey, 1, [hub.privateKey]);
  const rootPem = certificateOf("root", "root", root);
  const ask: EnrolAsk = {
    v: 1,
    agent: "web-1",
    key: publicText(own.publicKey),
    csr: requestPem("web-1", own.privateKey),
    token: token.id,
    renew: false,
    host: "web-1.example",
    version: "1",
  };
  const answers: readonly EnrolAnswer[] = [
    {
      v: 1,
      state: "enrolled",
      agent: "web-1",
      certificate: certificateOf("client", "web-1", own) + rootPem,
      root: rootPem,
      statement,
    },
    { v: 1, state: "pending", root: rootPem, statement },
    { v: 1, state: "refused", code: "ENROL_TOKEN", message: "no", root: rootPem, statement },
  ];
  return { root, own, statement, rootPem, ask, answers };
}

/** An ask or an answer with a proof that holds, whatever the text. */
function proven(way: "ask" | "answer", text: string): Uint8Array {
  const signed = `petrel enrol 1\0${way}\0${nonce}\0${text}`;
  const mac = createHmac("sha256", tokenKey(token)).update(signed).digest("base64url");
  return Buffer.from(JSON.stringify({ text, proof: `t.${mac}` }));
}

export async function openEnrolment(): Promise<Decoder> {
  const { root, ask, answers } = fleet();
  const key = tokenKey(token);
  const proofs = [
    { by: "token", key, fingerprint: fingerprint(publicText(root.publicKey)) },
    { by: "root", root: root.publicKey },
    { by: "fingerprint", fingerprint: fingerprint(publicText(root.publicKey)) },
  ] as const;
  return {
    name: "enrolment",
    seeds: [ask, { ...ask, token: null }, ...answers].map((content) => Buffer.from(JSON.stringify(content))),
    words: ["petrel-token-1.", "-----BEGIN CERTIFICATE-----", '"state":"pending"', '"renew":true'],
    maxBytes: 20 * 1024,
    take(input) {
      readAsk(nonce, input);
      readAnswer(nonce, input);
      const text = Buffer.from(input).toString("utf8");
      const asked = readAsk(nonce, proven("ask", text));
      if (asked !== null) {
        const { agent, key: named, csr } = asked.content;
        const known = publicKey(named);
        if (known !== null) {
          isRequestOf(csr, agent, known);
          asked.isProvenByKey(known);
        }
        if (!asked.isProvenByToken(key)) throw new Error("a true proof was not taken");
      }
      const answered = readAnswer(nonce, proven("answer", text));
      if (answered !== null) for (const proof of proofs) provenAnswer(answered, proof);
      return asked !== null || answered !== null ? "taken" : "refused";
    },
  };
}

export async function openCertificates(): Promise<Decoder> {
  const { root, own, rootPem, answers } = fleet();
  const chain = answers.flatMap((answer) => ("certificate" in answer ? [answer.certificate] : []));
  /** What is mutated is the DER; its text is made again, so that mutations reach what is inside. */
  const derOf = (pem: string) => Buffer.from(pem.replace(/-----[^-]+-----|\n/g, ""), "base64");
  const pemOf = (bytes: Uint8Array) =>
    `-----BEGIN CERTIFICATE-----\n${Buffer.from(bytes).toString("base64")}\n-----END CERTIFICATE-----\n`;
  return {
    name: "certificates",
    seeds: [derOf(rootPem), derOf(chain.join("").split("-----END")[0] ?? "")],
    maxBytes: 8 * 1024,
    take(input) {
      certificatesIn(Buffer.from(input).toString("latin1"));
      isRequestOf(Buffer.from(input).toString("latin1"), "web-1", own.publicKey);
      const found = certificatesIn(`${pemOf(input)}${rootPem}`);
      if (found === null) return "refused";
      isFleetServer(found, root.publicKey);
      for (const certificate of found) {
        subjectOf(certificate);
        lifeOf(certificate);
        signedBy(certificate, root.publicKey);
      }
      const statement = statementOf(root.privateKey, 1, [own.privateKey]);
      const content: EnrolAnswer = { v: 1, state: "pending", root: pemOf(input), statement };
      const message = readAnswer(nonce, proven("answer", JSON.stringify(content)));
      if (message !== null) provenAnswer(message, { by: "root", root: root.publicKey });
      return "taken";
    },
  };
}

export async function openTokens(): Promise<Decoder> {
  const { root, own, statement } = fleet();
  const seeds = [
    `petrel-token-1.${token.id}.${token.secret}`,
    publicText(own.publicKey),
    JSON.stringify(statement),
    "petrel_01HZZZZZZZZZZZZZZZZZZZZZZ1_0000000000000000000000000000000000000000000",
    "petrel/v1/agent/web-1/up",
    `petrel/v1/enroll/${nonce}/ask`,
    newExchange().id,
  ];
  const exchange = newExchange();
  return {
    name: "tokens",
    seeds: seeds.map((text) => Buffer.from(text)),
    words: ["petrel-token-1.", ".", "/", "enroll-", "AAAA"],
    maxBytes: 4 * 1024,
    take(input) {
      const text = Buffer.from(input).toString("utf8");
      const parsed = parseToken(text);
      if (parsed !== null) tokenKey(parsed);
      const key = publicKey(text);
      if (key !== null) isSigned(key, text, input);
      isSigned(root.publicKey, text, input);
      keyId(text);
      const isTopic = parseTopic("petrel", text) !== null;
      parseEnrolAsk("petrel", text);
      parseEnrolClientId(text);
      // It throws for what is no key, and says so; whatever it is, its caller takes it for none.
      try {
        exchange.secretWith(text);
      } catch {
        // Not said by a peer.
      }
      let value: unknown = null;
      try {
        value = JSON.parse(text);
      } catch {
        // Then it is no statement.
      }
      checkStatement(value, root.publicKey);
      return parsed !== null || key !== null || isTopic ? "taken" : "refused";
    },
  };
}

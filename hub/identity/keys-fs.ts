/** The folder `keys` in the hub's data folder: what the fleet trusts. Each file is written whole, in an order in which each rests on those before. */
import { createPrivateKey, generateKeyPairSync, type KeyObject, type X509Certificate } from "node:crypto";
import { rename, rm } from "node:fs/promises";
import { isIP } from "node:net";
import { join } from "node:path";
import type { RandomBytes } from "../../shared/clock.ts";
import { timestamp } from "../../shared/clock.ts";
import { plainAddress } from "../../shared/config/listen.ts";
import { PetrelError } from "../../shared/errors.ts";
import { makeDataFolder } from "../../shared/folder-fs.ts";
import {
  backdatedMs,
  type CertificateFacts,
  certificatePem,
  certificatesIn,
  signedBy,
} from "../../shared/identity/certificates.ts";
import { publicText } from "../../shared/identity/ed25519.ts";
import {
  checkStatement,
  type HubStatement,
  mostHubKeys,
  signStatement,
} from "../../shared/identity/hub-statement.ts";
import { isObject } from "../../shared/json.ts";
import { textIfThere, writeWhole } from "../../shared/whole-file-fs.ts";

export interface KeyFilesOptions {
  /** The hub's data folder. */
  readonly data: string;
  readonly random: RandomBytes;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Names and addresses that the server's certificate is to carry. */
  readonly hosts: readonly string[];
}

/** Everything as it is on disk. */
export interface KeyFiles {
  /** PEM. */
  readonly rootCertificate: string;
  readonly root: KeyObject;
  /** The CA in use first, then those before it, whose certificates agents may still have; PEM. */
  readonly caCertificates: readonly string[];
  readonly caKey: KeyObject;
  readonly hubKey: KeyObject;
  readonly statement: HubStatement;
  readonly tlsKey: string;
  /** Chain for the TLS server: its own, then the CA's. */
  readonly tlsCertificate: string;
}

const yearMs = 365 * 86_400_000;
/** Nobody of ours judges these dates; a broker between may. */
const lifeMs = { root: 40 * yearMs, ca: 20 * yearMs, server: 10 * yearMs } as const;
export const rootName = "Petrel fleet root";
export const caName = "Petrel fleet CA";
/** CAs before the present one that brokers are told of. */
const mostOldCas = 4;

const names = {
  rootKey: "root.key",
  rootCertificate: "root.crt",
  caKey: "ca.key",
  caCertificate: "ca.crt",
  hubKey: "hub.key",
  statement: "statement.json",
  tlsKey: "tls.key",
  tlsCertificate: "tls.crt",
} as const;

export const keysFolder = (data: string) => join(data, "keys");
export const rootKeyPath = (data: string) => join(keysFolder(data), names.rootKey);
export const rootCertificatePath = (data: string) => join(keysFolder(data), names.rootCertificate);

/**
 * Reads the files, and makes those that are not there yet. `root`: what is to be the fleet's root, since the database
 * knows it (base64url); `null` while it knows none. IDENTITY_FILES when they are another fleet's, damaged, or gone.
 */
export async function openKeyFiles(options: KeyFilesOptions, root: string | null): Promise<KeyFiles> {
  const folder = keysFolder(options.data);
  await makeDataFolder(folder, 0o700);
  const at = (name: keyof typeof names) => join(folder, names[name]);
  const make = maker(options);

  if (root !== null && (await textIfThere(at("rootCertificate"))) === null) {
    throw broken(at("rootCertificate"), "the certificate of the fleet's root is gone");
  }
  if ((await textIfThere(at("rootCertificate"))) === null) {
    const key = await keyAt(at("rootKey"));
    await writeWhole(at("rootCertificate"), make.root(key), 0o600);
  }
  const rootCertificate = await textAt(at("rootCertificate"));
  const rootKey = publicIn(rootCertificate, at("rootCertificate"));
  if (root !== null && publicText(rootKey) !== root) {
    throw broken(at("rootCertificate"), "these are the keys of another fleet than the database's");
  }

  if ((await textIfThere(at("caCertificate"))) === null) {
    const key = await keyAt(at("caKey"));
    await writeWhole(
      at("caCertificate"),
      make.ca(key, await rootPrivate(options.data, rootKey, null)),
      0o600,
    );
  }
  await finishCaRotation(folder, rootKey);
  const caCertificates = pemBlocks(await textAt(at("caCertificate")));
  const caKey = await keyAt(at("caKey"), false);
  const [ca = ""] = caCertificates;
  if (publicText(publicIn(ca, at("caCertificate"))) !== publicText(caKey))
    throw broken(at("caKey"), "it is not the key of ca.crt");

  if ((await textIfThere(at("statement"))) === null) {
    // Agents take no lower serial than they have seen: a first one would shut them all out.
    if (root !== null) throw broken(at("statement"), "the root key's word on the hub's keys is gone");
    const key = await keyAt(at("hubKey"));
    const first = make.statement(1, [publicText(key)], await rootPrivate(options.data, rootKey, null));
    await writeWhole(at("statement"), `${JSON.stringify(first, null, 2)}\n`, 0o600);
  }
  const statement = checkStatement(parsed(await textAt(at("statement"))), rootKey);
  if (statement === null) throw broken(at("statement"), "the root key did not sign it");
  const hubKey = await hubKeyOf(folder, statement);

  const tlsKey = await keyText(at("tlsKey"));
  const chain = await textIfThere(at("tlsCertificate"));
  const isFit = chain !== null && fits(chain, ca, tlsKey, options.hosts);
  const tlsCertificate = isFit ? chain : make.server(createPrivateKey(tlsKey), caKey, ca);
  if (!isFit) await writeWhole(at("tlsCertificate"), tlsCertificate, 0o600);
  return { rootCertificate, root: rootKey, caCertificates, caKey, hubKey, statement, tlsKey, tlsCertificate };
}

/**
 * A new hub key, first in a new statement; or, with `dropOld`, a statement of the key in use alone. `pem`: the root key,
 * when it is not in the folder. ROOT_KEY_MISSING, ROOT_KEY_WRONG; the new files hold after the next `openKeyFiles`.
 */
export async function rotateHubKey(
  options: KeyFilesOptions,
  files: KeyFiles,
  { pem, dropOld }: { readonly pem: string | null; readonly dropOld: boolean },
): Promise<void> {
  const folder = keysFolder(options.data);
  const root = await rootPrivate(options.data, files.root, pem);
  const { serial, keys } = files.statement;
  const next = join(folder, `${names.hubKey}.next`);
  if (!dropOld) await rm(next, { force: true });
  const kept = dropOld ? keys.slice(0, 1) : [publicText(await keyAt(next)), ...keys].slice(0, mostHubKeys);
  // By the clock if it can be: higher than any that agents have seen since a backup that this hub came back from.
  const later = Math.max(serial + 1, Math.floor(options.now() / 1_000));
  const statement = maker(options).statement(later, kept, root);
  await writeWhole(join(folder, names.statement), `${JSON.stringify(statement, null, 2)}\n`, 0o600);
}

/** A new CA; the one before is kept among those that brokers take. As `rotateHubKey`. */
export async function rotateCaKey(
  options: KeyFilesOptions,
  files: KeyFiles,
  pem: string | null,
): Promise<void> {
  const folder = keysFolder(options.data);
  const root = await rootPrivate(options.data, files.root, pem);
  const next = join(folder, `${names.caKey}.next`);
  await rm(next, { force: true });
  const key = await keyAt(next);
  const certificates = [maker(options).ca(key, root), ...files.caCertificates.slice(0, mostOldCas)];
  await writeWhole(join(folder, names.caCertificate), certificates.join(""), 0o600);
}

/** Of the statement in a folder of keys; 0 when there is none that can be read. */
export async function serialIn(folder: string): Promise<number> {
  const statement = parsed((await textIfThere(join(folder, names.statement))) ?? "null");
  return isObject(statement) && typeof statement.serial === "number" ? statement.serial : 0;
}

/** The root key's private half: from `pem`, else from the folder. ROOT_KEY_MISSING, ROOT_KEY_WRONG. */
export async function rootPrivate(data: string, root: KeyObject, pem: string | null): Promise<KeyObject> {
  const path = rootKeyPath(data);
  const text = pem ?? (await textIfThere(path));
  if (text === null) {
    throw new PetrelError("ROOT_KEY_MISSING", "this needs the fleet's root key, which was exported", {
      where: path,
      hint: "give the file that it was exported to with --root FILE",
    });
  }
  const key = keyOf(text);
  if (key !== null && publicText(key) === publicText(root)) return key;
  throw new PetrelError("ROOT_KEY_WRONG", "this is not the private root key of this fleet", {
    ...(pem === null && { where: path }),
    hint: "`petrel hub root show` prints the fingerprint of the one that is meant",
  });
}

/** The private key of a PEM text; `null` for what is none. */
export function keyOf(text: string): KeyObject | null {
  try {
    const key = createPrivateKey(text);
    return key.asymmetricKeyType === "ed25519" ? key : null;
  } catch {
    return null;
  }
}

/** A rotation may have been cut off after the statement was there: the key it names first is then in `hub.key.next`. */
async function hubKeyOf(folder: string, statement: HubStatement): Promise<KeyObject> {
  const path = join(folder, names.hubKey);
  const next = await textIfThere(`${path}.next`);
  const nextKey = next === null ? null : keyOf(next);
  if (nextKey !== null && publicText(nextKey) === statement.keys[0]) await rename(`${path}.next`, path);
  const key = await keyAt(path, false);
  if (publicText(key) !== statement.keys[0]) throw broken(path, "it is not the first key of statement.json");
  return key;
}

async function finishCaRotation(folder: string, root: KeyObject): Promise<void> {
  const path = join(folder, names.caKey);
  const certificate = join(folder, names.caCertificate);
  const [current = ""] = pemBlocks(await textAt(certificate));
  const [parsedOne] = certificatesIn(current) ?? [];
  if (parsedOne === undefined || !signedBy(parsedOne, root))
    throw broken(certificate, "the root key did not sign it");
  const next = await textIfThere(`${path}.next`);
  const nextKey = next === null ? null : keyOf(next);
  if (nextKey === null || publicText(nextKey) !== publicText(parsedOne.publicKey)) return;
  await rename(`${path}.next`, path);
}

/**
 * Whether the server's certificate is of its key and of the CA in use, and has these names and addresses: agents do not
 * look at them, who asks the HTTP API from elsewhere does. It has no other names; an address may be away for a while.
 */
function fits(chain: string, ca: string, tlsKey: string, hosts: readonly string[]): boolean {
  const [leaf] = certificatesIn(chain) ?? [];
  const [issuer] = certificatesIn(ca) ?? [];
  const key = keyOf(tlsKey);
  if (leaf === undefined || issuer === undefined || key === null) return false;
  const isNamed = (host: string) =>
    (isIP(host) === 0 ? leaf.checkHost(host, { subject: "never" }) : leaf.checkIP(plainAddress(host))) !==
    undefined;
  const wanted = new Set(hosts.map((host) => host.toLowerCase()));
  return (
    signedBy(leaf, issuer.publicKey) &&
    publicText(leaf.publicKey) === publicText(key) &&
    hosts.every(isNamed) &&
    namesIn(leaf).every((name) => wanted.has(name.toLowerCase()))
  );
}

/** Without the addresses. */
const namesIn = ({ subjectAltName = "" }: X509Certificate): readonly string[] =>
  subjectAltName.split(", ").flatMap((each) => (each.startsWith("DNS:") ? [each.slice(4)] : []));

function maker({ random, now, hosts }: KeyFilesOptions) {
  const certificate = (facts: Omit<CertificateFacts, "serial" | "notBefore" | "notAfter">, life: number) =>
    certificatePem({ ...facts, serial: random(16), notBefore: now() - backdatedMs, notAfter: now() + life });
  return {
    root: (key: KeyObject) =>
      certificate({ role: "root", subject: rootName, issuer: rootName, key, issuerKey: key }, lifeMs.root),
    ca: (key: KeyObject, root: KeyObject) =>
      certificate({ role: "ca", subject: caName, issuer: rootName, key, issuerKey: root }, lifeMs.ca),
    server: (key: KeyObject, caKey: KeyObject, ca: string) =>
      certificate(
        { role: "server", subject: "petrel hub", issuer: caName, key, issuerKey: caKey, hosts },
        lifeMs.server,
      ) + ca,
    statement: (serial: number, keys: readonly string[], root: KeyObject) =>
      signStatement({ v: 1, serial, at: timestamp(now()), keys }, root),
  };
}

/** The key in a file; made when there is none, unless it has to be there. */
async function keyAt(path: string, mayMake = true): Promise<KeyObject> {
  const text = mayMake ? await keyText(path) : await textAt(path);
  const key = keyOf(text);
  if (key === null) throw broken(path, "it holds no Ed25519 key");
  return key;
}

async function keyText(path: string): Promise<string> {
  const known = await textIfThere(path);
  if (known !== null) return known;
  const text = generateKeyPairSync("ed25519").privateKey.export({ format: "pem", type: "pkcs8" }).toString();
  await writeWhole(path, text, 0o600);
  return text;
}

async function textAt(path: string): Promise<string> {
  const text = await textIfThere(path);
  if (text === null) throw broken(path, "the file is gone");
  return text;
}

function publicIn(pem: string, path: string): KeyObject {
  const [certificate] = certificatesIn(pem) ?? [];
  if (certificate === undefined) throw broken(path, "it holds no certificate");
  return certificate.publicKey;
}

const pemBlocks = (text: string) =>
  text.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----\n?/g) ?? [];

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

const broken = (where: string, why: string) =>
  new PetrelError("IDENTITY_FILES", `the hub's keys cannot be used: ${why}`, {
    where,
    hint: "put the folder `keys` back that belongs to this hub; a new one would make every agent a stranger",
  });

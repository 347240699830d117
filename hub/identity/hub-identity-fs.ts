/** The hub's own identity: what it signs with, what it certifies with, what its listeners show. Follows rotations. */
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { timestamp } from "../../shared/clock.ts";
import { PetrelError } from "../../shared/errors.ts";
import { backdatedMs, certificatePem, certificatesIn, lifeOf } from "../../shared/identity/certificates.ts";
import { fingerprint, publicText } from "../../shared/identity/ed25519.ts";
import type { Logger } from "../../shared/log.ts";
import { rootSetting } from "../key-settings.ts";
import type { Store } from "../store/store.ts";
import type { HubIdentity, KeysChanged } from "./hub-identity.ts";
import {
  caName,
  type KeyFiles,
  type KeyFilesOptions,
  keysFolder,
  openKeyFiles,
  rotateCaKey,
  rotateHubKey,
} from "./keys-fs.ts";

export interface HubIdentityOptions extends KeyFilesOptions {
  readonly store: Pick<Store, "setting" | "putSetting">;
  /** Of an agent's certificate, in milliseconds. */
  readonly certificateMs: number;
  readonly log: Logger;
}

/** Of the certificates of the hub itself and of brokers: their agents do not judge it. */
const ownLifeMs = 10 * 365 * 86_400_000;
/** Highest serial of a statement that this hub has had. */
const serialSetting = "hub_keys_serial";

/** Makes the fleet's keys at the first start. IDENTITY_FILES when they do not belong to this database. */
export async function openHubIdentity(options: HubIdentityOptions): Promise<HubIdentity> {
  const { store, random, now, certificateMs, log } = options;
  const known = await store.setting(rootSetting);
  let files: KeyFiles = await openKeyFiles(options, typeof known === "string" ? known : null);
  const root = publicText(files.root);
  if (known === null) {
    await store.putSetting(rootSetting, root);
    log.info("the fleet has a root key", {
      fingerprint: fingerprint(root),
      keep: "petrel hub root export FILE",
    });
  }
  const keepSerial = async () => {
    const { serial } = files.statement;
    const highest = Number((await store.setting(serialSetting)) ?? 0);
    if (serial < highest) {
      throw new PetrelError(
        "IDENTITY_FILES",
        `the hub's keys are older than those it had: ${serial} < ${highest}`,
        {
          where: keysFolder(options.data),
          hint: "put the newest copy of the folder keys back: agents do not take older keys than they have seen",
        },
      );
    }
    if (serial > highest) await store.putSetting(serialSetting, serial);
  };
  await keepSerial();
  const listeners = new Set<(what: KeysChanged) => void>();
  let turn: Promise<unknown> = Promise.resolve();
  const rotate = (work: () => Promise<void>, what: KeysChanged): Promise<void> => {
    const done = turn.then(async () => {
      await work();
      files = await openKeyFiles(options, root);
      await keepSerial();
      for (const listener of listeners) listener(what);
    });
    turn = done.catch(() => {
      // Who asked for it is told; the next one does not depend on it.
    });
    return done;
  };
  const issue = (
    role: "client" | "server",
    subject: string,
    key: KeyObject,
    life: number,
    hosts?: readonly string[],
  ) => {
    const from = now();
    return certificatePem({
      role,
      subject,
      issuer: caName,
      key,
      issuerKey: files.caKey,
      serial: random(16),
      notBefore: from - backdatedMs,
      notAfter: from + life,
      ...(hosts !== undefined && { hosts }),
    });
  };
  const withKey = (role: "client" | "server", subject: string, hosts?: readonly string[]) => {
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    const key = privateKey.export({ format: "pem", type: "pkcs8" }).toString();
    return { key, cert: issue(role, subject, publicKey, ownLifeMs, hosts) + (files.caCertificates[0] ?? "") };
  };

  return {
    signer: () => ({ statement: files.statement, key: files.hubKey }),
    tls: () => ({ key: files.tlsKey, cert: files.tlsCertificate }),
    root: { certificate: files.rootCertificate, key: root, fingerprint: fingerprint(root) },
    cas: () => files.caCertificates,
    certify(agent, key) {
      const pem = issue("client", agent, key, certificateMs);
      const [made] = certificatesIn(pem) ?? [];
      if (made === undefined) throw new TypeError("a certificate that was just made cannot be read");
      const { issuedAt, notAfter } = lifeOf(made);
      return {
        serial: made.serialNumber,
        issued_at: timestamp(issuedAt),
        not_after: timestamp(notAfter),
        pem,
      };
    },
    client: (name) => withKey("client", `hub:${name}`),
    server: (hosts) => withKey("server", hosts[0] ?? "broker", hosts),
    async rotateKeys(pem, dropOld) {
      await rotate(() => rotateHubKey(options, files, { pem, dropOld }), { signer: true, tls: false });
      log.warn("the hub's keys were changed", {
        serial: files.statement.serial,
        keys: files.statement.keys.length,
      });
      return files.statement;
    },
    async rotateCa(pem) {
      await rotate(() => rotateCaKey(options, files, pem), { signer: false, tls: true });
      log.warn("the fleet has a new CA");
    },
    onKeysChanged(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** The folder `identity` in an agent's data folder: its key, its certificate, and the fleet it belongs to. */
import { createPrivateKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { PetrelError } from "../../shared/errors.ts";
import { makeDataFolder, syncFolder } from "../../shared/folder-fs.ts";
import { certificatesIn, ed25519Of, lifeOf, subjectOf } from "../../shared/identity/certificates.ts";
import { publicKey, publicKeyPattern, publicText } from "../../shared/identity/ed25519.ts";
import { checkStatement, type HubStatement } from "../../shared/identity/hub-statement.ts";
import type { Logger } from "../../shared/log.ts";
import { checksWith } from "../../shared/validation.ts";
import { textIfThere, writeWhole, writeWholeNow } from "../../shared/whole-file-fs.ts";
import type { AgentIdentity, Certificate } from "./identity.ts";

/** `fleet.json`: written last, so that an agent is enrolled when it is there. */
export interface FleetFile {
  readonly v: 1;
  readonly agent: string;
  /** URL of the hub's broker. */
  readonly hub: string;
  /** Where it enrolled, and may ask again when no broker takes its certificate any more. */
  readonly enroll: string;
  /** The root's public key; base64url. */
  readonly root: string;
  /** Highest serial of a hub's statement that was seen. */
  readonly serial: number;
}

/** Where it is in a data folder. */
export const folderOf = (data: string) => join(data, "identity");
const names = {
  key: "agent.key",
  certificate: "agent.crt",
  next: "agent.crt.next",
  root: "root.crt",
  fleet: "fleet.json",
} as const;

const isFleetFile = checksWith({})<FleetFile>({
  type: "object",
  required: ["v", "agent", "hub", "enroll", "root", "serial"],
  additionalProperties: false,
  properties: {
    v: { const: 1 },
    agent: { type: "string", pattern: "^[a-z0-9][a-z0-9._-]{0,62}$" },
    hub: { type: "string", pattern: "^mqtts://" },
    enroll: { type: "string", pattern: "^mqtts://" },
    root: { type: "string", pattern: publicKeyPattern },
    serial: { type: "integer", minimum: 0 },
  },
});

/** Which fleet the data folder belongs to; `null`: it is not enrolled. IDENTITY_FILES. */
export async function readFleetFile(data: string): Promise<FleetFile | null> {
  const path = join(folderOf(data), names.fleet);
  const text = await textIfThere(path);
  if (text === null) return null;
  try {
    const value: unknown = JSON.parse(text);
    if (isFleetFile(value)) return value;
  } catch {
    // Said below, with the place.
  }
  throw broken(path, "it is not what was written here");
}

/** The agent's key: the one that is there, or a new one. Resolves once on disk. FOLDER_UNUSABLE, IDENTITY_FILES. */
export async function agentKey(data: string): Promise<KeyObject> {
  const folder = folderOf(data);
  await makeDataFolder(folder, 0o700);
  const path = join(folder, names.key);
  const known = await textIfThere(path);
  if (known !== null) return readKey(known, path);
  const { privateKey } = generateKeyPairSync("ed25519");
  await writeWhole(path, keyPem(privateKey), 0o600);
  return privateKey;
}

/** What an enrolment has brought; the folder counts as enrolled once this resolves, and not before. */
export async function writeIdentity(
  data: string,
  {
    fleet,
    certificate,
    rootCertificate,
  }: { readonly fleet: FleetFile; readonly certificate: string; readonly rootCertificate: string },
): Promise<void> {
  const at = (name: string) => join(folderOf(data), name);
  await rm(at(names.next), { force: true });
  await writeWhole(at(names.certificate), certificate, 0o600);
  await writeWhole(at(names.root), rootCertificate, 0o600);
  await writeWhole(at(names.fleet), `${JSON.stringify(fleet, null, 2)}\n`, 0o600);
}

/** Opens what `petrel-agent enroll` has made; `null`: nothing, or not all of it. IDENTITY_FILES. */
export async function openIdentity(data: string, log: Logger): Promise<AgentIdentity | null> {
  const fleet = await readFleetFile(data);
  if (fleet === null) return null;
  const at = (name: string) => join(folderOf(data), name);
  const keyText = await textIfThere(at(names.key));
  if (keyText === null) throw broken(at(names.key), "the key is gone");
  const key = readKey(keyText, at(names.key));
  const root = publicKey(fleet.root);
  if (root === null) throw broken(at(names.fleet), "the root's key is none");
  const read = async (name: string) => {
    const text = await textIfThere(at(name));
    return text === null ? null : readCertificate(text, fleet.agent, key);
  };
  const first = await read(names.certificate);
  if (first === null) throw broken(at(names.certificate), "it is not a certificate of this agent's key");
  let current = first;
  // What a power cut or a refusal left of a renewal is tried again, or of no use.
  let next = await read(names.next);
  let { serial } = fleet;
  const written = { serial };
  /** Of an old statement: it is said once. */
  let toldOld = "";
  let outdated: number | null = null;
  let inForce: readonly KeyObject[] = [];
  const take = (statement: HubStatement): readonly KeyObject[] => {
    serial = statement.serial;
    outdated = null;
    if (written.serial !== serial) {
      try {
        writeWholeNow(at(names.fleet), `${JSON.stringify({ ...fleet, serial }, null, 2)}\n`, 0o600);
        written.serial = serial;
      } catch (error) {
        // In force in this life; written with the next hello.
        log.error("the serial of the hub's keys could not be kept", { serial, error });
      }
    }
    inForce = keysIn(statement);
    return inForce;
  };
  return {
    agent: fleet.agent,
    hub: fleet.hub,
    enroll: fleet.enroll,
    root,
    key,
    link: {
      side: "agent",
      key,
      hubKeys(value) {
        const statement = checkStatement(value, root);
        return statement === null || statement.serial < serial ? null : take(statement);
      },
      olderKeys(value) {
        const statement = checkStatement(value, root);
        return statement !== null && statement.serial < serial ? keysIn(statement) : null;
      },
      refused(value) {
        const statement = checkStatement(value, root);
        if (statement === null || statement.serial >= serial) return;
        const told = `${statement.serial} ${serial}`;
        if (told !== toldOld)
          log.error("the hub's keys are older than those that this agent has seen", {
            seen: serial,
            offered: statement.serial,
            fix: "on the hub: put back the newest copy of its folder keys, or `petrel hub keys rotate`",
          });
        toldOld = told;
        outdated = statement.serial;
      },
      serial: () => serial,
    },
    outdated: () => (outdated === null ? null : { offered: outdated, seen: serial }),
    keysFor(value) {
      const statement = checkStatement(value, root);
      return statement === null || statement.serial < serial ? inForce : take(statement);
    },
    tls: () => ({ key: keyPem(key), cert: (next ?? current).pem }),
    certificate: () => current,
    next: () => next,
    async offer(pem) {
      const offered = readCertificate(pem, fleet.agent, key);
      if (offered === null)
        throw broken(at(names.next), "the hub sent what is no certificate of this agent's key");
      await writeWhole(at(names.next), pem, 0o600);
      next = offered;
    },
    async proven() {
      if (next === null) return;
      await rename(at(names.next), at(names.certificate));
      await syncFolder(folderOf(data));
      current = next;
      next = null;
    },
    async withdrawn() {
      next = null;
      await rm(at(names.next), { force: true });
    },
  };
}

const keysIn = ({ keys }: HubStatement): readonly KeyObject[] =>
  keys.map((text) => publicKey(text)).filter((one) => one !== null);

function readCertificate(pem: string, agent: string, key: KeyObject): Certificate | null {
  const [leaf] = certificatesIn(pem) ?? [];
  if (leaf === undefined || subjectOf(leaf) !== agent) return null;
  const own = ed25519Of(leaf);
  return own !== null && publicText(own) === publicText(key) ? { pem, ...lifeOf(leaf) } : null;
}

function readKey(text: string, path: string): KeyObject {
  try {
    const key = createPrivateKey(text);
    if (key.asymmetricKeyType === "ed25519") return key;
  } catch {
    // Said below, with the place.
  }
  throw broken(path, "it holds no Ed25519 key");
}

function keyPem(key: KeyObject): string {
  return key.export({ format: "pem", type: "pkcs8" }).toString();
}

const broken = (where: string, why: string) =>
  new PetrelError("IDENTITY_FILES", `this agent's identity cannot be used: ${why}`, {
    where,
    hint: "move the folder `identity` away, have somebody run `petrel agent remove`, and enrol again",
  });

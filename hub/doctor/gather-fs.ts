/** Gathers what the doctor looks at: files and their modes, the disk, the hub's own options. */
import { readdir, readFile, stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import { isObject } from "../../shared/json.ts";
import type { AgentRecord } from "../../shared/model/agent.ts";
import type { ApiKeyRecord } from "../../shared/model/api-key.ts";
import { version } from "../../shared/version.ts";
import type { IdentityView, TokenView } from "../enrolment/enrolment-desk.ts";
import { type CertificateSource, certificateFacts } from "../http/certificate.ts";
import type { HubOptions } from "../hub-options.ts";
import type { FileFacts, HubFacts } from "./weak.ts";

export interface DoctorParts {
  readonly options: HubOptions;
  readonly certificate: CertificateSource | null;
  readonly keys: () => readonly ApiKeyRecord[];
  readonly agents: () => Promise<readonly AgentRecord[]>;
  /** Empty in dev mode. */
  readonly tokens: () => Promise<readonly TokenView[]>;
  readonly identities: () => Promise<readonly IdentityView[]>;
  readonly hostNow: () => number;
  readonly hubNow: () => number;
}

/** `null` when it is not there. */
async function fileFacts(path: string): Promise<FileFacts | null> {
  try {
    const found = await stat(path);
    return { path, mode: found.mode & 0o7777, uid: found.uid, isFolder: found.isDirectory() };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** How many keys the root key's statement names; 0 without one. */
async function keysIn(statement: string): Promise<number> {
  try {
    const read: unknown = JSON.parse(await readFile(statement, "utf8"));
    return isObject(read) && Array.isArray(read.keys) ? read.keys.length : 0;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return 0;
    throw error;
  }
}

export async function gatherFacts(parts: DoctorParts): Promise<HubFacts> {
  const { options, certificate } = parts;
  const { data, https } = options;
  const inKeys = (await namesIn(join(data, "keys"))).map((name) => join(data, "keys", name));
  const secretPaths = [data, join(data, "api.json"), join(data, "datastore.key"), ...inKeys];
  if (https?.tls) secretPaths.push(https.tls.key);
  const secrets = await Promise.all(secretPaths.map(fileFacts));
  const { bavail, bsize, blocks } = await statfs(data);
  const file = options.sources?.file ?? null;
  return {
    dev: options.dev,
    uid: process.getuid?.() ?? 0,
    version,
    data,
    http: options.http,
    insecure: https?.insecure ?? false,
    certificate:
      certificate === null
        ? null
        : { where: https?.tls?.cert ?? "the API's certificate", ...certificateFacts(certificate.current()) },
    broker:
      options.brokerUrl === null
        ? null
        : {
            hasPassword: new URL(options.brokerUrl).password !== "",
            from: options.sources?.brokerUrl ?? "broker.url",
          },
    configFile: file === null ? null : await fileFacts(file),
    secrets: secrets.filter((found) => found !== null),
    hasRootKey: inKeys.includes(join(data, "keys", "root.key")),
    keys: parts.keys(),
    agents: await parts.agents(),
    tokens: (await parts.tokens()).filter(({ state }) => state === "usable"),
    pending: (await parts.identities()).filter(({ state }) => state === "pending").length,
    hubKeys: options.dev ? 0 : await keysIn(join(data, "keys", "statement.json")),
    disk: blocks === 0 ? null : { freeBytes: bavail * bsize, totalBytes: blocks * bsize },
    hostNow: parts.hostNow(),
    hubNow: parts.hubNow(),
  };
}

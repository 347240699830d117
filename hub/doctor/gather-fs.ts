/** Gathers what the doctor looks at: files and their modes, the disk, the hub's own options, what its rooms know. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { timestamp } from "../../shared/clock.ts";
import { diskFacts, fileFacts, filesFacts, folderBytes, syncTime } from "../../shared/doctor/host-fs.ts";
import { lastUpgrade } from "../../shared/doctor/last-upgrade-fs.ts";
import { unitFacts } from "../../shared/doctor/unit-fs.ts";
import { certificatesIn } from "../../shared/identity/certificates.ts";
import { isObject } from "../../shared/json.ts";
import type { ApiKeyRecord } from "../../shared/model/api-key.ts";
import type { Enforcement } from "../../shared/model/rule.ts";
import { version } from "../../shared/version.ts";
import { textIfThere } from "../../shared/whole-file-fs.ts";
import { readLastBackup } from "../backup/last-backup-fs.ts";
import { keyFileName } from "../datastore/key-file-fs.ts";
import { apiFilePath } from "../http/api-file-fs.ts";
import { type CertificateSource, certificateFacts } from "../http/certificate.ts";
import type { HubOptions } from "../hub-options.ts";
import { keysFolder, rootKeyPath } from "../identity/keys-fs.ts";
import { hubProduct } from "../install/product.ts";
import type { HubOperations } from "../operations.ts";
import type { Store } from "../store/store.ts";
import type { CertificateLife, FailedRule, HubFacts, HubHostFacts } from "./hub-facts.ts";

const dayMs = 86_400_000;
/** Of failed enforcements, and of gaps: the newest. */
const mostRead = 500;
/** Agents that are furthest behind. */
const mostBehind = 100;

export interface HostParts {
  readonly data: string;
  /** Of the hub's account. */
  readonly uid: number;
  readonly configFile: string | null;
  /** Files with secrets outside of the data folder. */
  readonly otherSecrets: readonly string[];
  readonly hostNow: number;
}

export interface DoctorParts {
  readonly options: HubOptions;
  readonly certificate: CertificateSource | null;
  readonly keys: () => readonly ApiKeyRecord[];
  readonly store: Pick<Store, "agents" | "sensors" | "gaps" | "enforcements">;
  readonly operations: Pick<
    HubOperations,
    "figures" | "top" | "tokens" | "identities" | "webhooks" | "agentReleases"
  >;
  readonly laterProtocol: () => HubFacts["laterProtocol"];
  readonly hostNow: () => number;
  readonly hubNow: () => number;
}

/** Rejects with the system's error for what may not be looked at. */
export async function gatherHost(parts: HostParts): Promise<HubHostFacts> {
  const { data, uid, configFile, otherSecrets, hostNow } = parts;
  const keys = keysFolder(data);
  const [
    secrets,
    disk,
    config,
    hubKeys,
    fleetCertificates,
    storeBytes,
    blobBytes,
    lastBackup,
    unit,
    upgrade,
  ] = await Promise.all([
    filesFacts([data, keys, apiFilePath(data), join(data, keyFileName), ...otherSecrets], [keys]),
    diskFacts(data),
    configFile === null ? null : fileFacts(configFile),
    keysIn(join(keys, "statement.json")),
    certificateLives(keys),
    folderBytes(join(data, "store")),
    folderBytes(join(data, "blobs")),
    readLastBackup(data),
    unitFacts(hubProduct.unit),
    lastUpgrade(hubProduct),
  ]);
  return {
    uid,
    data,
    disk,
    sync: secrets.some(({ path }) => path === data) ? await syncTime(data) : null,
    configFile: config,
    secrets,
    hasDatastoreKey: secrets.some(({ path }) => path === join(data, keyFileName)),
    hasRootKey: secrets.some(({ path }) => path === rootKeyPath(data)),
    hubKeys,
    fleetCertificates,
    storeBytes,
    blobBytes,
    lastBackup,
    unit,
    lastUpgrade: upgrade,
    hostNow,
  };
}

export async function gatherFacts(parts: DoctorParts): Promise<HubFacts> {
  const { options, certificate, store, operations } = parts;
  const { data, https, dev } = options;
  const uid = process.getuid?.() ?? 0;
  const hubNow = parts.hubNow();
  const since = timestamp(hubNow - dayMs);
  const configFile = options.sources?.file ?? null;
  const otherSecrets = https?.tls ? [https.tls.key] : [];
  const [host, figures, top, agents, sensors, gaps, failed, webhooks, tokens, identities, releases] =
    await Promise.all([
      gatherHost({ data, uid, configFile, otherSecrets, hostNow: parts.hostNow() }),
      operations.figures(),
      operations.top({ order: "lag", agents: mostBehind, chains: 0 }),
      store.agents(),
      store.sensors(),
      store.gaps({ limit: mostRead, since }),
      store.enforcements({ status: "failed" }, { limit: mostRead, since }),
      operations.webhooks(),
      dev ? [] : operations.tokens(),
      dev ? [] : operations.identities(),
      operations.agentReleases(),
    ]);
  return {
    ...host,
    dev,
    version,
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
    brokerReached: figures.broker.reached,
    storeFailed: figures.store.failed,
    lastBatchMs: figures.store.lastBatchMs,
    creditEntries: figures.credit.entries,
    pausedAgents: figures.intake.paused,
    pendingInstances: figures.pending_instances,
    deadLetters: figures.dead_letters,
    agentFormat:
      releases.find((one) => one.version === version && one.store_format != null)?.store_format ?? null,
    laterProtocol: parts.laterProtocol(),
    gaps: gaps.items,
    keys: parts.keys(),
    agents: agents.filter(({ removed }) => removed === undefined),
    behind: top.agents,
    sensors,
    failedRules: byRule(failed.items),
    webhooks,
    tokens: tokens.filter(({ state }) => state === "usable"),
    pending: identities.filter(({ state }) => state === "pending").length,
    hubNow,
  };
}

/** `null` values of a reason are shown as such: a rule's failure always has one. */
function byRule(enforcements: readonly Enforcement[]): readonly FailedRule[] {
  const groups = Map.groupBy(enforcements, ({ rule }) => rule);
  return [...groups].map(([rule, failed]) => {
    // The code alone: what stands behind it may quote a payload.
    const reason =
      /^[A-Z_]+(?:: [A-Z_]+)?(?=:|$)/.exec(failed[0]?.failure_reason ?? "")?.[0] ?? "see its enforcements";
    return { rule, reason, count: failed.length };
  });
}

/** What the root key's statement says of the hub's keys. */
async function keysIn(statement: string): Promise<HubHostFacts["hubKeys"]> {
  const text = await textIfThere(statement);
  const read: unknown = text === null ? null : JSON.parse(text);
  if (!isObject(read) || !Array.isArray(read.keys)) return { count: 0, serial: 0 };
  return { count: read.keys.length, serial: Number(read.serial) };
}

/** Of the newest certificate in each file of the folder. */
async function certificateLives(folder: string): Promise<readonly CertificateLife[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  const lives = await Promise.all(
    names
      .filter((name) => name.endsWith(".crt"))
      .map(async (name): Promise<readonly CertificateLife[]> => {
        const where = join(folder, name);
        const [first] = certificatesIn(await readFile(where, "utf8")) ?? [];
        if (first === undefined) return [];
        return [{ where, validFrom: Date.parse(first.validFrom), validTo: Date.parse(first.validTo) }];
      }),
  );
  return lives.flat();
}

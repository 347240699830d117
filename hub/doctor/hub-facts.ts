/** What `petrel doctor` judges of a hub: gathered by `gather-fs.ts`, judged by the tables of this folder. */
import type { ListenAddress } from "../../shared/config/listen.ts";
import type { DiskFacts, FileFacts } from "../../shared/doctor/host-facts.ts";
import type { LastUpgrade } from "../../shared/doctor/last-upgrade.ts";
import type { UnitFacts } from "../../shared/doctor/unit.ts";
import type { AgentRecord, SensorRecord } from "../../shared/model/agent.ts";
import type { ApiKeyRecord } from "../../shared/model/api-key.ts";
import type { EnrolmentToken } from "../../shared/model/identity.ts";
import type { LaterProtocol } from "../agents/agent-links.ts";
import type { AgentFigures } from "../figures/top.ts";
import type { GapRecord } from "../store/port/history.ts";
import type { WebhookView } from "../webhooks/webhook-desk.ts";

/** Of a certificate; times in ms since the epoch. */
export interface CertificateLife {
  readonly where: string;
  readonly validFrom: number;
  readonly validTo: number;
}

/** What of a hub is known also while it does not run: its host, and what lies in its data folder. */
export interface HubHostFacts {
  /** Id of the hub's account. */
  readonly uid: number;
  readonly data: string;
  readonly disk: DiskFacts | null;
  /** ms that a sync of the data folder took, or why it could not be done; `null`: not tried. */
  readonly sync: number | Error | null;
  /** hub.yaml, where one was read. */
  readonly configFile: FileFacts | null;
  /** Those that are there of the files with secrets, and the data folder itself. */
  readonly secrets: readonly FileFacts[];
  readonly hasRootKey: boolean;
  /** Its `datastore.key` is there, whatever it holds. */
  readonly hasDatastoreKey: boolean;
  /** By the root key's statement: how many keys count as the hub's, and its serial; 0 without one. */
  readonly hubKeys: { readonly count: number; readonly serial: number };
  /** Of the fleet: root, CA, the broker's server. */
  readonly fleetCertificates: readonly CertificateLife[];
  /** Bytes of the database and of large results. */
  readonly storeBytes: number | null;
  readonly blobBytes: number | null;
  /** The last one that this data folder's hub has made, RFC 3339; `null`: none that is known of. */
  readonly lastBackup: { readonly at: string; readonly folder: string } | null;
  readonly unit: UnitFacts;
  readonly lastUpgrade: LastUpgrade;
  /** Milliseconds by the host's clock. */
  readonly hostNow: number;
}

export interface FailedRule {
  readonly rule: string;
  readonly reason: string;
  readonly count: number;
}

export interface HubFacts extends HubHostFacts {
  readonly dev: boolean;
  readonly version: string;
  readonly http: ListenAddress;
  readonly insecure: boolean;
  /** Of the certificate that the API shows; `null` without TLS. */
  readonly certificate: CertificateLife | null;
  /** `null`: the embedded broker. */
  readonly broker: { readonly hasPassword: boolean; readonly from: string } | null;
  readonly brokerReached: boolean;
  readonly storeFailed: boolean;
  /** Milliseconds of the last synced batch. */
  readonly lastBatchMs: number;
  /** What an agent may have on its way now: 0 pauses all. */
  readonly creditEntries: number;
  readonly pausedAgents: number;
  readonly pendingInstances: number;
  readonly deadLetters: number;
  /** Of the database of an agent of the hub's own version, as the binary said that the hub has of it; `null`: not known. */
  readonly agentFormat: number | null;
  /** Agents whose messages are of a later protocol. */
  readonly laterProtocol: readonly LaterProtocol[];
  /** The newest. */
  readonly gaps: readonly Pick<GapRecord, "agent" | "recorded_at" | "reason">[];
  readonly keys: readonly ApiKeyRecord[];
  readonly agents: readonly AgentRecord[];
  /** Those that are furthest behind. */
  readonly behind: readonly Pick<AgentFigures, "id" | "state" | "lag_ms" | "backlog">[];
  readonly sensors: readonly Pick<SensorRecord, "agent" | "sensor" | "state" | "restarts">[];
  /** Enforcements that failed within a day, by rule and reason. */
  readonly failedRules: readonly FailedRule[];
  readonly webhooks: readonly WebhookView[];
  /** Those that a host can still enrol with. */
  readonly tokens: readonly Pick<EnrolmentToken, "id" | "uses" | "expires_at">[];
  /** Hosts that wait to be approved. */
  readonly pending: number;
  /** Milliseconds by the hub's clock, which never goes back. */
  readonly hubNow: number;
}

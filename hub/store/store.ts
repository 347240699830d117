/**
 * The hub's storage as intents. LevelDB is its first implementation, `test/contract/store-cases.ts` its definition.
 * Nothing above this port may assume that it is the only process: every change names what it expects to find.
 * Each subject has its part of it in `port/`, beside the types that only this part speaks of.
 */

import type { AccessStore } from "./port/access.ts";
import type { AgentStore, IdentityStore } from "./port/agents.ts";
import type { AuditStore } from "./port/audit.ts";
import type { ChangeSource } from "./port/changes.ts";
import type { ContentStore } from "./port/content.ts";
import type { KeyStore, SettingStore } from "./port/datastore.ts";
import type { ExecutionStore, GateStore } from "./port/executions.ts";
import type { FileStore, VerificationStore } from "./port/files.ts";
import type { HistoryStore } from "./port/history.ts";
import type { IntakeStore } from "./port/intake.ts";
import type { JobStore } from "./port/jobs.ts";
import type { LedgerStore } from "./port/ledgers.ts";
import type { RetentionStore } from "./port/retention.ts";
import type { ThrottleStore } from "./port/throttles.ts";
import type { UpgradeStore } from "./port/upgrades.ts";

/** All parts on one database: a batch of one may write records of another. */
export interface Store
  extends LedgerStore,
    IntakeStore,
    ThrottleStore,
    ExecutionStore,
    GateStore,
    JobStore,
    HistoryStore,
    FileStore,
    VerificationStore,
    ContentStore,
    AgentStore,
    IdentityStore,
    UpgradeStore,
    KeyStore,
    SettingStore,
    AccessStore,
    AuditStore,
    RetentionStore,
    ChangeSource {
  close(): Promise<void>;
}

/** What can be asked of the audit's chain. */
import type { AuditHead, AuditPage, AuditTrace, NotedHead } from "../../audit/audit.ts";

/**
 * Each batch that writes an instance, an enforcement, an execution, a rule or an entry for an agent writes one row of
 * the audit's chain with it: see `hub/audit/chain.ts`.
 */
export interface AuditStore {
  auditHead(): Promise<AuditHead>;
  /** One bounded piece: the first without a cursor, and with it what `noted` says of a head. Several processes may write meanwhile. */
  verifyAudit(cursor?: string, noted?: NotedHead): Promise<AuditPage>;
  /** What rows tell of an execution or a trigger instance, as far as they are kept (the first 5,000); `null`: none does. */
  traceAudit(id: string): Promise<AuditTrace | null>;
}

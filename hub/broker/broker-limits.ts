/** What one client may cost the embedded broker. */
import { defaultShares } from "../../shared/config/hub-config.ts";

export interface BrokerLimits {
  /** A client must have said CONNECT by then. */
  readonly connectTimeoutMs: number;
  /** A client whose full socket has not drained by then is closed. */
  readonly drainTimeoutMs: number;
  /** Seconds; also for clients that ask for more, or for none. */
  readonly keepalive: number;
  readonly connections: number;
  /** Of one client, handed to ingest and not settled; beyond, its socket is left unread. */
  readonly pendingBytes: number;
  /** Of one client, sent and not yet in its socket; beyond, what is sent to it is dropped. */
  readonly unsentBytes: number;
  /** A larger presence is delivered but not retained. */
  readonly retainedBytes: number;
  /** Hosts that enrol at the same time. */
  readonly enrolments: number;
  /** Those of them that one address may have. */
  readonly enrolmentsPerAddress: number;
  /** Connections of one address that have not proven who they are: in the TLS handshake, before CONNECT, or enrolling. */
  readonly strangersPerAddress: number;
  /** One that enrols is closed by then. */
  readonly enrolMs: number;
  /** What one of them may ask in that time. */
  readonly enrolAsks: number;
}

export const defaultBrokerLimits: BrokerLimits = {
  connectTimeoutMs: 10_000,
  drainTimeoutMs: 15_000,
  keepalive: 300,
  connections: 20_000,
  pendingBytes: 512 * 1024,
  unsentBytes: 1024 * 1024,
  retainedBytes: 4 * 1024,
  enrolments: 64,
  enrolmentsPerAddress: defaultShares.enrolments,
  strangersPerAddress: defaultShares.strangers,
  enrolMs: 30_000,
  enrolAsks: 4,
};

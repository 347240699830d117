/** What the agent's other rooms know of its identity. */
import type { KeyObject } from "node:crypto";
import type { LinkIdentity } from "../../shared/wire/session-authenticator.ts";

export interface Certificate {
  /** PEM: its own, then its issuer's. */
  readonly pem: string;
  /** Milliseconds since the epoch, the hub's time. */
  readonly issuedAt: number;
  readonly notAfter: number;
}

export interface AgentIdentity {
  readonly agent: string;
  readonly hub: string;
  readonly enroll: string;
  readonly root: KeyObject;
  readonly key: KeyObject;
  /** For the link; `hubKeys` remembers the highest serial on disk. */
  readonly link: Extract<LinkIdentity, { readonly side: "agent" }>;
  /** The serial that the hub itself has last offered while a newer one had been seen: it is refused. `null`: none, or a newer one since. */
  outdated(): { readonly offered: number; readonly seen: number } | null;
  /**
   * The hub's keys that count for what was sent with this statement, and kept: its own, unless the hub has had newer ones
   * since: then those. None before the hub has said any in this life.
   */
  keysFor(statement: unknown): readonly KeyObject[];
  /** What to show a broker: the certificate in use, or a renewed one that has to prove itself. */
  tls(): { readonly key: string; readonly cert: string };
  certificate(): Certificate;
  /** A renewed one that no broker has taken yet. */
  next(): Certificate | null;
  /** Keeps a renewed certificate beside the one in use. IDENTITY_FILES when it is not for this key and id. */
  offer(pem: string): Promise<void>;
  /** A broker took the connection that showed `next`: it is the one in use from now on. */
  proven(): Promise<void>;
  /** A broker refused it: the one before is shown again. */
  withdrawn(): Promise<void>;
}

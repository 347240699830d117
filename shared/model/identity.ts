/** Who may speak as an agent, as the hub knows it. */

export type IdentityState = "pending" | "active" | "removed";

export interface AgentIdentity {
  readonly agent: string;
  /** Its public key: Ed25519, base64url. */
  readonly key: string;
  readonly state: IdentityState;
  /** Keys that were removed under this id before; left out when there are none. */
  readonly former?: readonly string[];
  /** Of its token, or as it was approved with. */
  readonly labels: Readonly<Record<string, string>>;
  /** Id of the token it enrolled with; `null`: a person approved it. */
  readonly token: string | null;
  /** RFC 3339, hub time. */
  readonly requested_at: string;
  readonly enrolled_at: string | null;
  /** `ip:port` that it asked from; `null` where a broker hides it. */
  readonly address: string | null;
  /** The host's own name for itself. */
  readonly host: string | null;
  /** The one it was given last; `null` while it has none. */
  readonly certificate: IssuedCertificate | null;
  readonly rev: number;
}

export interface IssuedCertificate {
  /** Hexadecimal. */
  readonly serial: string;
  /** RFC 3339. */
  readonly issued_at: string;
  readonly not_after: string;
  /** Of it alone, without its issuer's. */
  readonly pem: string;
}

export interface EnrolmentToken {
  readonly id: string;
  /** Key of its HMACs, as sealed by the datastore's key. */
  readonly sealed: string;
  /** That are left. */
  readonly uses: number;
  readonly uses_at_first: number;
  /** RFC 3339, hub time. */
  readonly created_at: string;
  readonly expires_at: string;
  readonly labels: Readonly<Record<string, string>>;
  /** The only agent id it is good for; `null`: any. */
  readonly agent: string | null;
  readonly revoked: boolean;
  readonly rev: number;
}

/** What a failed connection to a broker means, by the broker's own words (MQTT 3.1.1 §3.2.2.3, RFC 8446 §6.2). */
import { type ErrorCode, isPetrelError } from "../errors.ts";

export interface ConnectionTrouble {
  readonly code: Extract<
    ErrorCode,
    | "BROKER_UNREACHABLE"
    | "AGENT_CONFLICT"
    | "IDENTITY_UNKNOWN"
    | "IDENTITY_KEY"
    | "IDENTITY_CLOCK"
    | "HUB_UNTRUSTED"
  >;
  readonly message: string;
}

const refusals = new Map<unknown, ConnectionTrouble>([
  [4, { code: "IDENTITY_KEY", message: "the hub knows this agent id with another key" }],
  [
    5,
    {
      code: "IDENTITY_UNKNOWN",
      message: "the hub knows no enrolled agent of this id; it may have been removed",
    },
  ],
]);

/** `tls`: only there a refusal is about identities. */
export function connectionTrouble(reason: unknown, tls: boolean): ConnectionTrouble {
  if (isPetrelError(reason) && reason.code === "HUB_UNTRUSTED")
    return { code: "HUB_UNTRUSTED", message: reason.message };
  const code = reason instanceof Error && "code" in reason ? reason.code : undefined;
  if (code === 2) {
    return { code: "AGENT_CONFLICT", message: "the broker refuses this id, which another machine may have" };
  }
  const refusal = tls ? refusals.get(code) : undefined;
  if (refusal !== undefined) return refusal;
  const alert = typeof code === "string" && code.startsWith("ERR_SSL_") ? code : "";
  if (/CERTIFICATE_(EXPIRED|NOT_YET_VALID)/.test(alert)) {
    return {
      code: "IDENTITY_CLOCK",
      message: "the broker takes this agent's certificate for expired, or not yet valid",
    };
  }
  if (/ALERT_(UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_)/.test(alert)) {
    return { code: "IDENTITY_UNKNOWN", message: "the broker does not take this agent's certificate" };
  }
  return { code: "BROKER_UNREACHABLE", message: "the broker does not answer" };
}

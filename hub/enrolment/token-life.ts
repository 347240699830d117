/** How long an enrolment token is good, and how it looks as text. */
import { parseTimestamp } from "../../shared/clock.ts";
import type { EnrolmentToken } from "../../shared/model/identity.ts";

export type TokenProblem = "used" | "expired" | "revoked";

/** Why a token cannot be used; `null` while it can. `now`: hub time in ms. */
export function tokenProblem(
  token: Pick<EnrolmentToken, "uses" | "expires_at" | "revoked">,
  now: number,
): TokenProblem | null {
  if (token.revoked) return "revoked";
  if (now >= (parseTimestamp(token.expires_at) ?? 0)) return "expired";
  return token.uses > 0 ? null : "used";
}

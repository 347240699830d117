/**
 * Keys that were removed under an id. What a host once said to enrol can be said again by whoever carried it, as long as
 * its token is good: so a key that was removed never comes back under its id, however many others had it since. Pure.
 */
import type { AgentIdentity } from "../../shared/model/identity.ts";

/** All of them, the latest last. */
export function formerKeys(known: AgentIdentity | null): readonly string[] {
  if (known === null) return [];
  const { former = [], state, key } = known;
  return state === "removed" ? [...former, key] : former;
}

/** What stays of an identity that waits for approval, once it is turned down; `null`: nothing. */
export function turnedDown(pending: AgentIdentity): AgentIdentity | null {
  const former = formerKeys(pending);
  const key = former.at(-1);
  if (key === undefined) return null;
  return { ...pending, state: "removed", key, former: former.slice(0, -1), rev: pending.rev + 1 };
}

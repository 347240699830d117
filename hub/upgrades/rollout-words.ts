/** What agents are told when a rollout is brought on: which binaries to upgrade to, or that nothing is asked any more. */
import { timestamp } from "../../shared/clock.ts";
import type { HubStatement } from "../../shared/identity/hub-statement.ts";
import type { AgentRollout } from "../../shared/model/agent-rollout.ts";
import { type SignedManifest, signManifest } from "../../shared/upgrade/manifest.ts";
import type { UpgradeEntry } from "../../shared/wire/messages.ts";
import type { Dispatch } from "../store/port/ledgers.ts";
import type { RolloutStep } from "./rollout.ts";

/** Who speaks, and when. */
export interface Sender {
  /** The hub's key and what certifies it, as they are now; `null` in dev mode. */
  readonly signer: () => {
    readonly statement: HubStatement;
    readonly key: Parameters<typeof signManifest>[1];
  } | null;
  readonly newId: () => string;
  /** Hub time in ms. */
  readonly now: () => number;
}

/** Entries for all that are asked, and for all from whom it is taken back. */
export function wordsTo(
  rollout: AgentRollout,
  { ask, withdraw }: Pick<RolloutStep, "ask" | "withdraw">,
  { signer, newId, now }: Sender,
): Dispatch[] {
  if (ask.length + withdraw.length === 0) return [];
  const by = signer();
  // Once for all: the signature is the same, and a batch may be the whole fleet.
  const signed = ask.length > 0 ? rollout.releases.map((one) => signManifest(one, by?.key ?? null)) : [];
  const dispatch = (agent: string, releases: readonly SignedManifest[]): Dispatch => {
    const nowMs = now();
    const entry: UpgradeEntry = {
      kind: "upgrade",
      id: newId(),
      at: timestamp(nowMs),
      upgrade: rollout.id,
      releases,
      allow_downgrade: rollout.allow_downgrade,
      expires_at: timestamp(nowMs + rollout.within * 1_000),
      ...(by !== null && { hub_keys: by.statement }),
    };
    return { agent, entry };
  };
  // Without releases it takes back what was asked.
  return [...ask.map((agent) => dispatch(agent, signed)), ...withdraw.map((agent) => dispatch(agent, []))];
}

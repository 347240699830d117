/** Who is enrolled: read at once from memory, as last stored by anybody this process heard of. */
import type { KeyObject } from "node:crypto";
import { publicKey } from "../../shared/identity/ed25519.ts";
import type { Logger } from "../../shared/log.ts";
import type { AgentIdentity } from "../../shared/model/identity.ts";
import { Rounds } from "../../shared/rounds.ts";
import type { Timers } from "../../shared/timers.ts";
import type { Store } from "../store/store.ts";

export interface Identities {
  all(): readonly AgentIdentity[];
  get(agent: string): AgentIdentity | null;
  /** Of an active agent; `null` for any other. */
  keyOf(agent: string): KeyObject | null;
  isActive(agent: string): boolean;
  /** How a connection with this key (base64url; `null`: it has none) under this id is to be judged. */
  judge(agent: string, key: string | null): "known" | "other_key" | "unknown";
  /** Called when an active agent is no longer, or has another key: its connection counts no more. */
  onRevoked(listener: (agent: string) => void): () => void;
  close(): Promise<void>;
}

export interface IdentitiesOptions {
  readonly store: Pick<Store, "identities" | "subscribeChanges">;
  readonly timers: Timers;
  readonly jitter: () => number;
  readonly log: Logger;
}

interface Known {
  readonly identity: AgentIdentity;
  readonly key: KeyObject | null;
}

export async function openIdentities(options: IdentitiesOptions): Promise<Identities> {
  const { store, timers, jitter, log } = options;
  const known = new Map<string, Known>();
  const listeners = new Set<(agent: string) => void>();
  const remember = (identity: AgentIdentity) => {
    const { agent } = identity;
    const before = known.get(agent);
    if (before !== undefined && before.identity.rev > identity.rev) return;
    const isSame = before?.identity.key === identity.key;
    known.set(agent, { identity, key: isSame ? before.key : publicKey(identity.key) });
    const wasActive = before?.identity.state === "active";
    if (wasActive && !(isSame && identity.state === "active"))
      for (const listener of listeners) listener(agent);
  };
  const readAll = async () => {
    for (const identity of await store.identities()) remember(identity);
  };
  const reading = new Rounds({
    timers,
    jitter,
    work: readAll,
    failed: (error, retryMs) =>
      log.error("the agents' identities could not be read again yet", { error, retry_in_ms: retryMs }),
  });
  const stopListening = store.subscribeChanges(
    (changes) => {
      for (const change of changes) {
        if (change.type === "identity") remember(change.identity);
        else if (change.type === "identity-gone") known.delete(change.agent);
        else if (change.type === "reopened") void reading.ask();
      }
    },
    ["identity", "identity-gone"],
  );
  await readAll();
  const active = (agent: string) => {
    const one = known.get(agent);
    return one?.identity.state === "active" ? one : null;
  };
  return {
    all: () => [...known.values()].map(({ identity }) => identity),
    get: (agent) => known.get(agent)?.identity ?? null,
    keyOf: (agent) => active(agent)?.key ?? null,
    isActive: (agent) => active(agent) !== null,
    judge(agent, key) {
      const one = active(agent);
      if (one === null || key === null) return "unknown";
      return one.identity.key === key ? "known" : "other_key";
    },
    onRevoked(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async close() {
      stopListening();
      await reading.stop();
    },
  };
}
